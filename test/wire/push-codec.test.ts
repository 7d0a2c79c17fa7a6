import { encode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/wire/limits.ts';
import {
  decodeHashes,
  decodeLease,
  decodeLeaseRequest,
  decodeReceipt,
  decodeValues,
  encodeHashes,
  encodeLease,
  encodeLeaseRequest,
  encodeReceipt,
  encodeValues,
  MAX_HASHES,
  MAX_VALUES,
} from '../../src/wire/push-codec.ts';
import { throwsCode } from '../helpers/throws.ts';

const HASH = new Uint8Array(32).fill(7);
const malformed = throwsCode('MALFORMED');

const test = suite('wire/push-codec');

test('encodeHashes, decodeHashes :: as many as are allowed come back', () => {
  const hashes = Array.from({ length: MAX_HASHES }, (_, i) => new Uint8Array(32).fill(i));

  const body = encodeHashes(hashes);

  assert.ok(body.length <= LIMITS.pushHashesBytes);
  assert.equal(decodeHashes(body), hashes);
  assert.equal(decodeHashes(encode([HASH])), [HASH]);
});

test('decodeHashes :: refuses more than are allowed, before it looks for them', () => {
  const announced = new Uint8Array([0xdd, 0xff, 0xff, 0xff, 0xff]);

  assert.throws(() => decodeHashes(announced), throwsCode('TOO_LARGE'));
});

test('decodeHashes :: refuses what is no list of hashes', () => {
  for (const value of [{}, [new Uint8Array(31)], [1], 'x', null]) {
    assert.throws(() => decodeHashes(encode(value)), malformed);
  }
  assert.throws(() => decodeHashes(encodeHashes([HASH]).subarray(0, 20)), malformed);
  assert.throws(() => decodeHashes(new Uint8Array([0x90, 0x00])), malformed);
});

test('encodeValues, decodeValues :: as many as are allowed come back, empty and long ones too', () => {
  const values = Array.from({ length: MAX_VALUES }, (_, i) => new Uint8Array(i % 3).fill(i));
  values[7] = new Uint8Array(70_000).fill(7);

  assert.equal(decodeValues(encodeValues(values)), values);
  assert.equal(decodeValues(encode([HASH])), [HASH]);
});

test('decodeValues :: refuses more than are allowed, and what is no list of values', () => {
  const tooMany = Array.from({ length: MAX_VALUES + 1 }, () => HASH);

  assert.throws(() => decodeValues(encodeValues(tooMany)), throwsCode('TOO_LARGE'));
  for (const value of [{}, [1], [[]], 'x', null]) {
    assert.throws(() => decodeValues(encode(value)), malformed);
  }
  assert.throws(() => decodeValues(encodeValues([HASH]).subarray(0, 20)), malformed);
  assert.throws(() => decodeValues(new Uint8Array([0x90, 0x00])), malformed);
});

test('encodeLeaseRequest, decodeLeaseRequest :: take, renew, give back', () => {
  for (const request of [
    { lease: undefined, release: undefined },
    { lease: 'x', release: undefined },
    { lease: 'x', release: true },
  ]) {
    assert.equal(decodeLeaseRequest(encodeLeaseRequest(request)), request);
  }
  assert.equal(decodeLeaseRequest(new Uint8Array()), {});
});

test('decodeLeaseRequest :: refuses a lease of no or of too great length', () => {
  for (const lease of ['', 'x'.repeat(129), 7]) {
    assert.throws(() => decodeLeaseRequest(encode({ lease })), malformed);
  }
});

test('encodeLease, decodeLease :: with and without a snapshot', () => {
  const lease = { lease: 'x', expires: 60, tip: 2 ** 52, snapshot: undefined };

  assert.equal(decodeLease(encodeLease(lease)), lease);
  assert.equal(decodeLease(encodeLease({ ...lease, snapshot: HASH })).snapshot, HASH);
});

test('decodeLease :: skips what it does not know, refuses what is missing, twice or negative', () => {
  const lease = { lease: 'x', expires: 1, tip: 0 };

  assert.is(decodeLease(encode({ later: [1, { a: 2 }], ...lease })).lease, 'x');
  assert.throws(() => decodeLease(encode({ lease: 'x', tip: 0 })), malformed);
  assert.throws(() => decodeLease(encode({ ...lease, tip: -1 })), malformed);
  const twice = new Uint8Array([0x82, 0xa3, 0x74, 0x69, 0x70, 1, 0xa3, 0x74, 0x69, 0x70, 1]);
  assert.throws(() => decodeLease(twice), malformed);
});

test('encodeReceipt, decodeReceipt :: both ways', () => {
  const result = { tip: 1_700_000_000_000_000, seq: 12, batch: HASH };

  assert.equal(decodeReceipt(encodeReceipt(result)), result);
  assert.throws(() => decodeReceipt(encode({ tip: 1, seq: 1 })), malformed);
  assert.throws(() => decodeReceipt(encode({ ...result, batch: HASH.subarray(1) })), malformed);
});

test.run();
