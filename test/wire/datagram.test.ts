import { readFileSync } from 'node:fs';
import { decode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SignedRecord } from '../../src/core/record.ts';
import { verifyRecord } from '../../src/core/signing.ts';
import { encodeRecordDatagram, encodeRecordMessage } from '../../src/wire/datagram.ts';
import { decodeRecord } from '../../src/wire/record-codec.ts';
import { record, TEST_KEYS } from '../helpers/records.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('wire/datagram');

const vectors = new URL('../vectors/udp/', import.meta.url);
type Fields = Record<string, unknown>;

function fieldsOf(datagram: Uint8Array): Fields {
  assert.is(Buffer.from(datagram.subarray(0, 4)).toString('hex'), 'abc16129');
  return decode(datagram.subarray(4)) as Fields;
}

/** The fields of a datagram that the original sent. */
function original(name: string): Fields {
  const { captured } = JSON.parse(readFileSync(new URL('manifest.json', vectors), 'utf8'));
  const { decoded } = captured.find(({ file }: { file: string }) => file === name);
  return Object.fromEntries(
    Object.entries(decoded as Fields).map(([field, value]) => {
      const hex = typeof value === 'object' && value !== null && 'hex' in value ? value.hex : null;
      return [field, hex === null ? value : Buffer.from(String(hex), 'hex')];
    }),
  );
}

function recordOf(fields: Fields): SignedRecord {
  return {
    id: Number(fields['id']),
    type: 'publicSocialPost',
    key: String(fields['key']),
    hash: fields['hash'] as Uint8Array,
    timestamp: Number(fields['mod']),
    modified: Number(fields['mod']),
    prev: Number(fields['prev']),
    prevChange: Number(fields['prevch']),
    signature: fields['sig'] as Uint8Array,
  };
}

test('encodeRecordDatagram :: has what the original sends, in its order, and what it leaves out', () => {
  for (const name of ['01-record-first.bin', '02-record-second.bin', '03-record-update.bin']) {
    const sent = original(name);
    const publicKey = sent['chain'] as Uint8Array;

    const datagram = encodeRecordDatagram(recordOf(sent), { publicKey, httpPort: 33125 });

    const { type, ts, ...rest } = fieldsOf(datagram);
    assert.equal(Object.keys(rest), Object.keys(sent));
    for (const [field, value] of Object.entries(sent)) {
      const ours = rest[field];
      if (value instanceof Uint8Array) assert.equal(Buffer.from(ours as Uint8Array), value);
      else assert.is(ours, value);
    }
    assert.is(type, 'publicSocialPost');
    assert.is(ts, sent['mod']);
  }
});

test('encodeRecordMessage :: is a record to who reads one, and its signature can be checked', () => {
  const { publicKey } = TEST_KEYS;
  const signed = record({ id: 3, type: 'file', key: 'index.html', timestamp: 5 });

  const message = encodeRecordMessage(signed, { publicKey, httpPort: 0 });

  const { chain, head, value, ...read } = decodeRecord(message);
  verifyRecord(read, publicKey);
  assert.equal(chain, publicKey);
  assert.is(read.type, 'file');
  assert.is(read.timestamp, 5);
  const forged = { ...read, timestamp: 6 };
  assert.throws(() => verifyRecord(forged, publicKey), throwsCode('SIGNATURE_INVALID'));
});

test('encodeRecordDatagram :: a long key is left out, so that it stays within 2 KiB', () => {
  const sent = original('01-record-first.bin');
  const publicKey = sent['chain'] as Uint8Array;
  const sender = { publicKey, httpPort: 33125 };
  const long = { ...recordOf(sent), key: 'k'.repeat(4000) };

  const short = fieldsOf(encodeRecordDatagram(long, sender));

  assert.equal(Object.keys(short), ['mtype', 'mod', 'httpport', 'chain']);
  const almost = { ...recordOf(sent), key: 'k'.repeat(1700) };
  assert.is(fieldsOf(encodeRecordDatagram(almost, sender))['key'], almost.key);
});

test.run();
