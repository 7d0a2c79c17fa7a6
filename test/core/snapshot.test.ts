import { decode, encode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decodeSnapshot,
  encodeSnapshot,
  isHalfSpent,
  type Snapshot,
} from '../../src/core/snapshot.ts';
import { throwsCode } from '../helpers/throws.ts';

const SNAPSHOT: Snapshot = {
  seq: 3,
  count: 12,
  root: new Uint8Array(32).fill(1),
  time: 1_552_101_625_357_688,
  exp: 0,
  previous: new Uint8Array(32).fill(2),
};
/** As the reference encoder takes it: a bigint for what it would write as a float. */
const FIELDS = {
  v: 1,
  seq: 3,
  count: 12,
  root: SNAPSHOT.root,
  time: 1_552_101_625_357_688n,
  exp: 0,
  previous: SNAPSHOT.previous,
};

const test = suite('core/snapshot');

test('encodeSnapshot :: writes the map of the protocol, field by field (R20)', () => {
  const value = encodeSnapshot(SNAPSHOT);

  assert.equal(decode(value), { ...FIELDS, time: 1_552_101_625_357_688 });
  assert.equal(Object.keys(decode(value) as object), Object.keys(FIELDS));
  assert.equal(value, encodeSnapshot({ ...SNAPSHOT }));
});

test('encodeSnapshot :: writes no floats (R20)', () => {
  assert.equal(encodeSnapshot(SNAPSHOT), encode(FIELDS, { useBigInt64: true }));
});

test('decodeSnapshot :: gives back what was encoded, in memory of its own', () => {
  const value = encodeSnapshot(SNAPSHOT);

  const decoded = decodeSnapshot(value);
  value.fill(0);

  assert.equal(decoded, SNAPSHOT);
});

test('decodeSnapshot :: ignores fields nobody knows, in any order', () => {
  const { v, ...rest } = FIELDS;
  const value = pack({ next: [{ a: 1 }], ...rest, v, toString: null });

  assert.equal(decodeSnapshot(value), SNAPSHOT);
});

const REFUSED: readonly (readonly [string, unknown])[] = [
  ['another version', { ...FIELDS, v: 2 }],
  ['no version', without('v')],
  ['seq 0', { ...FIELDS, seq: 0 }],
  ['a negative count', { ...FIELDS, count: -1 }],
  ['a negative time', { ...FIELDS, time: -1 }],
  ['a negative exp', { ...FIELDS, exp: -1 }],
  ['a count that is a float', { ...FIELDS, count: 1.5 }],
  ['a count that is text', { ...FIELDS, count: '12' }],
  ['a time above 2^53', { ...FIELDS, time: 2n ** 53n }],
  ['a short root', { ...FIELDS, root: new Uint8Array(31) }],
  ['a long previous', { ...FIELDS, previous: new Uint8Array(33) }],
  ['a root that is a number', { ...FIELDS, root: 1 }],
  ['no seq', without('seq')],
  ['no count', without('count')],
  ['no root', without('root')],
  ['no time', without('time')],
  ['no exp', without('exp')],
  ['no previous', without('previous')],
  ['a list', [1]],
  ['nil', null],
];

for (const [name, fields] of REFUSED) {
  test(`decodeSnapshot :: refuses ${name} (R20)`, () => {
    assert.throws(() => decodeSnapshot(pack(fields)), throwsCode('MALFORMED'));
  });
}

test('decodeSnapshot :: refuses a field that comes twice', () => {
  const value = encodeSnapshot(SNAPSHOT);
  // 0x87, then the first pair `v: 1` once more
  const twice = Uint8Array.from([0x88, 0xa1, 0x76, 0x01, ...value.subarray(1)]);

  assert.throws(() => decodeSnapshot(twice), throwsCode('MALFORMED'));
});

test('decodeSnapshot :: refuses bytes behind it and every truncation', () => {
  const value = encodeSnapshot(SNAPSHOT);

  assert.throws(() => decodeSnapshot(Uint8Array.from([...value, 0])), throwsCode('MALFORMED'));
  for (let length = 0; length < value.length; length += 1) {
    assert.throws(() => decodeSnapshot(value.subarray(0, length)), throwsCode('MALFORMED'));
  }
});

function without(name: keyof typeof FIELDS): unknown {
  const { [name]: _, ...rest } = FIELDS;
  return rest;
}

function pack(value: unknown): Uint8Array {
  return encode(value, { useBigInt64: true });
}

test('isHalfSpent :: when less than half of the lifetime is left, or there was none (R20)', () => {
  const made = (exp: number): Snapshot => ({ ...SNAPSHOT, exp });
  assert.is(isHalfSpent(made(1000), 1000, 500), false);
  assert.is(isHalfSpent(made(1000), 1000, 501), true);
  assert.is(isHalfSpent(made(1000), 1000, 5000), true);
  assert.is(isHalfSpent(made(0), 1000, 1), true);
  assert.is(isHalfSpent(made(1000), undefined, 5000), false);
  assert.is(isHalfSpent(undefined, 1000, 5000), false);
});

test.run();
