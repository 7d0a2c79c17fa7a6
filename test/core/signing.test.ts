import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash, keyPairFromSeed, sign } from '#crypto';
import { type Draft, MAX_INTEGER, type SignedRecord } from '../../src/core/record.ts';
import { signDraft, signedBytes, verifyRecord } from '../../src/core/signing.ts';
import { KEY_A, KEY_B, KEY_C } from '../helpers/keys.ts';
import { vectorJson } from '../helpers/old-wire.ts';
import { draft, TEST_KEYS } from '../helpers/records.ts';
import { throwsCode } from '../helpers/throws.ts';

type Vector = {
  name: string;
  signer: 'A' | 'B' | 'C';
  id: string;
  timestamp: string;
  modified: string;
  prev: string;
  prevchange: string;
  type: string;
  key?: string;
  key_rule?: { repeat_utf8_hex: string; count: number };
  value: { hex?: string; repeat_hex?: string; count?: number };
  hash_hex: string;
  signed_bytes_hex: string;
  signature_hex: string;
};

const { records: vectors } = vectorJson<{ records: Vector[] }>('signing.json');
const KEYS = { A: KEY_A, B: KEY_B, C: KEY_C };

const test = suite('core/signing');

for (const vector of vectors) {
  test(`signedBytes :: gives the original's 136 bytes: ${vector.name} (R1)`, () => {
    const bytes = signedBytes(draftOf(vector));

    assert.is(bytes.length, 136);
    assert.is(hex(bytes), vector.signed_bytes_hex);
    assert.is(hex(sign(bytes, KEYS[vector.signer].secretKey)), vector.signature_hex);
  });
}

test('signDraft :: gives the original’s signature for every record within bounds (R1, R2)', () => {
  const within = vectors.filter((vector) => isWithinBounds(vector));

  for (const vector of within) {
    const record = signDraft(numberedDraft(vector), KEYS[vector.signer].secretKey);
    assert.is(hex(record.signature), vector.signature_hex, vector.name);
    verifyRecord({ ...record, value: bytesOfValue(vector) }, KEYS[vector.signer].publicKey);
  }

  assert.is(within.length, 33);
});

test('signDraft :: refuses what is out of bounds, though the original signs it (R2)', () => {
  const beyond = vectors.filter((vector) => !isWithinBounds(vector));

  for (const vector of beyond) {
    assert.throws(
      () => signDraft(numberedDraft(vector), KEYS[vector.signer].secretKey),
      throwsCode('RECORD_INVALID'),
      vector.name,
    );
  }

  assert.equal(
    beyond.map(({ name }) => name),
    [
      'everything empty and zero',
      'timestamp very negative',
      'timestamp max int64',
      'modified max int64',
      'modified and pointers negative (signable; no original mirror accepts mod<=0)',
      'id 2^53+1 (not a JS safe integer)',
      'id 2^63-1',
      'id 2^63 (signable, id is unsigned in the signed bytes; not storable)',
      'id 2^64-1 (signable, not storable)',
      'modified above 2^53',
      'prev > id',
    ],
  );
});

const REFUSED: [string, Partial<Draft>][] = [
  ['id 0', { id: 0, prev: 0 }],
  ['id −1', { id: -1, prev: -2 }],
  ['id 2^53', { id: 2 ** 53 }],
  ['id 2^64', { id: 2 ** 64 }],
  ['a fraction as id', { id: 5.5 }],
  ['NaN as id', { id: Number.NaN }],
  ['prev = id (T029)', { prev: 5 }],
  ['prev above id (T029)', { prev: 6 }],
  ['prev −1 (T029)', { prev: -1 }],
  ['modified 0', { modified: 0, prevChange: 0 }],
  ['modified 2^53', { modified: 2 ** 53 }],
  ['modified 2^63', { modified: 2 ** 63 }],
  ['prevChange = modified (T029)', { prevChange: 50 }],
  ['prevChange above modified (T029)', { prevChange: 51 }],
  ['prevChange −1 (T029)', { prevChange: -1 }],
  ['timestamp 2^53', { timestamp: 2 ** 53 }],
  ['timestamp −2^53', { timestamp: -(2 ** 53) }],
  ['a lone surrogate in the key (T006)', { key: '\ud800' }],
  ['a lone surrogate in the type', { type: 'a\udfff' }],
  ['a number as key', { key: 3 as unknown as string }],
  ['31 hash bytes', { hash: new Uint8Array(31) }],
  ['33 hash bytes', { hash: new Uint8Array(33) }],
];
for (const [name, fields] of REFUSED) {
  test(`signDraft :: refuses ${name} (R2)`, () => {
    assert.throws(
      () => signDraft(draft({ id: 5, ...fields }), TEST_KEYS.secretKey),
      throwsCode('RECORD_INVALID'),
    );
  });
}

test('signDraft :: takes the outermost values that are allowed (R2)', () => {
  const outermost = draft({
    id: MAX_INTEGER,
    prev: MAX_INTEGER - 1,
    modified: MAX_INTEGER,
    prevChange: MAX_INTEGER - 1,
    timestamp: -MAX_INTEGER,
    key: '',
    type: '\0\ufeff',
  });

  verifyRecord(signDraft(outermost, TEST_KEYS.secretKey), TEST_KEYS.publicKey);
});

test('signDraft :: attaches no value and no other field', () => {
  const extra = { ...draft({ id: 1 }), value: new Uint8Array(1), other: 1 };

  const record = signDraft(extra, TEST_KEYS.secretKey);

  assert.equal(Object.keys(record).sort(), [...Object.keys(draft({ id: 1 })), 'signature'].sort());
});

test('verifyRecord :: refuses a value that does not have the hash (R2)', () => {
  const value = new TextEncoder().encode('v1');
  const record = signDraft(draft({ id: 1, hash: hash(value) }), TEST_KEYS.secretKey);

  verifyRecord({ ...record, value }, TEST_KEYS.publicKey);
  assert.throws(
    () => verifyRecord({ ...record, value: value.slice(1) }, TEST_KEYS.publicKey),
    throwsCode('RECORD_INVALID'),
  );
});

test('verifyRecord :: refuses another key', () => {
  const record = signDraft(draft({ id: 1 }), TEST_KEYS.secretKey);
  const other = keyPairFromSeed(new Uint8Array(32).fill(8));

  assert.throws(() => verifyRecord(record, other.publicKey), throwsCode('SIGNATURE_INVALID'));
});

test('verifyRecord :: refuses a signature of another length (T012)', () => {
  const record = signDraft(draft({ id: 1 }), TEST_KEYS.secretKey);

  for (const length of [0, 63, 65]) {
    const signature = new Uint8Array(length);
    signature.set(record.signature.subarray(0, length));
    assert.throws(
      () => verifyRecord({ ...record, signature }, TEST_KEYS.publicKey),
      throwsCode('RECORD_INVALID'),
    );
  }
});

test('verifyRecord :: refuses every flip of one bit of hash and signature (T011)', () => {
  const record = signDraft(draft({ id: 3 }), TEST_KEYS.secretKey);

  for (const field of ['hash', 'signature'] as const) {
    for (let bit = 0; bit < record[field].length * 8; bit += 1) {
      const bytes = record[field].slice();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(
        () => verifyRecord({ ...record, [field]: bytes }, TEST_KEYS.publicKey),
        throwsCode('SIGNATURE_INVALID'),
      );
    }
  }
});

test('verifyRecord :: refuses every other field changed (T011)', () => {
  const record = signDraft(draft({ id: 3 }), TEST_KEYS.secretKey);
  const changes: Partial<SignedRecord>[] = [
    { id: 4 },
    { prev: 1 },
    { modified: 31 },
    { prevChange: 0 },
    { timestamp: 31 },
    { key: 'k3 ' },
    { type: 'file' },
  ];

  for (const change of changes) {
    assert.throws(
      () => verifyRecord({ ...record, ...change }, TEST_KEYS.publicKey),
      throwsCode('SIGNATURE_INVALID'),
    );
  }
});

function draftOf(vector: Vector): Draft {
  // The vectors go beyond what a number holds; the packing itself takes any 64-bit integer.
  const integers = {
    id: BigInt(vector.id),
    timestamp: BigInt(vector.timestamp),
    modified: BigInt(vector.modified),
    prev: BigInt(vector.prev),
    prevChange: BigInt(vector.prevchange),
  };
  return { ...numberedDraft(vector), ...integers } as unknown as Draft;
}

function numberedDraft(vector: Vector): Draft {
  return {
    id: Number(vector.id),
    timestamp: Number(vector.timestamp),
    modified: Number(vector.modified),
    prev: Number(vector.prev),
    prevChange: Number(vector.prevchange),
    type: vector.type,
    key: vector.key ?? repeated(vector.key_rule),
    hash: hash(bytesOfValue(vector)),
  };
}

function repeated(rule: Vector['key_rule']): string {
  return Buffer.from(rule!.repeat_utf8_hex, 'hex').toString('utf8').repeat(rule!.count);
}

function bytesOfValue({ value, hash_hex }: Vector): Uint8Array {
  const bytes =
    value.hex === undefined
      ? Buffer.alloc(
          (value.repeat_hex!.length / 2) * value.count!,
          Buffer.from(value.repeat_hex!, 'hex'),
        )
      : Buffer.from(value.hex, 'hex');
  assert.is(hex(hash(bytes)), hash_hex);
  return bytes;
}

function isWithinBounds({ id, timestamp, modified, prev, prevchange }: Vector): boolean {
  const max = BigInt(MAX_INTEGER);
  const between = (low: bigint, text: string, high: bigint): boolean =>
    low <= BigInt(text) && BigInt(text) <= high;
  return (
    between(1n, id, max) &&
    between(0n, prev, BigInt(id) - 1n) &&
    between(1n, modified, max) &&
    between(0n, prevchange, BigInt(modified) - 1n) &&
    between(-max, timestamp, max)
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test.run();
