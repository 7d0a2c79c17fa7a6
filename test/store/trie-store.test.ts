import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isSnapshot } from '../../src/core/chain.ts';
import { checkProof } from '../../src/core/proof.ts';
import { verifyStream } from '../../src/store/audit.ts';
import type { Stream } from '../../src/store/stream.ts';
import { buildTrie } from '../../src/store/trie-store.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { newStream, openedReader, openedStream, rawDatabase, recordsIn } from '../helpers/store.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/trie-store');

function nodesIn(t: Scope): number {
  const raw = rawDatabase(t, t.path('a.stream'));
  const n = raw.prepare('SELECT count(*) FROM drayer_trie').pluck().get();
  raw.close();
  return Number(n);
}

function fill(stream: Stream, count: number): void {
  stream.transaction((tx) => {
    for (let i = 0; i < count; i += 1) tx.set(`k${i}`, i);
  });
}

const seed = freshSeed();
test(
  `SnapshotTrie :: stored after any history of commits is the trie of the records, seed ${seed}`,
  scope(async (t) => {
    const random = randomFrom(seed);
    newStream(t).close();

    for (let round = 0; round < scaled(12); round += 1) {
      const stream = openedStream(t);
      for (let commits = random.below(4); commits >= 0; commits -= 1) {
        stream.transaction((tx) => {
          for (let i = random.below(9); i >= 0; i -= 1) {
            const key = `k${random.below(40)}`;
            if (random.oneIn(3)) tx.delete(key);
            else tx.set(key, random.below(1000));
          }
        });
      }
      const live = recordsIn(stream.reader).filter((record) => !isSnapshot(record));
      const root = buildTrie(live).root();
      const { snapshot } = stream.reader.generation();

      if (snapshot === undefined) continue;
      assert.equal(Buffer.from(snapshot.root), Buffer.from(root), `seed ${seed}`);
      assert.is(snapshot.count, live.length);
      assert.is(stream.reader.view.count(), live.length + 1);
      for (const key of ['k1', 'k2', 'k3']) {
        const { proof, record } = stream.reader.prove('obj', key);
        const verdict = checkProof(root, 'obj', key, proof);
        assert.is(verdict, record === undefined ? 'absent' : 'present', `seed ${seed}`);
      }
      stream.close();
      assert.is(nodesIn(t), Math.max(0, live.length - 1), `seed ${seed}`);
    }
    assert.equal((await verifyStream(t.path('a.stream'))).findings, []);
  }),
);

test(
  'commit :: writes O(log n) rows, however large the stream',
  scope((t) => {
    const written = [100, 10_000].map((count) => {
      const stream = newStream(t, `${count}.stream`);
      fill(stream, count);
      const raw = rawDatabase(t, stream.path);
      const nodes = raw.prepare(
        'SELECT id, hex(left_hash) || hex(right_hash) AS hashes FROM drayer_trie',
      );
      const read = (): [number, string][] => nodes.raw().all() as [number, string][];
      const before = new Map(read());

      stream.set('one more', 1);

      return read().filter(([id, hashes]) => before.get(id) !== hashes).length;
    });

    const [few = 0, many = 0] = written;
    assert.ok(few >= 2 && few < 25, `${few} nodes of 100`);
    assert.ok(many > few && many < 45, `${many} nodes of 10,000`);
  }),
);

test(
  'prove :: works without the local tables, for a file that was only copied',
  scope((t) => {
    const stream = newStream(t);
    fill(stream, 50);
    const root = stream.reader.generation().snapshot?.root ?? new Uint8Array();
    stream.close();
    const raw = rawDatabase(t, stream.path);
    for (const table of ['drayer_state', 'drayer_trie', 'drayer_local', 'drayer_stat']) {
      raw.exec(`DROP TABLE ${table}`);
    }
    const reader = openedReader(t);

    for (const key of ['k7', 'k49', 'missing']) {
      const { record, proof } = reader.prove('obj', key);
      assert.is(checkProof(root, 'obj', key, proof), record ? 'present' : 'absent');
    }
    assert.is(reader.view.count(), 51);
  }),
);

const DAMAGE: Record<string, string> = {
  'a node is gone': 'DELETE FROM drayer_trie WHERE id IN (SELECT id FROM drayer_trie LIMIT 10)',
  'a node leads round': 'UPDATE drayer_trie SET left_ref = id, right_ref = id',
  'a node leads to no record': 'UPDATE drayer_trie SET left_ref = -999, right_ref = -999',
  'the root is another': 'UPDATE drayer_state SET trie_ref = 9999',
};
for (const [what, sql] of Object.entries(DAMAGE)) {
  test(
    `openTrie :: a trie in which ${what} is an error, never a wrong snapshot`,
    scope((t) => {
      const stream = newStream(t);
      fill(stream, 30);
      rawDatabase(t, stream.path).exec(sql);
      const { tip } = stream.refresh();

      assert.throws(() => {
        for (let i = 0; i < 30; i += 1) stream.reader.prove('obj', `k${i}`);
      }, throwsCode('STREAM_INVALID'));
      assert.throws(() => {
        stream.transaction((tx) => {
          for (let i = 0; i < 30; i += 1) tx.set(`k${i}`, 'changed');
        });
      }, throwsCode('STREAM_INVALID'));
      assert.is(stream.refresh().tip, tip);
    }),
  );
}

test.run();
