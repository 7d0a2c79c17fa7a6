/** Every record body of the vectors: what our reader makes of it, what the original made of it. */
import { decode, encode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { verifyRecord } from '../../src/core/signing.ts';
import { decodeRecord, encodeRecords, type WireRecord } from '../../src/wire/record-codec.ts';
import { RecordReader } from '../../src/wire/record-reader.ts';
import { KEY_B } from '../helpers/keys.ts';
import { vectorBytes, vectorJson } from '../helpers/old-wire.ts';
import { oracleList, oracleOne, plain } from '../helpers/wire-oracle.ts';

type Reply = { n: number; path: string; status: number; body_file: string };
type ClientCase = {
  name: string;
  raised: string | null;
  printed_error: string | null;
  body_file: string | null;
};
type CrdrCase = {
  name: string;
  crdr_status: number;
  crdr_body_file: string;
  printed_error: string | null;
};

const replies = vectorJson<Reply[]>('http/manifest.json').filter(
  ({ status, path }) => status === 200 && /\/(newRecords|crdr)\//.test(path),
);
const clientCases = vectorJson<{ cases: ClientCase[] }>('client/manifest.json').cases.filter(
  ({ body_file }) => typeof body_file === 'string',
);
const crdrCases = vectorJson<{ cases: CrdrCase[] }>('client-crdr/manifest.json').cases.filter(
  (given) => given.crdr_status === 200,
);

/** Taken by the original, refused by us. */
const REFUSED_HERE = new Map([
  ['client: extra keys', 'five levels of nesting; three are allowed'],
  ['client: extra ext type', 'no extension types: their decoders are the ones that were broken'],
  ['client: extra timestamp ext -1', 'no extension types'],
  ['client: id 0', 'R2: ids begin at 1'],
  ['client: id 2^63-1', 'R2: ids end at 2^53-1'],
  ['client: id true', 'a truth value is no integer'],
  ['client: prev==id', 'R2: a record cannot link to itself'],
  ['client: prev>id', 'R2: links lead back'],
  ['client: prev negative', 'R2: 0 is the lowest link'],
]);
/** Refused by the original, well formed and signed for us. */
const TAKEN_HERE = new Map([
  ['client: missing val (all)', 'R17: values may be fetched later'],
  ['client: missing val (2nd only)', 'R17: values may be fetched later'],
  ['client: missing chain (all)', 'unsigned, and says only what was asked for'],
  ['client: chain other', 'unsigned: whoever asked compares it with the key'],
  ['client: out of order (desc)', 'for R12, not for the wire'],
  ['client: whole list twice', 'for R12, not for the wire'],
  ['client: first prevch nonzero absent', 'for R12, not for the wire'],
  ['client: new lower id, tip.prev < id', 'for R12, not for the wire'],
  ['crdr: unpatched old version', 'for R14, not for the wire'],
  ['crdr: missing val', 'R14 compares hashes'],
  ['crdr: missing hash', 'the value has one'],
  ['crdr: record d instead (prevch m3)', 'for R14, not for the wire'],
  ['crdr: the new record itself', 'for R14, not for the wire'],
  ['crdr: unknown id 9 pointing to m1', 'for R14, not for the wire'],
  ['crdr: 3 with newer mod, pc m1', 'for R14, not for the wire'],
]);

const test = suite('wire/original-bodies');

for (const { n, path, body_file } of replies) {
  const [, operation = '', argument = ''] = path.slice(1).split('/');
  test(`http ${n} :: ${operation}/${argument} reads as the reference decoder reads it`, () => {
    const body = vectorBytes(`http/${body_file}`);

    if (operation === 'crdr') assert.equal(plain(decodeRecord(body)), plain(oracleOne(body)));
    else assert.equal(readList(body).map(plain), oracleList(body).map(plain));
  });
}

for (const { name, body_file, raised, printed_error } of clientCases) {
  const row = `client: ${name}`;
  const wasTaken = raised === null && printed_error === null;
  const isTaken = REFUSED_HERE.has(row) ? false : wasTaken || TAKEN_HERE.has(row);

  test(`client ${body_file} :: ${name} is ${isTaken ? 'taken' : 'refused'}`, () => {
    const body = vectorBytes(`client/${body_file}`);

    const records = attempt(() => readList(body, KEY_B.publicKey));

    assert.is(records !== undefined, isTaken);
    if (records !== undefined) assert.equal(records.map(plain), oracleList(body).map(plain));
  });
}

for (const { name, crdr_body_file, printed_error } of crdrCases) {
  const row = `crdr: ${name}`;
  const isTaken = REFUSED_HERE.has(row) ? false : printed_error === null || TAKEN_HERE.has(row);

  test(`client-crdr ${crdr_body_file} :: ${name} is ${isTaken ? 'taken' : 'refused'}`, () => {
    const body = vectorBytes(`client-crdr/${crdr_body_file}`);

    const record = attempt(() => verified(decodeRecord(body), KEY_B.publicKey));

    assert.is(record !== undefined, isTaken);
    if (record !== undefined) assert.equal(plain(record), plain(oracleOne(body)));
  });
}

test('the tables :: name only cases there are', () => {
  const rows = [
    ...clientCases.map(({ name }) => `client: ${name}`),
    ...crdrCases.map(({ name }) => `crdr: ${name}`),
  ];
  const strange = [...REFUSED_HERE.keys(), ...TAKEN_HERE.keys()].filter(
    (row) => !rows.includes(row),
  );

  assert.equal(strange, []);
  assert.ok(replies.length > 50 && clientCases.length > 75 && crdrCases.length > 15);
});

test('encodeRecords :: writes the fields in the order of the original, modern and without floats', () => {
  for (const { body_file } of replies.filter(({ path }) => path.includes('newRecords'))) {
    const body = vectorBytes(`http/${body_file}`);
    const records = oracleList(body);
    const chain = records[0]?.chain ?? new Uint8Array(32);

    const ours = encodeRecords(records, chain);

    // The reference encoder keeps the order of an object's members: here that of the original.
    assert.equal(ours, encode(modern(body), { useBigInt64: true }));
  }
});

/** Reads a list and verifies every record, under the key it names unless one is given. */
function readList(body: Uint8Array, publicKey?: Uint8Array): WireRecord[] {
  const reader = new RecordReader();
  const records = reader.push(body);
  reader.end();
  return records.map((record) => verified(record, publicKey));
}

function verified(record: WireRecord, publicKey?: Uint8Array): WireRecord {
  // The http vectors are of many streams, the client vectors of key B whatever they say.
  verifyRecord(record, publicKey ?? record.chain);
  return record;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isDrayerError(error)) return undefined;
    throw error;
  }
}

/** An original's list as the reference encoder takes it: text as text, large numbers as bigints. */
function modern(body: Uint8Array): unknown {
  const list = decode(body, {
    rawStrings: true,
    mapKeyConverter: (name) => String(Buffer.from(name as never)),
  });
  return (list as Record<string, unknown>[]).map((map) =>
    Object.fromEntries(
      Object.entries(map).map(([name, value]) => {
        if (name === 'type' || name === 'key')
          return [name, Buffer.from(value as Uint8Array).toString()];
        return [name, typeof value === 'number' && value >= 2 ** 32 ? BigInt(value) : value];
      }),
    ),
  );
}

test.run();
