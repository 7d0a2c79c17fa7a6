import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import type { SignedRecord } from '../../src/core/record.ts';
import { verifyRecord } from '../../src/core/signing.ts';
import {
  decodeRecord,
  encodeArrayHeader,
  encodeRecord,
  encodeRecords,
} from '../../src/wire/record-codec.ts';
import { hashOf, record, TEST_KEYS } from '../helpers/records.ts';
import { freshSeed, scaled } from '../helpers/scale.ts';
import { throwsCode } from '../helpers/throws.ts';
import { fieldsOf, fromHex, mapOf, withField, withoutField } from '../helpers/wire-bytes.ts';
import { oracleList, oracleOne, plain } from '../helpers/wire-oracle.ts';

const { publicKey } = TEST_KEYS;
const VALUE = new TextEncoder().encode('v1');
const RECORD: SignedRecord = {
  ...record({ id: 1, key: 'ü/1', timestamp: -5, modified: 1_552_101_625_357_688, prevChange: 7 }),
  value: VALUE,
};
const FIELDS = fieldsOf(RECORD);

const test = suite('wire/record-codec');

test('encodeRecord :: writes every field in the order of the original', () => {
  const written = decode(encodeRecord(RECORD, publicKey)) as object;

  assert.equal(encodeRecord(RECORD, publicKey), mapOf(FIELDS));
  assert.equal(Object.keys(written), [
    'hash',
    'type',
    'key',
    'val',
    'id',
    'sig',
    'prev',
    'prevch',
    'ts',
    'mod',
    'chain',
  ]);
});

test('encodeRecord :: leaves out a value that is not there', () => {
  const { value: _, ...bare } = RECORD;

  assert.equal(encodeRecord(bare, publicKey), mapOf(withoutField(FIELDS, 'val')));
});

test('encodeRecord :: writes the head of a value that is left out, behind the fields', () => {
  const { value: _, ...bare } = RECORD;
  const head = Uint8Array.of(1, 2, 3);

  const body = encodeRecord(bare, publicKey, { head });

  assert.equal(body, mapOf([...withoutField(FIELDS, 'val'), ['head', encode(head)]]));
  assert.equal(decodeRecord(body).head, head);
  assert.is(decodeRecord(body).value, undefined);
});

test('encodeRecord :: an empty value is a value', () => {
  const empty = { ...RECORD, value: new Uint8Array(0), hash: hash(new Uint8Array(0)) };

  assert.equal(decodeRecord(encodeRecord(empty, publicKey)).value, new Uint8Array(0));
});

test('encodeArrayHeader, encodeRecords :: announce what follows', () => {
  assert.equal(encodeArrayHeader(0), fromHex('90'));
  assert.equal(encodeArrayHeader(16), fromHex('dc0010'));
  assert.equal(encodeArrayHeader(100_000), fromHex('dd000186a0'));
  assert.equal(encodeRecords([], publicKey), fromHex('90'));
  assert.equal(oracleList(encodeRecords([RECORD, RECORD], publicKey)).map(plain), [
    plain({ ...RECORD, chain: publicKey }),
    plain({ ...RECORD, chain: publicKey }),
  ]);
});

test('decodeRecord :: gives back the record, and its signature holds', () => {
  const decoded = decodeRecord(encodeRecord(RECORD, publicKey));

  assert.equal(plain(decoded), plain({ ...RECORD, chain: publicKey }));
  verifyRecord(decoded, decoded.chain);
});

test('decodeRecord :: the order of fields does not matter', () => {
  const backwards = mapOf([...FIELDS].reverse());

  assert.equal(plain(decodeRecord(backwards)), plain(decodeRecord(mapOf(FIELDS))));
});

for (const form of ['raw', 'str', 'bin'] as const) {
  test(`decodeRecord :: text and bytes as ${form} are the same record with the same hash`, () => {
    const fields = ['type', 'key', 'val', 'hash', 'sig', 'chain'].reduce((changed, name) => {
      return withField(changed, name, formed(form, bytesOf(name)));
    }, FIELDS);

    assert.equal(plain(decodeRecord(mapOf(fields))), plain({ ...RECORD, chain: publicKey }));
  });
}

test('decodeRecord :: field names may be bin as well', () => {
  const body = Buffer.concat([
    Uint8Array.of(0x8b),
    ...FIELDS.flatMap(([name, value]) => [encode(Buffer.from(name)), value]),
  ]);

  assert.equal(plain(decodeRecord(body)), plain({ ...RECORD, chain: publicKey }));
});

const UNKNOWN: readonly (readonly [string, Uint8Array])[] = [
  ['nil', encode(null)],
  ['a float', encode(1.5)],
  ['a list of lists', encode([[1], [2]])],
  ['a map', encode({ a: { b: 1 } })],
  ['a long text', encode('x'.repeat(70_000))],
];

for (const [name, value] of UNKNOWN) {
  test(`decodeRecord :: ignores an unknown field that holds ${name}`, () => {
    for (const unknown of ['more', '', '__proto__', 'constructor', 'Hash', 'ids', 'i']) {
      const body = mapOf([[unknown, value], ...FIELDS]);
      assert.equal(plain(decodeRecord(body)), plain(decodeRecord(mapOf(FIELDS))));
    }
  });
}

test('decodeRecord :: ignores unknown fields named by anything', () => {
  for (const name of [encode(7), encode(null), encode(true), encode([1]), encode({ a: 1 })]) {
    const body = Buffer.concat([Uint8Array.of(0x8c), name, encode('x'), mapOf(FIELDS).subarray(1)]);

    assert.equal(plain(decodeRecord(body)), plain(decodeRecord(mapOf(FIELDS))));
  }
});

test('decodeRecord :: unknown fields called __proto__ reach no prototype', () => {
  const poison = encode({ polluted: true });
  const record = decodeRecord(mapOf([['__proto__', poison], ['constructor', poison], ...FIELDS]));

  assert.is(({} as Record<string, unknown>)['polluted'], undefined);
  assert.is(Object.getPrototypeOf(record), Object.prototype);
});

for (const [name] of FIELDS) {
  test(`decodeRecord :: refuses ${name} that comes twice`, () => {
    const twice = FIELDS.filter((field) => field[0] === name);

    assert.throws(() => decodeRecord(mapOf([...FIELDS, ...twice])), throwsCode('MALFORMED'));
  });
}

for (const name of ['type', 'key', 'id', 'sig', 'prev', 'prevch', 'ts', 'mod']) {
  test(`decodeRecord :: refuses a record without ${name}`, () => {
    assert.throws(() => decodeRecord(mapOf(withoutField(FIELDS, name))), throwsCode('MALFORMED'));
  });
}

test('decodeRecord :: hash or val may be missing, not both', () => {
  const withoutHash = decodeRecord(mapOf(withoutField(FIELDS, 'hash')));
  const withoutValue = decodeRecord(mapOf(withoutField(FIELDS, 'val')));
  const withNeither = mapOf(withoutField(withoutField(FIELDS, 'val'), 'hash'));

  assert.equal(withoutHash.hash, hash(VALUE));
  assert.equal(withoutValue.hash, hashOf('v1'));
  assert.is(withoutValue.value, undefined);
  assert.throws(() => decodeRecord(withNeither), throwsCode('MALFORMED'));
});

test('decodeRecord :: a hash that is nil or empty counts as none, once', () => {
  for (const none of [encode(null), encode('')]) {
    assert.equal(decodeRecord(mapOf(withField(FIELDS, 'hash', none))).hash, hash(VALUE));
    const twice = mapOf([['hash', none], ...FIELDS]);
    assert.throws(() => decodeRecord(twice), throwsCode('MALFORMED'));
  }
});

test('decodeRecord :: chain may be empty or missing', () => {
  const empty = decodeRecord(mapOf(withField(FIELDS, 'chain', encode(''))));
  const missing = decodeRecord(mapOf(withoutField(FIELDS, 'chain')));

  assert.is(empty.chain.length, 0);
  assert.is(missing.chain.length, 0);
});

const MISTYPED: readonly (readonly [string, Uint8Array])[] = [
  ...['id', 'prev', 'prevch', 'ts', 'mod'].flatMap((name) =>
    [
      'cb3ff0000000000000',
      'ca3f800000',
      'cb7ff8000000000000',
      'c3',
      'c0',
      'a131',
      '90',
      '80',
      'cf0020000000000000',
      'd3ffe0000000000000',
    ].map((value) => [name, fromHex(value)] as const),
  ),
  ...['type', 'key', 'val', 'sig', 'chain', 'hash'].flatMap((name) =>
    ['01', 'c3', '90', '80', 'cb3ff0000000000000', 'd40000', 'c7010000'].map(
      (value) => [name, fromHex(value)] as const,
    ),
  ),
  ...['type', 'key', 'val', 'sig', 'chain'].map((name) => [name, fromHex('c0')] as const),
  ['sig', encode(new Uint8Array(63))],
  ['sig', encode(new Uint8Array(65))],
  ['sig', encode('')],
  ['hash', encode(new Uint8Array(31))],
  ['hash', encode(new Uint8Array(33))],
  ['chain', encode(new Uint8Array(31))],
  ['chain', encode(new Uint8Array(64))],
];

for (const [name, value] of MISTYPED) {
  const shown = Buffer.from(value.subarray(0, 12)).toString('hex');
  test(`decodeRecord :: refuses ${name} = ${shown} (${value.length} bytes)`, () => {
    const body = mapOf(withField(FIELDS, name, value));

    assert.throws(() => decodeRecord(body), throwsCode('MALFORMED'));
  });
}

// invalid, overlong, lone surrogate, too high, cut off
for (const text of ['ff', 'c0af', 'c080', 'eda080', 'edbfbf', 'f4908080', 'e697', '61c2']) {
  test(`decodeRecord :: refuses ${text} as type or key instead of storing U+FFFD`, () => {
    for (const name of ['type', 'key']) {
      const body = mapOf(withField(FIELDS, name, formed('raw', fromHex(text))));
      assert.throws(() => decodeRecord(body), throwsCode('MALFORMED'));
    }
  });
}

test('decodeRecord :: refuses a head above 256 bytes, takes one of 256', () => {
  const bare = withoutField(FIELDS, 'val');
  const withHead = (length: number): Uint8Array =>
    mapOf([...bare, ['head', encode(new Uint8Array(length))]]);

  assert.is(decodeRecord(withHead(256)).head?.length, 256);
  assert.throws(() => decodeRecord(withHead(257)), throwsCode('MALFORMED'));
});

test('decodeRecord :: takes 32 fields, refuses 33', () => {
  const extra = (count: number) =>
    Array.from({ length: count }, (_, i) => [`x${i}`, encode(i)] as const);

  assert.is(decodeRecord(mapOf([...FIELDS, ...extra(21)])).id, 1);
  assert.throws(() => decodeRecord(mapOf([...FIELDS, ...extra(22)])), throwsCode('MALFORMED'));
});

test('decodeRecord :: refuses what is no single map', () => {
  const body = encodeRecord(RECORD, publicKey);

  for (const other of [
    new Uint8Array(0),
    encode(null),
    encode([]),
    encode({}),
    Buffer.concat([Uint8Array.of(0x91), body]),
    Buffer.concat([body, Uint8Array.of(0)]),
    Buffer.concat([body, body]),
  ]) {
    assert.throws(() => decodeRecord(other), throwsCode('MALFORMED'));
  }
});

test('decodeRecord :: refuses every truncation', () => {
  const body = encodeRecord(RECORD, publicKey);

  for (let length = 0; length < body.length; length += 1) {
    assert.throws(() => decodeRecord(body.subarray(0, length)), throwsCode('MALFORMED'));
  }
});

test('decodeRecord :: no flipped bit makes another record', () => {
  const body = encodeRecord(RECORD, publicKey);
  const { value, ...signed } = RECORD;
  let taken = 0;

  for (let bit = 0; bit < body.length * 8; bit += 1) {
    const flipped = body.slice();
    flipped[bit >> 3] = Number(flipped[bit >> 3]) ^ (1 << (bit & 7));
    const decoded = verifiedOrUndefined(flipped);
    if (decoded === undefined) continue;
    taken += 1;
    const { chain: _, head: __, value: heldValue, ...heldSigned } = decoded;
    assert.equal(plain(heldSigned as never), plain(signed as never), `bit ${bit}`);
    if (heldValue !== undefined) assert.equal(heldValue, value, `bit ${bit}`);
  }

  // Only chain, which nobody signs, and the names of chain, hash and val can be flipped unnoticed.
  assert.is(taken, 8 * (32 + 'chain'.length + 'hash'.length + 'val'.length));
});

test('encodeRecord, decodeRecord :: every record comes back, and the reference decoder agrees', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 }).map((given) => given.toWellFormed());
  const records = fc.record({
    id: fc.maxSafeNat(),
    type: text,
    key: text,
    hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    timestamp: fc.maxSafeInteger(),
    modified: fc.maxSafeNat(),
    prev: fc.maxSafeNat(),
    prevChange: fc.maxSafeNat(),
    signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
    value: fc.option(fc.uint8Array({ maxLength: 600 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(records, (given) => {
      const body = encodeRecord(given, publicKey);

      assert.equal(plain(decodeRecord(body)), plain({ ...given, chain: publicKey }));
      assert.equal(plain(oracleOne(body)), plain({ ...given, chain: publicKey }));
    }),
    { seed: freshSeed(), numRuns: scaled(500) },
  );
});

function verifiedOrUndefined(body: Uint8Array): ReturnType<typeof decodeRecord> | undefined {
  try {
    const decoded = decodeRecord(body);
    verifyRecord(decoded, publicKey);
    return decoded;
  } catch (error) {
    const codes = ['MALFORMED', 'RECORD_INVALID', 'SIGNATURE_INVALID'] as const;
    if (codes.some((code) => (error as { code?: unknown }).code === code)) return undefined;
    throw error;
  }
}

function bytesOf(name: string): Uint8Array {
  const value = decode(FIELDS.find((field) => field[0] === name)?.[1] ?? new Uint8Array(0));
  return typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array);
}

function formed(form: 'raw' | 'str' | 'bin', bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  const header = { raw: [0xda, 0, length], str: [0xd9, length], bin: [0xc4, length] }[form];
  return Uint8Array.from([...header, ...bytes]);
}

test.run();
