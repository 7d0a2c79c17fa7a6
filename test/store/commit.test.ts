import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { signDraft } from '../../src/core/signing.ts';
import { verifyStream } from '../../src/store/audit.ts';
import { connect, prepareForWriting } from '../../src/store/database.ts';
import { readMark, writeMark } from '../../src/store/mark.ts';
import type { Stream } from '../../src/store/stream.ts';
import { runHelper } from '../helpers/child.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import {
  bytesOf,
  newStream,
  openedStream,
  originalStream,
  rawDatabase,
  recordsIn,
} from '../helpers/store.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/commit');

function copyStream(t: Scope, from: string, to: string): void {
  copyFileSync(t.path(from), t.path(to));
}

test(
  'commit :: raises the mark beside the key to what was signed (R11)',
  scope((t) => {
    const stream = newStream(t);
    assert.is(readMark(t.path('a.stream.mark'))?.seq, 0);

    stream.set('a', 1).set('b', 2).delete('b');

    const { idTip, tip, snapshot } = stream.reader.generation();
    assert.equal(readMark(t.path('a.stream.mark')), {
      id: idTip,
      modified: tip,
      seq: 3,
      root: new Uint8Array(snapshot?.root ?? []),
    });
    assert.is(existsSync(t.path(`a.stream.mark.${process.pid}.part`)), false);
  }),
);

test(
  'openStream :: raises the mark where the stream is ahead of it, or there is none',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1);
    copyStream(t, 'a.stream.mark', 'old.mark');
    stream.set('a', 2);
    const newest = readFileSync(t.path('a.stream.mark'), 'utf8');
    stream.close();

    copyStream(t, 'old.mark', 'a.stream.mark');
    // As whoever is killed while it raises the mark leaves it.
    copyStream(t, 'old.mark', 'a.stream.mark.4711.part');
    copyStream(t, 'old.mark', 'b.stream.mark.4711.part');
    openedStream(t).close();
    assert.is(existsSync(t.path('a.stream.mark.4711.part')), false);
    assert.is(existsSync(t.path('b.stream.mark.4711.part')), true);
    assert.is(readFileSync(t.path('a.stream.mark'), 'utf8'), newest);

    rmSync(t.path('a.stream.mark'));
    openedStream(t).close();
    assert.is(readFileSync(t.path('a.stream.mark'), 'utf8'), newest);
  }),
);

test(
  'commit :: refuses to sign in a restored backup, which still reads (R11)',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1).close();
    copyStream(t, 'a.stream', 'backup');
    openedStream(t).set('a', 2).close();
    const mark = readFileSync(t.path('a.stream.mark'), 'utf8');

    copyStream(t, 'backup', 'a.stream');
    const restored = openedStream(t);

    assert.is(restored.get('a'), 1);
    assert.is(restored.writable, true);
    for (const write of [() => restored.set('a', 3), () => restored.delete('a')]) {
      assert.throws(write, (error: unknown) => {
        throwsCode('STREAM_BEHIND_MARK')(error);
        return /recover --from/.test(String((error as { hint?: string }).hint));
      });
    }
    assert.is(restored.get('a'), 1);
    assert.is(readFileSync(t.path('a.stream.mark'), 'utf8'), mark);
  }),
);

test(
  'commit :: notices a backup that is put back while the stream is open',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1);
    const mark = readMark(t.path('a.stream.mark'));
    assert.ok(mark);

    for (const ahead of [{ id: 99 }, { modified: mark.modified + 1 }, { seq: 2 }]) {
      writeMark(t.path('a.stream.mark'), { ...mark, ...ahead });
      assert.throws(() => stream.set('a', 2), throwsCode('STREAM_BEHIND_MARK'));
    }
    writeMark(t.path('a.stream.mark'), { ...mark, root: new Uint8Array(32).fill(1) });
    assert.throws(() => stream.set('a', 2), throwsCode('STREAM_BEHIND_MARK'));

    writeMark(t.path('a.stream.mark'), mark);
    stream.set('a', 2);
    assert.is(stream.get('a'), 2);
  }),
);

for (const text of ['', '{}', 'x', '{"id":1,"modified":2,"seq":-1,"root":""}', 'null']) {
  test(
    `readMark :: what is no mark stops writing, not reading: ${JSON.stringify(text)}`,
    scope((t) => {
      newStream(t).set('a', 1).close();
      writeFileSync(t.path('a.stream.mark'), text);

      const stream = openedStream(t);

      assert.is(stream.get('a'), 1);
      assert.throws(() => stream.set('a', 2), throwsCode('STREAM_BEHIND_MARK'));
      assert.is(readFileSync(t.path('a.stream.mark'), 'utf8'), text);
    }),
  );
}

test(
  'commit :: nobody hears of a generation whose mark could not be written; the next one goes on',
  scope((t) => {
    const stream = newStream(t);
    const heard: unknown[] = [];
    stream.on('change', ({ snapshot }) => heard.push(snapshot?.seq));
    // Where the new mark is written before it takes its place.
    mkdirSync(t.path(`a.stream.mark.${process.pid}.part`));

    assert.throws(() => stream.set('a', 1), throwsCode('STORAGE_FAILED'));
    assert.equal(heard, []);
    assert.is(readMark(t.path('a.stream.mark'))?.seq, 0);

    rmdirSync(t.path(`a.stream.mark.${process.pid}.part`));
    stream.set('b', 2);
    assert.equal(heard, [2]);
    assert.equal([stream.get('a'), readMark(t.path('a.stream.mark'))?.seq], [1, 2]);
  }),
);

test(
  'commit :: two open streams on one file take turns, each on what the other left',
  scope(async (t) => {
    const one = newStream(t);
    const two = openedStream(t);

    for (let i = 0; i < 10; i += 1) {
      one.set(`one ${i}`, i);
      two.set(`two ${i}`, i);
      if (i > 3) two.delete(`one ${i - 3}`);
      one.transaction((tx) => tx.set('sum', Number(tx.get('sum') ?? 0) + 1));
      two.transaction((tx) => tx.set('sum', Number(tx.get('sum') ?? 0) + 1));
    }

    assert.is(one.get('sum'), 20);
    assert.equal([...one.keys()], [...two.keys()]);
    assert.is(two.reader.view.count(), [...two.keys()].length + 1);
    const report = await verifyStream(t.path('a.stream'));
    assert.equal([report.faults, report.snapshot, report.seq], [0, 'proved', 46]);
  }),
);

test(
  'commit :: processes that write at once lose nothing, and leave no lock behind (T097)',
  scope(async (t) => {
    newStream(t).set('count', 0).close();

    const children = [1, 2, 3].map(() =>
      runHelper('store-child.ts', ['count', t.path('a.stream'), '20']),
    );
    assert.equal(await Promise.all(children.map(({ ended }) => ended)), [0, 0, 0]);

    const stream = openedStream(t);
    assert.is(stream.get('count'), 60);
    assert.is(stream.reader.generation().snapshot?.seq, 61);
    assert.is(readMark(t.path('a.stream.mark'))?.seq, 61);
    assert.is((await verifyStream(t.path('a.stream'))).faults, 0);
  }),
);

test(
  'commit :: waits for another process, then says that it is busy; reading goes on (T097)',
  scope(async (t) => {
    newStream(t).set('a', 1).close();
    const child = runHelper('store-child.ts', ['hold', t.path('a.stream')]);
    t.defer(child, () => child.process.kill('SIGKILL'));
    await child.line('inside');
    const stream = openedStream(t);

    assert.is(stream.get('a'), 1);
    assert.throws(() => stream.set('a', 2), throwsCode('STREAM_BUSY'));

    writeFileSync(t.path('a.stream.go'), '');
    assert.is(await child.ended, 0);
    stream.set('a', 3);
    assert.equal([stream.get('a'), stream.get('held')], [3, 1]);
  }),
);

test(
  'commit :: a process that is killed inside its transaction holds nobody up',
  scope(async (t) => {
    newStream(t).set('a', 1).close();
    const stream = openedStream(t);
    const child = runHelper('store-child.ts', ['hold', t.path('a.stream')]);
    await child.line('inside');

    child.process.kill('SIGKILL');
    await child.ended;

    stream.set('a', 2);
    assert.equal([stream.get('a'), stream.has('held')], [2, false]);
  }),
);

/**
 * Writes a record behind the tips as the original does: positionally, knowing nothing of our tables.
 * Returns when it was modified.
 */
function writeAsOriginal(
  t: Scope,
  stream: Stream,
  { key, value, afterMicros }: { key: string; value: string; afterMicros: number },
): number {
  const bytes = bytesOf(value);
  const { tip, idTip } = stream.reader.generation();
  const modified = tip + afterMicros;
  const digest = hash(bytes);
  const draft = { type: 'obj', key, hash: digest, timestamp: modified, modified };
  const links = { id: idTip + 1, prev: idTip, prevChange: tip };
  const { signature } = signDraft({ ...draft, ...links }, KEY_A.secretKey);
  rawDatabase(t, stream.path)
    .prepare("INSERT INTO record VALUES (?, 'obj', ?, ?, ?, ?, ?, ?, ?, ?, x'')")
    .run(idTip + 1, key, bytes, digest, modified, modified, idTip, tip, signature);
  return modified;
}

test(
  'commit :: notices what the original wrote since, and covers it with its next snapshot',
  scope(async (t) => {
    const stream = newStream(t, 'a.stream', { secretKey: KEY_A.secretKey });
    stream.set('a', 1).set('b', 2);
    const { idTip } = stream.reader.generation();

    const modified = writeAsOriginal(t, stream, {
      key: 'theirs',
      value: '\x05',
      afterMicros: 1_000_000,
    });

    const uncovered = stream.refresh();
    assert.equal([uncovered.count, uncovered.covered, uncovered.tip], [4, false, modified]);
    assert.throws(() => stream.reader.prove('obj', 'a'), throwsCode('SNAPSHOT_MISMATCH'));
    assert.is(stream.get('theirs'), 5);

    stream.set('c', 3);

    const covered = stream.reader.generation();
    assert.equal([covered.covered, covered.snapshot?.count], [true, 4]);
    assert.is(stream.reader.prove('obj', 'theirs').record?.id, idTip + 1);
    const report = await verifyStream(stream.path);
    assert.equal([report.faults, report.snapshot], [0, 'proved']);
  }),
);

test(
  'commit :: deletes the record that lost its name to another (R10)',
  scope(async (t) => {
    const stream = newStream(t, 'a.stream', { secretKey: KEY_A.secretKey });
    stream.set('a', 1).set('b', 2);
    writeAsOriginal(t, stream, { key: 'a', value: '\x07', afterMicros: 10 });
    assert.is(stream.get('a'), 7);
    assert.is(stream.reader.view.byKey('obj', 'a').length, 2);
    assert.equal([...stream.keys()], ['a', 'b']);

    stream.set('c', 3);

    assert.is(stream.get('a'), 7);
    assert.is(stream.reader.view.byKey('obj', 'a').length, 1);
    assert.equal((await verifyStream(stream.path)).findings, []);
  }),
);

test(
  'commit :: a foreign stream gets its snapshot with the first change, at the next free id (R20)',
  scope(async (t) => {
    const path = originalStream(t, 'dict');
    const stream = openedStream(t, 'dict.stream', { secretKey: KEY_A.secretKey });
    const { idTip, count } = stream.reader.generation();

    stream.set('foo', 'changed');

    const { snapshot, snapshotRecord } = stream.reader.generation();
    assert.equal([snapshot?.seq, snapshot?.count], [1, count]);
    assert.is(snapshotRecord?.id, idTip + 1);
    assert.is((await verifyStream(path)).snapshot, 'proved');
  }),
);

test(
  'commit :: never signs again what the disk has damaged',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1).set('b', 2).set('c', 3);
    const before = recordsIn(stream.reader).length;
    // Deleting b signs c again; its timestamp has lost a bit.
    rawDatabase(t, stream.path)
      .prepare("UPDATE record SET timestamp = timestamp + 1 WHERE key = 'c'")
      .run();

    assert.throws(() => stream.delete('b'), throwsCode('STREAM_INVALID'));

    assert.is(recordsIn(stream.reader).length, before);
    assert.is(stream.get('b'), 2);
  }),
);

test(
  'Connection :: what is acknowledged is on disk, what comes from elsewhere runs nothing (F3, F5)',
  scope((t) => {
    newStream(t).close();
    const connection = t.defer(connect(t.path('a.stream')), (one) => one.close());
    prepareForWriting(connection);

    // 3 is EXTRA, FULL and more; NORMAL, the default in WAL, loses acknowledged commits at a power cut.
    const wanted = { journal_mode: 'wal', synchronous: 3, secure_delete: 1, trusted_schema: 0 };
    for (const [name, value] of Object.entries(wanted)) {
      assert.is(connection.pragma(name), value, name);
    }
    assert.is(connection.pragma('cell_size_check'), 1);
    assert.is(connection.pragma('busy_timeout'), 5000);
  }),
);

test.run();
