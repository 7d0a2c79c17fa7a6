/** Staged generations made visible: judged on what is stored, in one step, and nothing else changed. */
import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Step } from '../../src/core/chain.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { bareRecord, type MirrorStore, openMirrorStore } from '../../src/store/mirror-store.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { promoteStaged } from '../../src/store/promote.ts';
import type { Stream } from '../../src/store/stream.ts';
import { readTrust, type Trust, trustPathOf } from '../../src/store/trust.ts';
import { writeForeign } from '../helpers/foreign-writer.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { noise } from '../helpers/published.ts';
import { randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode, throwsCode } from '../helpers/throws.ts';

const test = suite('store/mirror-store');

test(
  'promote :: the first generation becomes the stream file, with its trie (R15, R22)',
  scope(async (t) => {
    const { writer, store } = setUp(t);
    writer.transaction((tx) => tx.set('a', 1).set('b', 2));
    stageAll(store, writer);

    const promotion = await store.promote(0, promoteStaged);

    assert.is(promotion.kind, 'complete');
    assert.equal(streamRows(store.path), streamRows(writer.path));
    assert.is(existsSync(`${store.path}.part`), false);
    assert.is(existsSync(`${store.path}.part-wal`), false);
    // Bytes 18 and 19 of an SQLite file in WAL mode.
    assert.equal([...readFileSync(store.path).subarray(18, 20)], [2, 2]);
    const { trust } = store;
    assert.is(trustText(trust), trustText(readTrust(trustPathOf(store.path))));
    assert.is(trust?.snapshot?.seq, 1);
    checkLocalState(store.path);
  }),
);

test(
  'promote :: later generations keep rows, count and trie in step (R21, R22)',
  scope(async (t) => {
    const { writer, store } = setUp(t);
    writer.set('first', 0);
    stageAll(store, writer);
    await store.promote(0, promoteStaged);

    for (let seed = 1; seed <= scaled(15); seed += 1) {
      const random = randomFrom(seed);
      for (let batch = random.below(3); batch >= 0; batch -= 1) {
        writer.transaction((tx) => {
          tx.set(`k${random.below(9)}`, seed);
          tx.delete(`k${random.below(9)}`);
          tx.set(`k${random.below(9)}`, noise(9000, seed));
        });
      }
      stageChanges(store, writer);
      const promotion = await store.promote(writer.reader.view.modifiedTip(), promoteStaged);

      assert.is(promotion.kind, 'complete', `seed ${seed}`);
      assert.equal(streamRows(store.path), streamRows(writer.path), `seed ${seed}`);
      checkLocalState(store.path);
    }
  }),
);

test(
  'promote :: a generation begun from nothing replaces any other, in one step (R16)',
  scope(async (t) => {
    const { writer, store } = setUp(t);
    writer.transaction((tx) => tx.set('a', 1).set('b', 2).set('c', 3));
    stageAll(store, writer);
    await store.promote(0, promoteStaged);
    writer.set('a', 9);
    writer.transaction((tx) => {
      tx.delete('b');
      tx.set('d', noise(5000));
    });
    writer.set('c', 7);

    store.begin();
    store.restart('afresh');
    assert.is(store.view.count(), 0);
    stageRecords(store, allRecords(writer));
    const promotion = await store.promote(0, promoteStaged);

    assert.is(promotion.kind, 'complete');
    assert.equal(streamRows(store.path), streamRows(writer.path));
    checkLocalState(store.path);
  }),
);

test(
  'promote :: values held under the same hash move along, whatever row they stand in (R17)',
  scope(async (t) => {
    const { writer, store } = setUp(t);
    const [film, song] = [noise(50_000, 1), noise(50_000, 2)];
    writer.transaction((tx) => tx.setBytes('file', 'film', film).setBytes('file', 'song', song));
    stageAll(store, writer);
    await store.promote(0, promoteStaged);
    writer.transaction((tx) => {
      tx.setBytes('file', 'film', song).setBytes('file', 'song', film);
      tx.setBytes('file', 'copy', film);
    });

    stageChanges(store, writer, { withValues: false });
    const wanted = store.wanted().length;
    const snapshot = writer.reader.generation().snapshotRecord as SignedRecord;
    store.fill(snapshot.hash, snapshot.value as Uint8Array);
    await store.promote(0, promoteStaged);

    assert.is(wanted, 1, 'only the snapshot');
    assert.equal(streamRows(store.path), streamRows(writer.path));
  }),
);

test(
  'promote :: while a value is wanted nothing becomes visible (R22)',
  scope(async (t) => {
    const { writer, store } = setUp(t);
    writer.set('a', 1);
    stageAll(store, writer, { withValues: false });
    await rejectsCode(store.promote(0, promoteStaged), 'VALUE_NOT_HELD');
    assert.is(existsSync(store.path), false);

    const again = open(t, store.path);
    again.adopt([...again.begin()]);
    for (const record of allRecords(writer)) again.fill(record.hash, record.value as Uint8Array);
    await again.promote(0, promoteStaged);
    const before = streamRows(store.path);
    writer.set('a', 2);
    stageChanges(again, writer, { withValues: false });

    await rejectsCode(again.promote(0, promoteStaged), 'VALUE_NOT_HELD');
    assert.equal(streamRows(store.path), before);
  }),
);

test(
  'promote :: a verdict other than complete changes nothing, and staging goes on',
  scope(async (t) => {
    const { writer, store } = setUp(t);
    writer.transaction((tx) => tx.set('a', 1).set('b', 2));
    stageAll(store, writer);
    await store.promote(0, promoteStaged);
    const before = streamRows(store.path);
    writer.transaction((tx) => tx.set('a', 2).set('c', 3));
    const changes = changesOf(store, writer);

    store.begin();
    stageRecords(store, changes.slice(0, 1));
    const hole = await store.promote(0, promoteStaged);
    stageRecords(store, changes.slice(1));
    const below = await store.promote(tipOf(store) + 10 ** 12, promoteStaged);
    const between = streamRows(store.path);
    const whole = await store.promote(0, promoteStaged);

    assert.is(hole.kind, 'incomplete');
    assert.is(below.kind, 'incomplete');
    assert.is(whole.kind, 'complete');
    assert.equal(between, before);
    assert.equal(streamRows(store.path), streamRows(writer.path));
  }),
);

test(
  'promote :: a record that the snapshot does not cover, in place of one it does, is a mismatch',
  scope(async (t) => {
    const { writer, store } = setUp(t);
    writer.transaction((tx) => tx.set('a', 1).set('b', 2));
    stageAll(store, writer, {
      // True to its links, so that only the root can tell.
      change: (record) => (record.key === 'a' ? { ...record, key: 'z' } : record),
    });

    const promotion = await store.promote(0, promoteStaged);

    assert.is(promotion.kind, 'mismatch');
    assert.is(existsSync(store.path), false);
  }),
);

test(
  'promote :: a stream file that another program changed meanwhile is left to it',
  scope(async (t) => {
    const { writer, store } = setUp(t);
    writer.set('a', 1);
    stageAll(store, writer);
    await store.promote(0, promoteStaged);
    writer.set('a', 2);
    stageChanges(store, writer);
    writeForeign(store.path, KEY_A.secretKey, ['other']);
    const before = streamRows(store.path);

    const promotion = await store.promote(0, promoteStaged);

    assert.is(promotion.kind, 'moved');
    assert.equal(streamRows(store.path), before);
  }),
);

test(
  'promote :: what a generation deletes leaves no trace in the mirror (R7)',
  scope(async (t) => {
    const { writer, store } = setUp(t);
    const secret = Buffer.from('do not find this after it is gone '.repeat(400));
    writer.transaction((tx) => tx.setBytes('file', 'secret-name', secret).set('a', 1));
    stageAll(store, writer);
    await store.promote(0, promoteStaged);
    assert.ok(traces(store.path, 'do not find this') > 0);

    writer.deleteBytes('file', 'secret-name');
    stageChanges(store, writer);
    await store.promote(0, promoteStaged);

    assert.equal(
      ['do not find this', 'secret-name'].map((text) => traces(store.path, text)),
      [0, 0],
    );
  }),
);

test(
  'openMirrorStore :: refuses the file of another stream, and raises trust to what is visible',
  scope(async (t) => {
    const { writer, store } = setUp(t);
    writer.set('a', 1);
    stageAll(store, writer);
    await store.promote(0, promoteStaged);
    store.close();
    const { unlinkSync } = await import('node:fs');
    unlinkSync(trustPathOf(store.path));

    assert.throws(() => openMirrorStore(store.path, KEY_B.publicKey), throwsCode('KEY_MISMATCH'));
    const again = open(t, store.path);

    assert.is(again.trust?.snapshot?.seq, 1);
    assert.is(trustText(readTrust(trustPathOf(store.path))), trustText(again.trust));
  }),
);

type StageOptions = {
  withValues?: boolean;
  change?: (record: SignedRecord) => SignedRecord;
};

function setUp(t: Scope): { writer: Stream; store: MirrorStore } {
  const { secretKey } = KEY_A;
  const writer = t.defer(createStream(t.path('own.stream'), { secretKey }), (one) => one.close());
  return { writer, store: open(t, t.path('mirror.stream')) };
}

function open(t: Scope, path: string): MirrorStore {
  return t.defer(openMirrorStore(path, KEY_A.publicKey), (store) => store.close());
}

function tipOf(store: MirrorStore): number {
  return store.visible?.view.modifiedTip() ?? 0;
}

function allRecords({ reader }: Stream): SignedRecord[] {
  return reader
    .recordsSince(0, Number.MAX_SAFE_INTEGER)
    .map((record) => ({ ...record, value: reader.readValue(record) }));
}

function stageAll(store: MirrorStore, writer: Stream, options: StageOptions = {}): void {
  store.begin();
  stageRecords(store, allRecords(writer), options);
}

/** Stages the difference between what is visible and the writer's stream. */
function stageChanges(store: MirrorStore, writer: Stream, options: StageOptions = {}): void {
  store.begin();
  const ids = new Set(allRecords(writer).map(({ id }) => id));
  const gone = (store.visible?.recordsSince(0, Number.MAX_SAFE_INTEGER) ?? [])
    .filter(({ id }) => !ids.has(id))
    .map(({ id }): Step => ({ kind: 'remove', id }));
  store.view.apply(gone);
  store.write(gone);
  stageRecords(store, changesOf(store, writer), options);
}

/** New places first, the highest first, then patched links: no link is ever there twice. */
function changesOf(store: MirrorStore, writer: Stream): SignedRecord[] {
  const held = ({ id }: SignedRecord): SignedRecord | undefined => store.visible?.view.byId(id);
  const isMoved = (record: SignedRecord): number =>
    held(record)?.modified === record.modified ? 0 : 1;
  return allRecords(writer)
    .filter((record) => hex(held(record)?.signature) !== hex(record.signature))
    .sort((a, b) => isMoved(b) - isMoved(a) || b.modified - a.modified);
}

function stageRecords(
  store: MirrorStore,
  records: readonly SignedRecord[],
  { withValues = true, change = (record) => record }: StageOptions = {},
): void {
  const put = (record: SignedRecord): Step => ({ kind: 'put', record });
  const staged = records.map(change);
  store.view.apply(staged.map((record) => put(bareRecord(record))));
  store.write(staged.map((record) => put(withValues ? record : bareRecord(record))));
}

/** The stored trie and count are those of the stored records, not built or counted for the asking. */
function checkLocalState(path: string): void {
  const reader = openReader(path);
  try {
    const { snapshot, count } = reader.generation();
    const { trie, isStored } = reader.openTrie();
    assert.is(isStored, true);
    assert.is(reader.localState()?.count, count);
    assert.is(count, (snapshot?.count ?? 0) + 1);
    assert.is(hex(trie.root()), hex(snapshot?.root));
    assert.is(reader.recordsSince(0, 1e6).length, count);
  } finally {
    reader.close();
  }
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}

function trustText(trust: Trust | undefined): string {
  return JSON.stringify({
    ...trust,
    snapshot: trust?.snapshot && { ...trust.snapshot, root: hex(trust.snapshot.root) },
  });
}

function traces(path: string, text: string): number {
  return ['', '-wal', '.part', '.part-journal']
    .map((end) => path + end)
    .filter(existsSync)
    .filter((file) => readFileSync(file).includes(text)).length;
}

test.run();
