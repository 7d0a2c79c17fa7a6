import { decode, encode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { isDrayerError } from '../../src/core/errors.ts';
import { checkProof } from '../../src/core/proof.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { signDraft, verifyRecord } from '../../src/core/signing.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/core/snapshot.ts';
import { emptyTrieSource, SnapshotTrie } from '../../src/core/trie.ts';
import { decodeProof, encodeProof, type ProofBody } from '../../src/wire/proof-codec.ts';
import { draft, record, TEST_KEYS } from '../helpers/records.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { throwsCode } from '../helpers/throws.ts';
import { fromHex, mapOf, type RawField } from '../helpers/wire-bytes.ts';
import { plain } from '../helpers/wire-oracle.ts';

const { publicKey, secretKey } = TEST_KEYS;
const RECORDS = Array.from({ length: 40 }, (_, i) => record({ id: i + 2 }));
const STREAM = streamOf(RECORDS);
const EMPTY = streamOf([]);

const test = suite('wire/proof-codec');

test('encodeProof, decodeProof :: a record that is there is proved to whoever has the key (R23)', () => {
  const body = encodeProof(proofOf(STREAM, 'k7'), publicKey);

  const { snapshot, record: found, proof } = decodeProof(body);

  verifyRecord(snapshot, publicKey);
  const { root } = decodeSnapshot(snapshot.value ?? new Uint8Array(0));
  assert.is(checkProof(root, 'obj', 'k7', proof), 'present');
  assert.ok(found !== undefined && found === proof.leaf);
  verifyRecord(found, publicKey);
  assert.equal(plain(found), plain({ ...(RECORDS[5] as SignedRecord), chain: publicKey }));
});

test('encodeProof, decodeProof :: a record that is not there is proved by its neighbour (R23)', () => {
  const body = encodeProof(proofOf(STREAM, 'missing'), publicKey);

  const { snapshot, record: found, proof } = decodeProof(body);

  const { root } = decodeSnapshot(snapshot.value ?? new Uint8Array(0));
  assert.is(found, undefined);
  assert.is(checkProof(root, 'obj', 'missing', proof), 'absent');
  assert.is(checkProof(root, proof.leaf?.type ?? '', proof.leaf?.key ?? '', proof), 'present');
});

test('encodeProof, decodeProof :: an empty stream has neither record nor neighbour (R23)', () => {
  const body = encodeProof(proofOf(EMPTY, 'k7'), publicKey);

  const { snapshot, record: found, proof } = decodeProof(body);

  const { root } = decodeSnapshot(snapshot.value ?? new Uint8Array(0));
  assert.is(found, undefined);
  assert.is(checkProof(root, 'obj', 'k7', proof), 'absent');
});

test('encodeProof :: is the map of the protocol', () => {
  const present = decode(encodeProof(proofOf(STREAM, 'k7'), publicKey)) as object;
  const absent = decode(encodeProof(proofOf(STREAM, 'x'), publicKey)) as object;
  const empty = decode(encodeProof(proofOf(EMPTY, 'x'), publicKey)) as object;

  assert.equal(Object.keys(present), ['snapshot', 'record', 'path']);
  assert.equal(Object.keys(absent), ['snapshot', 'neighbour', 'path']);
  assert.equal(Object.keys(empty), ['snapshot', 'path']);
});

test('decodeProof :: a value may come with the record', () => {
  const given = proofOf(STREAM, 'k7');
  const value = new TextEncoder().encode('v7');
  const withValue = { ...given, record: { ...(given.record as SignedRecord), value } };

  const decoded = decodeProof(encodeProof(withValue, publicKey));

  assert.equal(decoded.record?.value, value);
});

const GOOD = decode(encodeProof(proofOf(STREAM, 'k7'), publicKey)) as Record<string, unknown>;
const SNAPSHOT: RawField = ['snapshot', packed(GOOD['snapshot'])];
const RECORD: RawField = ['record', packed(GOOD['record'])];
const PATH: RawField = ['path', packed(GOOD['path'])];
const STEP = [3, new Uint8Array(32)];

test('decodeProof :: ignores unknown fields, in any order', () => {
  const body = mapOf([
    PATH,
    ['__proto__', packed({ a: [1] })],
    RECORD,
    ['more', packed(1)],
    SNAPSHOT,
  ]);

  assert.is(decodeProof(body).record?.key, 'k7');
  assert.is(({} as Record<string, unknown>)['a'], undefined);
});

const REFUSED: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['a list', packed([])],
  ['no snapshot', mapOf([RECORD, PATH])],
  ['no path', mapOf([SNAPSHOT, RECORD])],
  ['a record and a neighbour', mapOf([SNAPSHOT, RECORD, ['neighbour', RECORD[1]], PATH])],
  ['two snapshots', mapOf([SNAPSHOT, SNAPSHOT, PATH])],
  ['two paths', mapOf([SNAPSHOT, PATH, PATH])],
  ['a snapshot that is a number', mapOf([['snapshot', packed(1)], PATH])],
  ['a record without its signature', mapOf([SNAPSHOT, ['record', packed({ id: 1 })], PATH])],
  ['a neighbour without a hash', mapOf([SNAPSHOT, ['neighbour', packed({ id: 1 })], PATH])],
  ['a path that is a map', mapOf([SNAPSHOT, ['path', packed({})]])],
  ['a path of numbers', mapOf([SNAPSHOT, ['path', packed([1])]])],
  ['a step of three', mapOf([SNAPSHOT, ['path', packed([[...STEP, 1]])]])],
  ['a step of one', mapOf([SNAPSHOT, ['path', packed([[3]])]])],
  ['a sibling of 31 bytes', mapOf([SNAPSHOT, ['path', packed([[3, new Uint8Array(31)]])]])],
  ['a bit that is a float', mapOf([SNAPSHOT, ['path', packed([[1.5, new Uint8Array(32)]])]])],
  ['513 steps', mapOf([SNAPSHOT, ['path', packed(new Array(513).fill(STEP))]])],
  ['2^32 - 1 steps announced', mapOf([SNAPSHOT, ['path', fromHex('ddffffffff')]])],
  ['a name that is a number', Uint8Array.from([0x81, 0x01, 0x01])],
];

for (const [name, body] of REFUSED) {
  test(`decodeProof :: refuses ${name}`, () => {
    assert.throws(() => decodeProof(body), throwsCode('MALFORMED'));
  });
}

test('decodeProof :: refuses bytes behind it and every truncation', () => {
  const body = encodeProof(proofOf(STREAM, 'k7'), publicKey);

  assert.throws(() => decodeProof(Uint8Array.from([...body, 0])), throwsCode('MALFORMED'));
  for (let length = 0; length < body.length; length += 1) {
    assert.throws(() => decodeProof(body.subarray(0, length)), throwsCode('MALFORMED'));
  }
});

test('decodeProof :: no mutation proves something else', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  const good = encodeProof(proofOf(STREAM, 'k7'), publicKey);
  let held = 0;

  for (let round = 0; round < scaled(1500); round += 1) {
    const body = good.slice();
    for (let flips = 1 + random.below(2); flips > 0; flips -= 1) {
      const at = random.below(body.length);
      body[at] = Number(body[at]) ^ (1 << random.below(8));
    }
    const verdict = verdictOf(body);
    assert.ok(verdict === 'refused' || verdict === 'present', `seed ${seed}, round ${round}`);
    if (verdict === 'present') held += 1;
  }

  // What is not covered by a signature or the root can be flipped, and changes nothing.
  assert.ok(held < scaled(1500) / 2, `${held} of ${scaled(1500)} held`);
});

type Stream = { readonly trie: SnapshotTrie; readonly snapshot: SignedRecord };

/** A stream of these records with its snapshot as record 1. */
function streamOf(records: readonly SignedRecord[]): Stream {
  const trie = new SnapshotTrie(emptyTrieSource());
  for (const held of records) trie.set(held);
  const value = encodeSnapshot({
    seq: 1,
    count: records.length,
    root: trie.root(),
    time: 1,
    exp: 0,
    previous: new Uint8Array(32),
  });
  const name = { type: 'drayer', key: 'snapshot', hash: hash(value) };
  const signed = signDraft(draft({ id: 1, ...name, modified: 9_999, prevChange: 410 }), secretKey);
  return { trie, snapshot: { ...signed, value } };
}

function proofOf({ trie, snapshot }: Stream, key: string): ProofBody {
  const found = RECORDS.find((held) => held.key === key);
  const isThere = found !== undefined && trie.root().some((byte) => byte !== 0);
  return { snapshot, record: isThere ? found : undefined, proof: trie.prove('obj', key) };
}

/** What somebody who asked for k7 and has only the public key makes of a body. */
function verdictOf(body: Uint8Array): 'present' | 'absent' | 'refused' {
  try {
    const { snapshot, proof } = decodeProof(body);
    verifyRecord(snapshot, publicKey);
    const { root } = decodeSnapshot(snapshot.value ?? new Uint8Array(0));
    return checkProof(root, 'obj', 'k7', proof);
  } catch (error) {
    if (isDrayerError(error)) return 'refused';
    throw error;
  }
}

// The reference encoder writes large numbers as floats unless they are bigints.
function packed(value: unknown): Uint8Array {
  return encode(value, { useBigInt64: true });
}

test.run();
