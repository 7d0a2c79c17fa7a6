import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { Connection, connect, prepareForWriting } from '../../src/store/database.ts';
import { StreamReader } from '../../src/store/reader.ts';
import { checkSchema } from '../../src/store/schema.ts';
import { mayBeDamage, storeError } from '../../src/store/sqlite-error.ts';
import { Stream } from '../../src/store/stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { bytesOf, newStream, openedStream } from '../helpers/store.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/database');

function coded(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

const BINDING: Record<string, Error> = {
  'no binary': coded('Could not locate the bindings file. Tried:\n → /x/build/better_sqlite3.node'),
  'a binary for another Node': coded(
    "The module '/x.node' was compiled against a different Node.js version using\nNODE_MODULE_VERSION 99",
    'ERR_DLOPEN_FAILED',
  ),
  'no module': coded("Cannot find module 'bindings'", 'MODULE_NOT_FOUND'),
};
for (const [what, cause] of Object.entries(BINDING)) {
  test(`storeError :: ${what} is one line with the remedy`, () => {
    const error = storeError('a.stream', cause);

    assert.ok(isDrayerError(error, 'NATIVE_MISSING'));
    assert.not(error.message.includes('\n'));
    assert.match(error.hint ?? '', 'npm rebuild better-sqlite3');
    assert.is(error.cause, cause);
  });
}

const CODES: Record<string, string> = {
  SQLITE_BUSY: 'STREAM_BUSY',
  SQLITE_BUSY_SNAPSHOT: 'STREAM_BUSY',
  SQLITE_LOCKED: 'STREAM_BUSY',
  SQLITE_NOTADB: 'STREAM_INVALID',
  SQLITE_CORRUPT_VTAB: 'STREAM_INVALID',
  SQLITE_CONSTRAINT_UNIQUE: 'STREAM_INVALID',
  SQLITE_READONLY_DBMOVED: 'STREAM_READ_ONLY',
  SQLITE_FULL: 'STORAGE_FAILED',
  SQLITE_IOERR_FSYNC: 'STORAGE_FAILED',
  SQLITE_CANTOPEN: 'STORAGE_FAILED',
  SQLITE_TOOBIG: 'TOO_LARGE',
};
for (const [code, ours] of Object.entries(CODES)) {
  test(`storeError :: ${code} is ${ours}, and names the file`, () => {
    const error = storeError('/x/a.stream', coded('some text', code));

    assert.ok(isDrayerError(error));
    assert.is(error.code, ours);
    assert.match(error.message, '/x/a.stream');
  });
}

test('mayBeDamage :: is said of what the file is, not of what there is no room for', () => {
  const is = (code: string) => mayBeDamage(storeError('/x/a.part', coded('some text', code)));

  // A table that is not there has no code of its own.
  for (const code of ['CORRUPT', 'NOTADB', 'ERROR', 'IOERR_READ'])
    assert.ok(is(`SQLITE_${code}`), code);
  for (const code of ['FULL', 'CANTOPEN', 'NOMEM', 'BUSY', 'READONLY']) {
    assert.not(is(`SQLITE_${code}`), code);
  }
  assert.not(mayBeDamage(new Error('another')));
});

test('storeError :: leaves alone what is not SQLite’s', () => {
  for (const error of [new RangeError('mine'), 'text', coded('no such file', 'ENOENT')]) {
    assert.is(storeError('a', error), error);
  }
});

/** Fails to commit as a disk that cannot flush does. */
class FailingConnection extends Connection {
  failures = 0;

  override run(sql: string): void {
    if (sql === 'COMMIT' && this.failures > 0) {
      this.failures -= 1;
      throw storeError(this.path, coded('disk I/O error', 'SQLITE_IOERR_FSYNC'));
    }
    super.run(sql);
  }
}

function streamOver(t: Scope, connection: Connection): Stream {
  prepareForWriting(connection);
  const reader = new StreamReader(connection, checkSchema(connection));
  const { secretKey } = KEY_A;
  const markPath = t.path('a.stream.mark');
  const writer = { secretKey, markPath, hasSnapshots: true };
  return new Stream({ connection, reader, now: () => Date.now() * 1000, writer });
}

test(
  'commit :: after a failed flush nothing is announced, and nothing more is trusted (T093)',
  scope((t) => {
    newStream(t, 'a.stream', { secretKey: KEY_A.secretKey }).set('a', 1).close();
    const connection = new FailingConnection(t.path('a.stream'), new Database(t.path('a.stream')));
    const stream = t.defer(streamOver(t, connection), (one) => one.close());
    const heard: unknown[] = [];
    stream.on('change', (generation) => heard.push(generation));

    connection.failures = 1;
    assert.throws(() => stream.set('a', 2), throwsCode('STORAGE_FAILED'));
    assert.throws(() => stream.set('a', 3), throwsCode('STORAGE_FAILED'));

    assert.equal([heard, stream.get('a')], [[], 1]);
    stream.close();
    const again = openedStream(t, 'a.stream', { secretKey: KEY_A.secretKey });
    again.set('a', 4);
    assert.is(again.get('a'), 4);
  }),
);

test(
  'commit :: a full disk changes nothing, and the stream goes on once there is room (T090)',
  scope((t) => {
    newStream(t, 'a.stream', { secretKey: KEY_A.secretKey }).set('a', 1).close();
    const connection = connect(t.path('a.stream'));
    const stream = t.defer(streamOver(t, connection), (one) => one.close());
    const pages = Number(connection.pragma('page_count'));
    connection.pragma(`max_page_count = ${pages + 5}`);
    const { tip } = stream.reader.generation();

    assert.throws(
      () => stream.setBytes('t', 'big', new Uint8Array(100_000)),
      (error: unknown) =>
        isDrayerError(error, 'STORAGE_FAILED') && error.message.includes('the disk is full'),
    );

    assert.equal([stream.reader.generation().tip, stream.get('a')], [tip, 1]);
    connection.pragma(`max_page_count = ${pages + 500}`);
    stream.setBytes('t', 'big', bytesOf('x'.repeat(100_000)));
    assert.is(stream.getBytes('t', 'big')?.length, 100_000);
    assert.is(stream.reader.prove('t', 'big').record?.key, 'big');
  }),
);

test(
  'useRollbackJournal :: only where nobody else has the file open',
  scope((t) => {
    newStream(t).close();
    const one = t.defer(connect(t.path('a.stream')), (each) => each.close());
    prepareForWriting(one);
    const other = connect(t.path('a.stream'));
    other.query('SELECT * FROM attr').all();

    assert.is(one.useRollbackJournal(), false);
    assert.is(one.pragma('journal_mode'), 'wal');
    other.close();
    assert.is(one.useRollbackJournal(), true);
    assert.is(one.pragma('journal_mode'), 'delete');
    one.useLog();
    assert.equal([one.pragma('journal_mode'), one.pragma('busy_timeout')], ['wal', 5000]);
  }),
);

test(
  'Connection :: transactions nest, roll back what throws, and reading is of one moment',
  scope((t) => {
    newStream(t).close();
    const connection = t.defer(connect(t.path('a.stream')), (one) => one.close());
    const count = (): number | undefined =>
      connection.query<{ n: number }>('SELECT count(*) AS n FROM drayer_local').get()?.n;
    const add = (name: string): number =>
      connection.query('INSERT INTO drayer_local VALUES (?, ?)').run(name, 'x');

    connection.writing(() => connection.writing(() => add('a')));
    assert.throws(
      () =>
        connection.writing(() => {
          add('b');
          connection.reading(() => add('c'));
          throw new RangeError('mine');
        }),
      (error: unknown) => error instanceof RangeError,
    );

    assert.equal([count(), connection.inTransaction], [1, false]);
  }),
);

test.run();
