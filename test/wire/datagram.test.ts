import { readdirSync, readFileSync } from 'node:fs';
import { decode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SignedRecord } from '../../src/core/record.ts';
import { verifyRecord } from '../../src/core/signing.ts';
import {
  type Datagram,
  decodeDatagram,
  encodeRecordDatagram,
  encodeRecordMessage,
  encodeRequestDatagram,
} from '../../src/wire/datagram.ts';
import { decodeRecord } from '../../src/wire/record-codec.ts';
import { record, TEST_KEYS } from '../helpers/records.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
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

function bytesOf(file: string): Uint8Array {
  return readFileSync(new URL(file, vectors));
}

function plainOf(message: Datagram | undefined): unknown {
  if (message === undefined) return undefined;
  const { kind, publicKey, ...rest } = message;
  const chain = Buffer.from(publicKey).toString('hex');
  return rest && 'record' in rest
    ? { kind, chain, modified: rest.modified, httpPort: rest.httpPort }
    : { kind, chain, ...rest };
}

test('decodeDatagram :: understands everything that the original sends', () => {
  const manifest = JSON.parse(readFileSync(new URL('manifest.json', vectors), 'utf8'));
  assert.is(manifest.captured.length, 9);

  for (const { file, decoded } of manifest.captured) {
    const { mtype, chain, time, mod, httpport } = decoded;
    const expected =
      mtype === 'record'
        ? { kind: 'record', chain: chain.hex, modified: mod, httpPort: httpport }
        : { kind: 'request', chain: chain.hex, time };
    const message = decodeDatagram(bytesOf(file));
    assert.equal(plainOf(message), expected, file);
    // No type and no timestamp: nobody can check it.
    if (message?.kind === 'record') assert.is(message.record, undefined, file);
  }
});

test('decodeDatagram :: takes and refuses what the original takes and refuses', () => {
  const { inbound, pubkey_b64 } = JSON.parse(
    readFileSync(new URL('manifest.json', vectors), 'utf8'),
  );
  assert.is(inbound.length, 22);

  for (const { file, name, publisher_tip, ...did } of inbound) {
    const message = decodeDatagram(bytesOf(file));
    const isKnown =
      message !== undefined && Buffer.from(message.publicKey).toString('base64') === pubkey_b64;
    const replies = isKnown && message.kind === 'request' && message.time < publisher_tip;
    const asks = isKnown && message.kind === 'record' && message.modified > publisher_tip;
    if ('reply' in did) assert.is(replies, did.reply, name);
    else assert.is(asks, (did.http_requests_made_by_receiver_to_sender_ip ?? []).length > 0, name);
  }
});

test('decodeDatagram :: gives back what was encoded, with a record that can be checked', () => {
  const { publicKey } = TEST_KEYS;
  const signed = record({ id: 3, type: 'file', key: 'é/index.html', timestamp: -5 });

  const message = decodeDatagram(encodeRecordDatagram(signed, { publicKey, httpPort: 8080 }));
  const asked = decodeDatagram(encodeRequestDatagram(publicKey, 1550000008000000));

  assert.ok(message?.kind === 'record' && message.record !== undefined);
  assert.is(message.httpPort, 8080);
  assert.is(message.modified, signed.modified);
  verifyRecord(message.record, publicKey);
  assert.equal(asked, { kind: 'request', publicKey, time: 1550000008000000 });
});

test('encodeRequestDatagram :: has what the original asks, and is filled up to 128 bytes', () => {
  const { publicKey } = TEST_KEYS;

  for (const time of [0, 200, 70_000, 2 ** 33, 1550000008000000]) {
    const datagram = encodeRequestDatagram(publicKey, time);
    const { mtype, chain, time: sent } = fieldsOf(datagram);
    assert.is(datagram.length, 128);
    assert.equal([mtype, sent], ['getRecordsSince', time]);
    assert.equal(Buffer.from(chain as Uint8Array), Buffer.from(publicKey));
  }
});

test('encodeRecordDatagram :: as an answer is at most three times what the original asks', () => {
  const { publicKey } = TEST_KEYS;
  const signed = record({ id: 3, key: 'k'.repeat(100) });
  const asked = bytesOf('08-getRecordsSince-new-mirror.bin').length;

  const short = encodeRecordDatagram(signed, { publicKey, httpPort: 33125 }, 3 * asked);

  assert.ok(short.length <= 3 * asked);
  assert.equal(Object.keys(fieldsOf(short)), ['mtype', 'mod', 'httpport', 'chain']);
  assert.is(encodeRecordDatagram(signed, { publicKey, httpPort: 1 }, 3 * 128).length > 300, true);
});

test('decodeDatagram :: mutations are refused, or read as the reference decoder reads them (T072)', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  const sender = { publicKey: TEST_KEYS.publicKey, httpPort: 33125 };
  const corpus = [
    ...readdirSync(vectors)
      .filter((file) => file.endsWith('.bin'))
      .map(bytesOf),
    encodeRecordDatagram(record({ id: 3 }), sender),
    encodeRequestDatagram(sender.publicKey, 1550000008000000),
  ];
  let taken = 0;

  for (let round = 0; round < scaled(20_000); round += 1) {
    const note = `seed ${seed}, round ${round}`;
    const body = mutated(random.pick(corpus), corpus, random);
    const message = decodeDatagram(body);
    if (message === undefined) continue;
    taken += 1;
    assert.equal(Buffer.from(body.subarray(0, 4)).toString('hex'), 'abc16129', note);
    assert.is(message.publicKey.length, 32, note);
    const number = message.kind === 'request' ? message.time : message.modified;
    assert.ok(Number.isSafeInteger(number), note);
    if (message.kind === 'record') assert.ok(message.httpPort >= 0 && message.httpPort < 65_536);
    checkWithOracle(body, message, note);
  }

  assert.ok(taken > 100, `seed ${seed}: only ${taken} mutations were taken`);
});

/** Compares with a decoder that is not ours, where it gets through: it takes no bytes for text. */
function checkWithOracle(body: Uint8Array, message: Datagram, note: string): void {
  let fields: Fields;
  try {
    fields = decode(body.subarray(4)) as Fields;
  } catch {
    return;
  }
  const number = message.kind === 'request' ? fields['time'] : fields['mod'];
  const ours = message.kind === 'request' ? message.time : message.modified;
  assert.is(Math.floor(Number(number)), ours, note);
  if (message.kind === 'record') assert.is(fields['httpport'], message.httpPort, note);
}

/** One to three of the changes that bring decoders down. */
function mutated(body: Uint8Array, corpus: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = [...body];
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
    // Mostly behind the magic: whatever else is refused at once.
    const from = random.oneIn(20) ? 0 : 4;
    const at = from + random.below(Math.max(1, bytes.length - from));
    const span = random.below(random.oneIn(4) ? 60 : 4);
    const kind = random.below(6);
    if (kind === 0) bytes[at] = Number(bytes[at]) ^ (1 << random.below(8));
    else if (kind === 1) bytes[at] = random.below(256);
    else if (kind === 2) bytes.splice(at, span);
    else if (kind === 3) bytes.splice(at, 0, ...bytes.slice(at, at + span));
    else if (kind === 4) bytes = [...bytes.slice(0, at), ...random.pick(corpus).subarray(at)];
    else bytes[at] = Number(bytes[at]) + random.pick([1, -1]);
  }
  return Uint8Array.from(bytes);
}

test.run();
