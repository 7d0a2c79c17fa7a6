import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { isDrayerError } from '../../src/core/errors.ts';
import { checkProof, type Proof } from '../../src/core/proof.ts';
import type { Draft } from '../../src/core/record.ts';
import { emptyTrieSource, SnapshotTrie } from '../../src/core/trie.ts';
import { leafHash } from '../../src/core/trie-hash.ts';
import { vectorJson } from '../helpers/old-wire.ts';
import { draft } from '../helpers/records.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { throwsCode } from '../helpers/throws.ts';
import { MemoryTrie } from '../helpers/trie-oracle.ts';

type Name = { type: string; key: string };
type VectorProof = Name & { leaf: string; path: [number, string][]; neighbour?: Name };
type VectorSet = {
  count: number;
  root: string;
  records: (Name & { id: number; value: string; timestamp: number; modified: number })[];
  presence: VectorProof[];
  absence: VectorProof[];
};

const { sets } = vectorJson<{ sets: VectorSet[] }>('snapshot.json');

const test = suite('core/proof');

for (const set of sets) {
  const records = set.records.map((record) => {
    return draft({ ...record, hash: hash(fromHex(record.value)) });
  });

  test(`prove :: gives the proofs of another implementation for ${set.count} records (R23)`, () => {
    const trie = trieOf(records);

    for (const expected of [...set.presence, ...set.absence]) {
      const { path, leaf } = trie.prove(expected.type, expected.key);

      assert.equal(
        path.map(({ bit, sibling }) => [bit, hex(sibling)]),
        expected.path,
      );
      assert.is(leaf && hex(leafHash(leaf)), expected.leaf);
    }
  });

  test(`checkProof :: accepts the proofs of another implementation for ${set.count} records (R23)`, () => {
    const proofOf = ({ path, ...given }: VectorProof): Proof => ({
      path: path.map(([bit, sibling]) => ({ bit, sibling: fromHex(sibling) })),
      leaf: find(records, given.neighbour ?? given),
    });

    for (const given of set.presence) {
      assert.is(checkProof(fromHex(set.root), given.type, given.key, proofOf(given)), 'present');
    }
    for (const given of set.absence) {
      assert.is(checkProof(fromHex(set.root), given.type, given.key, proofOf(given)), 'absent');
    }
  });
}

test('checkProof :: an empty stream proves every absence (R23)', () => {
  const { root, proof } = proven([], 'k1');

  assert.equal(proof, { path: [], leaf: undefined });
  assert.is(checkProof(root, 'obj', 'k1', proof), 'absent');
});

test('checkProof :: naming no record proves nothing about a stream that has some (R23)', () => {
  const { root } = proven([draft({ id: 1 })], 'k1');
  const step = { bit: 0, sibling: new Uint8Array(32) };

  assert.throws(
    () => checkProof(root, 'obj', 'k2', { path: [], leaf: undefined }),
    throwsCode('PROOF_INVALID'),
  );
  assert.throws(
    () => checkProof(new Uint8Array(32), 'obj', 'k2', { path: [step], leaf: undefined }),
    throwsCode('PROOF_INVALID'),
  );
});

const RECORDS = Array.from({ length: 40 }, (_, i) => draft({ id: i + 1 }));

test('checkProof :: refuses every bit flipped in the root, the path and the leaf (R23)', () => {
  const { root, proof } = proven(RECORDS, 'k7');
  const { leaf } = proof;
  assert.ok(leaf !== undefined && proof.path.length > 3);
  const wrong: [Uint8Array, Proof][] = flips(root).map((flipped) => [flipped, proof]);
  for (const [i, step] of proof.path.entries()) {
    const withStep = (changed: typeof step): Proof => ({ leaf, path: proof.path.with(i, changed) });
    for (const sibling of flips(step.sibling)) wrong.push([root, withStep({ ...step, sibling })]);
    for (let mask = 1; mask < 1024; mask *= 2) {
      wrong.push([root, withStep({ ...step, bit: step.bit ^ mask })]);
    }
  }
  for (const changed of flips(leaf.hash))
    wrong.push([root, { ...proof, leaf: { ...leaf, hash: changed } }]);
  for (const field of ['id', 'timestamp', 'modified'] as const) {
    wrong.push([root, { ...proof, leaf: { ...leaf, [field]: leaf[field] + 1 } }]);
  }

  for (const [given, changed] of wrong) {
    assert.throws(() => checkProof(given, 'obj', 'k7', changed), throwsCode('PROOF_INVALID'));
  }
  assert.ok(wrong.length > 1000);
});

test('checkProof :: refuses steps left out, repeated, swapped or of another length (R23)', () => {
  const { root, proof } = proven(RECORDS, 'k7');
  const { path, leaf } = proof;
  const paths: Proof['path'][] = [
    ...path.map((_, i) => path.filter((_step, j) => j !== i)),
    ...path.map((step, i) => [...path.slice(0, i), step, ...path.slice(i)]),
    [...path].reverse(),
    path.map(({ bit, sibling }) => ({ bit, sibling: sibling.subarray(1) })),
    path.map(({ bit, sibling }) => ({ bit: bit + 0.5, sibling })),
    [...path, { bit: 512, sibling: new Uint8Array(32) }],
    [{ bit: -1, sibling: new Uint8Array(32) }, ...path],
  ];

  for (const changed of paths) {
    assert.throws(
      () => checkProof(root, 'obj', 'k7', { path: changed, leaf }),
      throwsCode('PROOF_INVALID'),
    );
  }
});

test('checkProof :: the neighbour of another name proves no absence of a present one (R23)', () => {
  const { root, proof } = proven(RECORDS, 'k7');
  const others = RECORDS.map((record) => proven(RECORDS, record.key).proof);
  const lies = others.filter((other) => other.leaf?.key !== 'k7');

  for (const lie of lies) {
    assert.throws(() => checkProof(root, 'obj', 'k7', lie), throwsCode('PROOF_INVALID'));
  }
  assert.is(checkProof(root, 'obj', 'k7', proof), 'present');
  assert.is(lies.length, RECORDS.length - 1);
});

test('checkProof :: refuses a leaf out of bounds with RECORD_INVALID (R2)', () => {
  const { root, proof } = proven([draft({ id: 1 })], 'k1');
  const leaf = { ...draft({ id: 1 }), id: 0.5 };

  assert.throws(
    () => checkProof(root, 'obj', 'k1', { ...proof, leaf }),
    throwsCode('RECORD_INVALID'),
  );
});

test('prove :: reads the leaf of a stored trie from its store', () => {
  const store = new MemoryTrie();
  for (const record of RECORDS) store.records.set(record.id, record);
  store.apply(trieOf(RECORDS).changes());

  const proof = new SnapshotTrie(store).prove('obj', 'k9');

  assert.is(checkProof(store.root()?.hash ?? new Uint8Array(0), 'obj', 'k9', proof), 'present');
  assert.is(proof.leaf, RECORDS[8]);
});

test('prove, checkProof :: random sets prove what they hold and what they do not (R23)', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);

  for (let round = 0; round < scaled(40); round += 1) {
    const names = Array.from({ length: random.below(60) }, () => `k${random.below(90)}`);
    const records = [...new Set(names)].map((key, i) => draft({ id: i + 1, key }));
    const trie = trieOf(records);
    const root = trie.root();
    for (let i = 0; i < 90; i += 1) {
      const key = `k${i}`;
      const proof = trie.prove('obj', key);

      const expected = names.includes(key) ? 'present' : 'absent';
      assert.is(checkProof(root, 'obj', key, proof), expected, `seed ${seed}`);
    }
  }
});

test('checkProof :: a proof of one generation does not hold in another (R23)', () => {
  const old = proven(RECORDS, 'k7');
  const changed = RECORDS.map((record) =>
    record.key === 'k7' ? { ...record, modified: 9_999 } : record,
  );
  const recent = proven(changed, 'k7');

  assert.throws(() => checkProof(recent.root, 'obj', 'k7', old.proof), throwsCode('PROOF_INVALID'));
  assert.is(checkProof(recent.root, 'obj', 'k7', recent.proof), 'present');
});

test('checkProof :: never throws anything but its own errors on random proofs', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  const bytes = (length: number): Uint8Array =>
    Uint8Array.from({ length }, () => random.below(256));

  for (let round = 0; round < scaled(500); round += 1) {
    const path = Array.from({ length: random.below(6) }, () => {
      return { bit: random.below(600) - 20, sibling: bytes(random.oneIn(5) ? 31 : 32) };
    });
    try {
      checkProof(bytes(32), 'obj', 'k1', { path, leaf: draft({ id: 1 + random.below(3) }) });
      assert.unreachable(`seed ${seed}: a random proof was taken`);
    } catch (error) {
      assert.ok(isDrayerError(error, 'PROOF_INVALID'), `seed ${seed}: ${String(error)}`);
    }
  }
});

function proven(records: readonly Draft[], key: string): { root: Uint8Array; proof: Proof } {
  const trie = trieOf(records);
  return { root: trie.root(), proof: trie.prove('obj', key) };
}

function trieOf(records: readonly Draft[]): SnapshotTrie {
  const trie = new SnapshotTrie(emptyTrieSource());
  for (const record of records) trie.set(record);
  return trie;
}

function find(records: readonly Draft[], { type, key }: Name): Draft | undefined {
  return records.find((record) => record.type === type && record.key === key);
}

function flips(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length * 8 }, (_, i) => {
    return bytes.map((byte, at) => (at === i >> 3 ? byte ^ (1 << (i & 7)) : byte));
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

test.run();
