import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openReader } from '../../src/store/open-reader.ts';
import type { Stream } from '../../src/store/stream.ts';
import { runHelper } from '../helpers/child.ts';
import { KEY_A } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import {
  newStream,
  openedReader,
  openedStream,
  originalStream,
  rawDatabase,
} from '../helpers/store.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/open-reader');

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

test(
  'openReader, openStream :: read what they cannot write: other owner, mode 0444, directory 0555 (F15, T092)',
  scope(async (t) => {
    const secretKey = KEY_A.secretKey;
    const folder = t.path('shut');
    mkdirSync(folder);
    const names = [
      'ours.stream',
      'open.stream',
      'killed.stream',
      'dict.stream',
      'unindexed.stream',
    ];
    for (const name of names.slice(0, 3)) {
      const stream = newStream(t, `shut/${name}`, { secretKey });
      stream.set('a', 1);
      // Open: its log exists and is empty. Killed: the newest generation is in the log alone.
      if (name === 'killed.stream') leaveLog(stream, () => stream.set('b', 2));
      else stream.set('b', 2);
      if (name === 'ours.stream') stream.close();
    }
    copyFileSync(originalStream(t, 'dict'), t.path('shut/dict.stream'));
    openReader(t.path('shut/dict.stream')).close();
    copyFileSync(originalStream(t, 'dict'), t.path('shut/unindexed.stream'));
    for (const name of readdirSync(folder)) chmodSync(t.path('shut', name), 0o444);
    chmodSync(folder, 0o555);
    chmodSync(t.directory, 0o755);

    const child = runHelper(
      'read-only-child.ts',
      names.map((name) => t.path('shut', name)),
      { user: isRoot ? NOBODY : undefined },
    );

    assert.is(await child.ended, 0);
    chmodSync(folder, 0o755);
    for (const [index, line] of child.lines.entries()) {
      const { read, write } = JSON.parse(line) as {
        read: { count: number; keys: string[] };
        write: { writable: boolean; set: string; value: unknown };
      };
      assert.is(read.count, index < 3 ? 3 : 15, names[index]);
      assert.is(read.keys.length, index < 3 ? 2 : 15, names[index]);
      assert.equal([write.writable, write.set], [false, 'STREAM_READ_ONLY'], names[index]);
      if (index < 3) assert.is(write.value, 1, names[index]);
    }
    assert.is(child.lines.length, names.length);
    const copies = readdirSync(tmpdir()).filter((name) => name.startsWith('drayer-read-'));
    assert.equal(copies, []);
  }),
);

/**
 * Closes a stream and leaves it as a killed process does: with a log that was not moved into it.
 */
function leaveLog(stream: Stream, write: () => void): void {
  const { path } = stream;
  const reader = openReader(path);
  reader.reading(() => {
    reader.generation();
    write();
    copyFileSync(path, `${path}.copy`);
    copyFileSync(`${path}-wal`, `${path}.log`);
  });
  reader.close();
  stream.close();
  renameSync(`${path}.copy`, path);
  renameSync(`${path}.log`, `${path}-wal`);
  assert.ok(statSync(`${path}-wal`).size > 0);
}

test(
  'openReader :: a crafted journal beside a file deletes nothing (F4)',
  scope((t) => {
    const path = originalStream(t, 'dict');
    openReader(path).close();
    const canary = t.path('canary');
    writeFileSync(canary, 'precious');
    writeFileSync(`${path}-journal`, journalNaming(canary));

    for (const open of [openedReader, openedStream]) {
      assert.throws(() => open(t, 'dict.stream'), throwsCode('STREAM_INVALID'));
      assert.throws(
        () => openedStream(t, 'dict.stream', { secretKey: KEY_A.secretKey }),
        throwsCode('STREAM_INVALID'),
      );
    }
    assert.throws(() => newStream(t, 'dict.stream'), throwsCode('STREAM_INVALID'));

    assert.is(readFileSync(canary, 'utf8'), 'precious');
    assert.ok(existsSync(`${path}-journal`));
  }),
);

test(
  'openReader :: rolls back what a killed writer left in the middle, where it can',
  scope((t) => {
    const path = originalStream(t, 'dict');
    const raw = rawDatabase(t, path);
    raw.exec('PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN');
    raw.exec("UPDATE record SET value = zeroblob(50000), key = 'half'");
    for (const name of [path, `${path}-journal`])
      copyFileSync(name, name.replace('dict', 'killed'));
    raw.exec('ROLLBACK');
    assert.ok(readFileSync(t.path('killed.stream')).includes('half'));

    const reader = openedReader(t, 'killed.stream');

    assert.is(reader.generation().count, 15);
    assert.is(reader.findRecord('obj', 'half'), undefined);
    assert.is(reader.valueSize(reader.getRecord('obj', 'foo3')), 9);
  }),
);

/** A rollback journal that is hot, and names another file as its super-journal. */
function journalNaming(name: string): Buffer {
  const journal = Buffer.alloc(512 + 8 + Buffer.byteLength(name) + 16);
  Buffer.from('d9d505f920a163d7', 'hex').copy(journal);
  journal.writeUInt32BE(512, 20);
  journal.writeUInt32BE(4096, 24);
  const text = Buffer.from(name);
  let sum = 0;
  for (const byte of text) sum += byte;
  let at = 512;
  at = journal.writeUInt32BE(0x40000000 / 4096 + 1, at);
  text.copy(journal, at);
  at += text.length;
  at = journal.writeUInt32BE(text.length, at);
  at = journal.writeUInt32BE(sum, at);
  Buffer.from('d9d505f920a163d7', 'hex').copy(journal, at);
  return journal.subarray(0, at + 8);
}

test(
  'StreamReader :: sees the generations of another connection, one at a time',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1);
    const reader = openedReader(t);
    const counter = reader.changeCounter();

    stream.set('b', 2);
    assert.is.not(reader.changeCounter(), counter);
    assert.is(reader.changeCounter(), reader.changeCounter());
    assert.is(reader.generation().snapshot?.seq, 2);

    reader.reading(() => {
      assert.is(reader.generation().snapshot?.seq, 2);
      stream.set('c', 3);
      assert.equal(
        [reader.generation().snapshot?.seq, reader.findRecord('obj', 'c')],
        [2, undefined],
      );
    });
    assert.is(reader.generation().snapshot?.seq, 3);
  }),
);

test(
  'StreamReader :: reads sizes and parts of values',
  scope((t) => {
    const stream = newStream(t);
    const value = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 251));
    stream.setBytes('t', 'a', value).setBytes('t', 'empty', new Uint8Array());
    const reader = openedReader(t);
    const record = reader.getRecord('t', 'a');
    const slice = (start: number, end: number): Buffer =>
      Buffer.from(reader.readValueSlice(record, start, end) ?? 'nothing');

    assert.is(reader.valueSize(record), 70_000);
    assert.ok(Buffer.from(reader.readValue(record) ?? []).equals(value));
    for (const [start, end] of [
      [0, 1],
      [0, 70_000],
      [69_999, 70_000],
      [1000, 3000],
    ] as const) {
      assert.ok(slice(start, end).equals(value.subarray(start, end)), `${start}-${end}`);
    }
    assert.is(slice(69_990, 80_000).length, 10);
    assert.equal([slice(70_000, 70_010).length, slice(5, 5).length, slice(9, 5).length], [0, 0, 0]);
    const empty = reader.getRecord('t', 'empty');
    assert.equal([reader.valueSize(empty), reader.readValue(empty)?.length], [0, 0]);
    const gone = { id: 99 };
    assert.equal(
      [reader.valueSize(gone), reader.readValue(gone), reader.readValueSlice(gone, 0, 1)],
      [undefined, undefined, undefined],
    );
  }),
);

test(
  'listByType :: lists a type by either chain, with both bounds',
  scope((t) => {
    const stream = newStream(t);
    for (const key of ['a', 'b', 'c', 'd']) stream.set(key, key);
    stream.setBytes('other', 'x', new Uint8Array());
    stream.set('a', 'again');
    const reader = openedReader(t);
    const list = (options: Parameters<typeof reader.listByType>[1]): string =>
      reader
        .listByType('obj', options)
        .map(({ key }) => key)
        .join('');
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((key) => reader.getRecord('obj', key));
    assert.ok(a && b && c && d);

    assert.is(list({ order: 'id', limit: 10 }), 'dcba');
    assert.is(list({ order: 'modified', limit: 10 }), 'adcb');
    assert.is(list({ order: 'id', limit: 2 }), 'dc');
    assert.is(list({ order: 'id', after: a.id, before: d.id, limit: 10 }), 'cb');
    assert.is(list({ order: 'modified', after: b.modified, before: a.modified, limit: 10 }), 'dc');
    assert.is(list({ order: 'modified', before: 0, limit: 10 }), '');
    assert.equal(reader.listByType('none', { order: 'id', limit: 10 }), []);
    assert.equal(reader.listByType('obj', { order: 'id', limit: 1 }), [
      { key: 'd', id: d.id, modified: d.modified },
    ]);
  }),
);

test(
  'findRepairRecord, findByHash, recordsSince :: answer what mirrors ask',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1).set('b', 2).set('a', 3);
    const reader = openedReader(t);
    const all = reader.recordsSince(0, 10);

    assert.equal(
      all.map(({ id }) => id),
      [3, 2, 1],
    );
    assert.equal(
      reader.recordsSince(all[0]?.modified ?? 0, 1).map(({ id }) => id),
      [2],
    );
    assert.equal(reader.recordsSince(all[2]?.modified ?? 0, 10), []);
    for (const [index, record] of all.entries()) {
      assert.is(reader.findRepairRecord(record.prevChange)?.id, record.id);
      assert.is(reader.findRepairRecord(record.modified - 1)?.id, record.id);
      assert.is(reader.findByHash(record.hash)?.id, record.id);
      assert.is(all[index]?.value, undefined);
    }
    // The greatest prevchange belongs to the modified tip (R13).
    assert.is(reader.findRepairRecord(Number.MAX_SAFE_INTEGER)?.id, 1);
    assert.is(reader.findRepairRecord(-1), undefined);
    assert.is(reader.findByHash(new Uint8Array(32)), undefined);
  }),
);

test(
  'generation :: a record of another program with the name of a snapshot is none',
  scope((t) => {
    const path = originalStream(t, 'primary');
    rawDatabase(t, path)
      .prepare("UPDATE record SET key = 'snapshot' WHERE key = 'primaryServers'")
      .run();

    assert.is(openedReader(t, 'primary.stream').generation().snapshot, undefined);
  }),
);

test(
  'close :: may be called twice, and what is closed says so',
  scope((t) => {
    newStream(t).close();
    const reader = openReader(t.path('a.stream'));
    const stream = openedStream(t);

    reader.close();
    reader.close();
    stream.close();

    assert.throws(() => reader.generation(), throwsCode('USAGE'));
    assert.throws(() => stream.set('a', 1), throwsCode('USAGE'));
  }),
);

test.run();
