import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type AuditReport, verifyStream } from '../../src/store/audit.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('store/audit');
const streams = fileURLToPath(new URL('../vectors/streams', import.meta.url));

/** A stream with updates and deletes in its past: ids 1 (snapshot), 2, 3, 4. */
function publish(t: Scope, options: { snapshots?: boolean } = {}): string {
  const path = t.path('a.stream');
  const stream = createStream(path, options);
  stream.transaction((tx) => {
    for (const name of ['a', 'b', 'c', 'd']) tx.putFile(name, Buffer.from(`content of ${name}`));
  });
  stream.putFile('a', Buffer.from('another content of a'));
  stream.deleteFile('c');
  stream.close();
  return path;
}

/** Changes the file behind our back, as a damaged disk or another program does. */
function tamper(path: string, sql: string): void {
  const database = new Database(path);
  try {
    const before = database.prepare('SELECT total_changes() AS n').get() as { n: number };
    database.exec(sql);
    const after = database.prepare('SELECT total_changes() AS n').get() as { n: number };
    assert.ok(after.n > before.n, 'expected the file to change');
  } finally {
    database.close();
  }
}

function checks(report: AuditReport): string[] {
  return [...new Set(report.findings.map(({ check }) => check))].sort();
}

test(
  'verifyStream :: a stream of our own is sound and proved by its snapshot',
  scope(async (t) => {
    const path = publish(t);

    const report = await verifyStream(path);

    assert.equal(report.findings, []);
    assert.is(report.faults, 0);
    assert.is(report.snapshot, 'proved');
    assert.is(report.seq, 3);
    assert.is(report.records, 4);
    assert.is(report.values, 4);
    assert.is(report.wanted, 0);
  }),
);

test(
  'verifyStream :: a stream without snapshots is sound, and says that nothing proves it whole',
  scope(async (t) => {
    const report = await verifyStream(publish(t, { snapshots: false }));

    assert.is(report.faults, 0);
    assert.is(report.snapshot, 'none');
    assert.is(report.seq, undefined);
  }),
);

test(
  'verifyStream :: an empty stream is sound',
  scope(async (t) => {
    createStream(t.path('e.stream')).close();

    const report = await verifyStream(t.path('e.stream'));

    assert.is(report.faults, 0);
    assert.is(report.records, 0);
  }),
);

for (const name of readdirSync(streams).filter((file) => file.endsWith('.stream'))) {
  test(
    `verifyStream :: ${name}, which the original wrote, is sound`,
    scope(async (t) => {
      copyFileSync(join(streams, name), t.path(name));

      const report = await verifyStream(t.path(name));

      assert.equal(report.findings, []);
      assert.is(report.snapshot, 'none');
    }),
  );
}

const DAMAGE: readonly (readonly [what: string, sql: string, checks: readonly string[]])[] = [
  [
    'a changed value',
    `UPDATE record SET value = zeroblob(length(value)) WHERE key = 'b'`,
    ['record'],
  ],
  [
    'a changed value and its hash',
    `UPDATE record SET hash = zeroblob(32) WHERE key = 'b'`,
    ['record', 'snapshot'],
  ],
  ['a changed name', `UPDATE record SET key = 'B' WHERE key = 'b'`, ['record', 'snapshot']],
  [
    'a changed time',
    `UPDATE record SET timestamp = timestamp + 1 WHERE key = 'b'`,
    ['record', 'snapshot'],
  ],
  [
    'a flipped bit of a signature',
    `UPDATE record SET signature = CAST(x'00' || substr(signature, 2) AS BLOB) WHERE key = 'b'`,
    ['record'],
  ],
  [
    'a signature that is text',
    `UPDATE record SET signature = CAST(signature AS TEXT) WHERE key = 'b'`,
    ['id chain', 'modified chain', 'record'],
  ],
  ['a link moved', `UPDATE record SET prev = 1 WHERE key = 'd'`, ['id chain', 'record']],
  [
    'a record taken out',
    `DELETE FROM record WHERE key = 'b'`,
    ['file', 'id chain', 'modified chain', 'snapshot'],
  ],
  ['a value that is text', `UPDATE record SET value = 'text' WHERE key = 'b'`, ['record']],
];

for (const [what, sql, expected] of DAMAGE) {
  test(
    `verifyStream :: finds ${what}`,
    scope(async (t) => {
      const path = publish(t);
      tamper(path, sql);

      const report = await verifyStream(path);

      assert.ok(report.faults > 0);
      assert.is(report.faults, report.findings.length);
      const found = checks(report);
      for (const check of expected) assert.ok(found.includes(check as never), `${check}: ${found}`);
    }),
  );
}

test(
  'verifyStream :: names the record that is wrong',
  scope(async (t) => {
    const path = publish(t);
    tamper(path, `UPDATE record SET value = zeroblob(length(value)) WHERE key = 'd'`);

    const { findings } = await verifyStream(path);

    assert.is(findings.length, 1);
    assert.is(findings[0]?.record?.type, 'file');
    assert.is(findings[0]?.record?.key, 'd');
    assert.match(findings[0]?.message ?? '', /^record \d+: /);
  }),
);

test(
  'verifyStream :: a missing value is wanted, not wrong',
  scope(async (t) => {
    const path = publish(t);
    tamper(path, `UPDATE record SET value = NULL WHERE key = 'b'`);

    const report = await verifyStream(path);

    assert.is(report.faults, 0);
    assert.is(report.wanted, 1);
  }),
);

test(
  'verifyStream :: an index that differs from its table is found, though all look-ups agree',
  scope(async (t) => {
    const path = publish(t);
    const hidden = `FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL`;
    const open = (): Database.Database => {
      const database = new Database(path);
      database.unsafeMode(true);
      database.pragma('writable_schema = ON');
      return database;
    };
    // As if a page of the table were damaged: the covering indexes do not learn of the change.
    const before = open();
    before.exec(`CREATE TABLE kept AS SELECT * ${hidden}; DELETE ${hidden}`);
    before.close();
    tamper(path, `UPDATE record SET timestamp = timestamp + 1 WHERE key = 'b'`);
    const after = open();
    after.exec('INSERT INTO sqlite_schema SELECT * FROM kept; DROP TABLE kept');
    after.close();

    const report = await verifyStream(path);

    assert.ok(report.faults > 0);
    assert.ok(
      report.findings.some(({ message }) => message.endsWith('the index and the table differ')),
    );
  }),
);

test(
  'verifyStream :: changes nothing and can be stopped',
  scope(async (t) => {
    const path = t.path('many.stream');
    const stream = createStream(path);
    stream.transaction((tx) => {
      for (let i = 0; i < 2000; i += 1) tx.set(`key ${i}`, { i });
    });
    stream.close();
    const stop = new AbortController();
    let calls = 0;
    const onProgress = (done: number, total: number): void => {
      calls += 1;
      assert.ok(done > 0 && done <= total);
      stop.abort();
    };

    const error = await rejectsCode(
      verifyStream(path, { signal: stop.signal, onProgress }),
      'ABORTED',
    );

    assert.is(calls, 1);
    assert.is(error.message, 'verification was stopped');
    assert.is((await verifyStream(path)).faults, 0);
  }),
);

test(
  'verifyStream :: a file that is no stream is an error, not a finding',
  scope(async (t) => {
    await rejectsCode(verifyStream(t.path('none.stream')), 'STREAM_NOT_FOUND');
  }),
);

test.run();
