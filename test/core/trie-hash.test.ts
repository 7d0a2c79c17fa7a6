import { blake2b } from '@noble/hashes/blake2.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  bitAt,
  EMPTY_ROOT,
  firstDifference,
  leafHash,
  nodeHash,
  positionOf,
} from '../../src/core/trie-hash.ts';
import { draft } from '../helpers/records.ts';

const NAMES: readonly (readonly [string, string])[] = [
  ['', ''],
  ['file', 'index.html'],
  ['file', 'index.html'],
  ['obj', 'index.html'],
  ['file', 'k'.repeat(256)],
  ['file', 'k'.repeat(257)],
  ['file', 'é'],
  ['typé', 'abc日本'],
  ['t\u0000', '\ufeff😀'],
];

const test = suite('core/trie-hash');

for (const [type, key] of NAMES) {
  test(`positionOf :: ${type} ${key.slice(0, 12)} stands at H(type) ‖ H(key) (R21)`, () => {
    const expected = Buffer.concat([h(Buffer.from(type)), h(Buffer.from(key))]);

    assert.is(hex(positionOf(type, key)), expected.toString('hex'));
  });
}

test('leafHash :: covers exactly the fields of R21', () => {
  const record = draft({ id: 2 ** 40, timestamp: -5, modified: 2 ** 52 });
  const numbers = Buffer.alloc(24);
  numbers.writeBigUInt64LE(2n ** 40n, 0);
  numbers.writeBigInt64LE(-5n, 8);
  numbers.writeBigInt64LE(2n ** 52n, 16);
  const bytes = [Uint8Array.of(0), positionOf(record.type, record.key), numbers, record.hash];

  assert.is(hex(leafHash(record)), hex(h(Buffer.concat(bytes))));
  assert.equal(leafHash(record), leafHash({ ...record, prev: 7, prevChange: 9 }));
});

test('nodeHash :: covers the bit in two bytes, little-endian, and both sides (R21)', () => {
  const [left, right] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

  const expected = h(Buffer.concat([Uint8Array.of(1, 0x2c, 0x01), left, right]));

  assert.is(hex(nodeHash(300, left, right)), hex(expected));
  assert.is.not(hex(nodeHash(300, right, left)), hex(expected));
});

test('bitAt :: counts from the most significant bit of the first byte (R21)', () => {
  const position = Uint8Array.from([0b1000_0001, 0b0100_0000, ...new Uint8Array(61), 1]);

  const set = Array.from({ length: 512 }, (_, bit) => bit).filter(
    (bit) => bitAt(position, bit) === 1,
  );

  assert.equal(set, [0, 7, 9, 511]);
});

test('firstDifference :: is the lowest bit that differs, undefined for none', () => {
  const zeros = new Uint8Array(64);

  for (let bit = 0; bit < 512; bit += 1) {
    const other = zeros.slice();
    other[bit >> 3] = 0x80 >> (bit & 7);
    other.fill(255, (bit >> 3) + 1);
    assert.is(firstDifference(zeros, other), bit);
    assert.is(firstDifference(other, zeros), bit);
  }
  assert.is(firstDifference(zeros, zeros.slice()), undefined);
});

test('EMPTY_ROOT :: is 32 zero bytes (R21)', () => {
  assert.equal(EMPTY_ROOT, new Uint8Array(32));
});

function h(data: Uint8Array): Uint8Array {
  return blake2b(data, { dkLen: 32 });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test.run();
