import { cpuUsage, env } from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash, suiteInUse } from '#crypto';
import type { Draft } from '../../src/core/record.ts';
import {
  emptyTrieSource,
  SnapshotTrie,
  type TrieNode,
  type TrieSource,
} from '../../src/core/trie.ts';
import { leafHash, nodeHash, positionOf } from '../../src/core/trie-hash.ts';
import { vectorJson } from '../helpers/old-wire.ts';
import { draft } from '../helpers/records.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { throwsCode } from '../helpers/throws.ts';
import { MemoryTrie, oracleRoot } from '../helpers/trie-oracle.ts';

type VectorSet = {
  count: number;
  root: string;
  records: {
    id: number;
    type: string;
    key: string;
    value: string;
    timestamp: number;
    modified: number;
  }[];
};

const { sets } = vectorJson<{ sets: VectorSet[] }>('snapshot.json');
const ZEROS = '0'.repeat(64);

const test = suite('core/trie');

for (const set of sets) {
  test(`root :: the ${set.count} records of another implementation have its root (R21)`, () => {
    const trie = new SnapshotTrie(emptyTrieSource());
    const records = set.records.map((record) => {
      return draft({ ...record, hash: hash(new Uint8Array(Buffer.from(record.value, 'hex'))) });
    });

    for (const record of records) trie.set(record);

    assert.is(hex(trie.root()), set.root);
    assert.is(hex(SnapshotTrie.of(records).root()), set.root);
    assert.is(hex(oracleRoot(records)), set.root);
  });
}

test('root :: no record gives zeros, one record its leaf (R21)', () => {
  const trie = new SnapshotTrie(emptyTrieSource());

  assert.is(hex(trie.root()), ZEROS);

  trie.set(draft({ id: 1 }));

  assert.is(hex(trie.root()), hex(leafHash(draft({ id: 1 }))));
});

test('root :: two records hash to their node (R21)', () => {
  const [a, b] = [draft({ id: 1, key: 'a' }), draft({ id: 2, key: 'b' })];
  const trie = trieOf([a, b]);
  const bits = [a, b].map((record) => binary(positionOf(record.type, record.key)));
  const bit = [...(bits[0] ?? '')].findIndex((value, i) => value !== bits[1]?.[i]);
  const [left, right] = bits[0]?.[bit] === '0' ? [a, b] : [b, a];

  assert.is(hex(trie.root()), hex(nodeHash(bit, leafHash(left), leafHash(right))));
  assert.ok(bit >= 256, 'the types are the same');
});

test('root :: is in memory of its own', () => {
  const empty = new SnapshotTrie(emptyTrieSource());

  empty.root().fill(9);

  assert.is(hex(empty.root()), ZEROS);
});

test('set :: the order of records does not matter (R21)', () => {
  const records = Array.from({ length: 50 }, (_, i) => draft({ id: i + 1 }));

  assert.equal(trieOf(records).root(), trieOf([...records].reverse()).root());
});

test('set :: replaces the record of the same name, also by one with another id', () => {
  const records = [draft({ id: 1 }), draft({ id: 2 }), draft({ id: 3 })];
  const trie = trieOf(records);
  const updated = draft({ id: 2, modified: 70, hash: hash(Uint8Array.of(1)) });
  const again = draft({ id: 9, key: 'k2', modified: 80 });

  trie.set(updated);
  assert.equal(trie.root(), oracleRoot([draft({ id: 1 }), updated, draft({ id: 3 })]));

  trie.set(again);
  assert.equal(trie.root(), oracleRoot([draft({ id: 1 }), again, draft({ id: 3 })]));
  assert.is(trie.prove('obj', 'k2').leaf?.id, 9);
});

test('of :: of two records with one name the later counts, also by their ids (R21)', () => {
  const records = [draft({ id: 1 }), draft({ id: 2 }), draft({ id: 3 })];
  const again = draft({ id: 9, key: 'k2', modified: 80 });
  const trie = SnapshotTrie.of([...records, again]);

  assert.equal(trie.root(), oracleRoot([draft({ id: 1 }), again, draft({ id: 3 })]));
  assert.is(trie.prove('obj', 'k2').leaf?.id, 9);
  assert.equal(SnapshotTrie.of([again, ...records]).root(), oracleRoot(records));
});

test('setAll :: where something is, where nothing is any more, and nothing, as one by one (R21)', () => {
  const some = [1, 2, 3].map((id) => draft({ id }));
  const more = [4, 5, 6].map((id) => draft({ id }));
  for (const gone of [[], ['k1'], ['k1', 'k2', 'k3']]) {
    const store = new MemoryTrie();
    for (const one of [...some, ...more]) store.records.set(one.id, one);
    store.apply(trieOf(some).changes());
    const trie = new SnapshotTrie(store);
    for (const key of gone) trie.delete('obj', key);

    trie.setAll([]);
    trie.setAll(more);
    trie.setAll(more);

    const left = [...some.filter(({ key }) => !gone.includes(key)), ...more];
    assert.equal(trie.root(), oracleRoot(left));
    store.apply(trie.changes());
    assert.equal(new SnapshotTrie(store).root(), oracleRoot(left));
    assert.is(new SnapshotTrie(store).prove('obj', 'k5').leaf?.id, 5);
  }
});

test('of :: is what the records make one by one, and goes on like it', () => {
  for (const count of [0, 1, 2, 3, 500]) {
    const records = Array.from({ length: count }, (_, i) => draft({ id: i + 1 }));
    const store = new MemoryTrie();
    for (const one of [...records, draft({ id: 900 })]) store.records.set(one.id, one);
    const built = SnapshotTrie.of(records);

    assert.equal(built.root(), trieOf(records).root());
    assert.is(built.changes().saved.length, Math.max(0, count - 1));
    store.apply(built.changes());
    const next = new SnapshotTrie(store);
    next.set(draft({ id: 900 }));
    next.delete('obj', 'k2');
    built.set(draft({ id: 900 }));
    built.delete('obj', 'k2');
    const left = [...records.filter(({ id }) => id !== 2), draft({ id: 900 })];

    assert.equal(next.root(), oracleRoot(left));
    assert.equal(built.root(), oracleRoot(left));
    assert.is(
      new Set(built.changes().saved.map(({ id }) => id)).size,
      built.changes().saved.length,
    );
    // All of it, what was not touched since as well.
    const whole = new MemoryTrie();
    for (const one of left) whole.records.set(one.id, one);
    whole.apply(built.changes());
    for (const { id, key } of left) {
      assert.is(new SnapshotTrie(whole).prove('obj', key).leaf?.id, id);
    }
    assert.equal(new SnapshotTrie(whole).root(), oracleRoot(left));
  }
});

test('of :: records of several types, in any order (R21)', () => {
  const records = ['obj', 'file', 'post'].flatMap((type, i) =>
    [1, 2, 3, 4, 5, 6, 7].map((n) => draft({ id: 10 * n + i, type, key: `k${n}` })),
  );

  assert.equal(SnapshotTrie.of(records).root(), oracleRoot(records));
  assert.equal(SnapshotTrie.of(records.toReversed()).root(), oracleRoot(records));
});

test('set :: pointers are in no hash: a silent patch changes nothing (R21)', () => {
  const store = stored([draft({ id: 1 }), draft({ id: 2 }), draft({ id: 3 })]);
  const trie = new SnapshotTrie(store);

  trie.set(draft({ id: 3, prevChange: 0, prev: 1 }));

  assert.equal(trie.changes().saved, []);
  assert.equal(trie.changes().root, store.root());
});

test('delete :: leaves the very root there would be without the record (R21)', () => {
  const records = Array.from({ length: 30 }, (_, i) => draft({ id: i + 1 }));

  for (const gone of records) {
    const trie = trieOf(records);

    assert.is(trie.delete(gone.type, gone.key), true);
    assert.equal(trie.root(), oracleRoot(records.filter((record) => record !== gone)));
  }
});

test('delete :: says when there is nothing to delete', () => {
  const trie = trieOf([draft({ id: 1 }), draft({ id: 2 })]);
  const before = trie.root();

  assert.is(trie.delete('obj', 'k3'), false);
  assert.is(trie.delete('other', 'k1'), false);
  assert.is(new SnapshotTrie(emptyTrieSource()).delete('obj', 'k1'), false);
  assert.equal(trie.root(), before);
});

test('delete :: the last record leaves an empty trie', () => {
  const store = stored([draft({ id: 1 })]);
  const trie = new SnapshotTrie(store);

  assert.is(trie.delete('obj', 'k1'), true);

  assert.is(hex(trie.root()), ZEROS);
  assert.is(trie.changes().root, undefined);
});

test('changes :: what was made and unmade is neither saved nor dropped', () => {
  const store = stored([draft({ id: 1 }), draft({ id: 2 })]);
  const before = store.nodes.size;
  const trie = new SnapshotTrie(store);

  trie.set(draft({ id: 3 }));
  trie.delete('obj', 'k3');
  const changes = trie.changes();

  assert.equal(changes.dropped, []);
  assert.equal(changes.root?.hash, store.root()?.hash);
  store.apply(changes);
  assert.is(store.nodes.size, before);
});

test('changes :: a stored node that goes is dropped, once', () => {
  const store = stored([draft({ id: 1 }), draft({ id: 2 })]);
  const trie = new SnapshotTrie(store);
  trie.delete('obj', 'k2');

  const changes = trie.changes();

  assert.is(changes.dropped.length, 1);
  assert.equal(changes.saved, []);
  assert.equal(changes.root, { ref: -1, hash: leafHash(draft({ id: 1 })) });
  assert.equal(trie.changes(), changes);
});

test('changes :: random histories, stored after every batch, equal the oracle (R21)', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  for (let history = 0; history < scaled(12); history += 1) {
    const store = new MemoryTrie();
    const live = new Map<string, Draft>();
    for (let batch = 0; batch < 12; batch += 1) {
      changeRandomly({ store, live, random });

      assert.equal(
        store.root()?.hash ?? new Uint8Array(32),
        oracleRoot(live.values()),
        `seed ${seed}`,
      );
      assert.is(store.nodes.size, Math.max(0, live.size - 1), `seed ${seed}: nodes left behind`);
    }
  }
});

test('set, delete, root :: load about log2 n nodes of a trie of 100,000 leaves', () => {
  const store = stored(
    Array.from({ length: 100_000 }, (_, i) => draft({ id: i + 1, key: `k${i}`, hash: FIXED })),
  );
  // log2 of 100,000 is 16.6; random tries are a few levels deeper in places.
  const limit = 40;

  for (const change of CHANGES) {
    store.resetLoads();
    const trie = new SnapshotTrie(store);
    change(trie);
    trie.root();
    const { saved } = trie.changes();

    assert.ok(store.loads > 5 && store.loads <= limit, `${change}: ${store.loads} loads`);
    assert.ok(saved.length > 5 && saved.length <= limit, `${change}: ${saved.length} saved`);
  }
});

test('set :: 10,000 leaves from empty take less than 150 ms', () => {
  const drafts = Array.from({ length: 10_000 }, (_, i) =>
    draft({ id: i + 1, key: `docs/page-${i}.html`, hash: FIXED }),
  );
  const times: number[] = [];

  // Processor time, the best of five: what else the machine does is not measured.
  for (let round = 0; round < 5; round += 1) {
    const start = cpuUsage();
    trieOf(drafts).root();
    times.push(cpuUsage(start).user / 1000);
  }

  assert.ok(Math.min(...times) < LEAVES_LIMIT_MS, `${Math.min(...times)} ms`);
});

test('descending :: a damaged table is refused instead of walked for ever', () => {
  const child = { ref: 1, hash: FIXED };
  const damages: TrieNode[] = [
    { id: 1, bit: 3, left: child, right: child },
    { id: 1, bit: 512, left: child, right: child },
    { id: 1, bit: -1, left: child, right: child },
  ];

  for (const node of damages) {
    const source: TrieSource = { ...emptyTrieSource(), root: () => child, node: () => node };
    const trie = new SnapshotTrie(source);
    assert.throws(() => trie.set(draft({ id: 1 })), throwsCode('STREAM_INVALID'));
  }
});

test('emptyTrieSource :: holds nothing', () => {
  const source = emptyTrieSource();

  assert.is(source.root(), undefined);
  assert.is(source.nextNodeId(), 1);
  assert.throws(() => source.node(1), throwsCode('STREAM_INVALID'));
  assert.throws(() => source.positionOf(1), throwsCode('STREAM_INVALID'));
  assert.throws(() => source.record(1), throwsCode('STREAM_INVALID'));
});

// Blocks counted for coverage take longer, and so does BLAKE2b in JavaScript.
const isSlow = env['NODE_V8_COVERAGE'] !== undefined || suiteInUse() === 'portable';
const LEAVES_LIMIT_MS = isSlow ? 3000 : 150;

const FIXED = hash(new Uint8Array(0));
const CHANGES: readonly ((trie: SnapshotTrie) => void)[] = [
  function addOne(trie) {
    trie.set(draft({ id: 100_001, key: 'new' }));
  },
  function replaceOne(trie) {
    trie.set(draft({ id: 500, key: 'k499', modified: 7_000_000 }));
  },
  function deleteOne(trie) {
    trie.delete('obj', 'k77');
  },
];

function changeRandomly(given: {
  store: MemoryTrie;
  live: Map<string, Draft>;
  random: Random;
}): void {
  const { store, live, random } = given;
  const trie = new SnapshotTrie(store);
  for (let change = random.below(9); change >= 0; change -= 1) {
    const [type, key] = [random.pick(['obj', 'file']), `k${random.below(25)}`];
    const held = live.get(`${type}/${key}`);
    if (random.oneIn(3)) {
      assert.is(trie.delete(type, key), held !== undefined);
      live.delete(`${type}/${key}`);
    } else {
      const isSameId = held !== undefined && random.oneIn(2);
      const id = isSameId ? held.id : store.records.size + 1;
      const record = draft({ id, type, key, modified: 10 * id + random.below(10) });
      trie.set(record);
      live.set(`${type}/${key}`, record);
      store.records.set(id, record);
    }
  }
  store.apply(trie.changes());
}

function trieOf(records: Iterable<Draft>): SnapshotTrie {
  const trie = new SnapshotTrie(emptyTrieSource());
  for (const record of records) trie.set(record);
  return trie;
}

function stored(records: readonly Draft[]): MemoryTrie {
  const store = new MemoryTrie();
  for (const record of records) store.records.set(record.id, record);
  store.apply(trieOf(records).changes());
  return store;
}

function binary(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test.run();
