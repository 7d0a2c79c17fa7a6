import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RECORD_SQL } from '../../src/store/schema.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import {
  newStream,
  openedReader,
  openedStream,
  originalStream,
  rawDatabase,
} from '../helpers/store.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/schema');

// To the letter what the original's files have (test/vectors/streams/*.stream).
const GOLDEN = [
  { name: 'attr', sql: 'CREATE TABLE attr (key text, value text)' },
  {
    name: 'record',
    sql: 'CREATE TABLE record (id integer, type text, key text, value blob, hash blob,timestamp integer, modified integer, prev integer, prevchange integer, signature blob, chain blob, UNIQUE(chain,modified),UNIQUE(chain,prevchange))',
  },
];
const TABLES = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name";

test(
  'createStream :: makes the tables of the original to the letter, all else is named drayer_',
  scope((t) => {
    newStream(t).close();

    const tables = rawDatabase(t, t.path('a.stream')).prepare(TABLES).all() as { name: string }[];
    assert.equal(
      tables.filter(({ name }) => !name.startsWith('drayer_')),
      GOLDEN,
    );
    const original = rawDatabase(t, originalStream(t, 'empty')).prepare(TABLES).all();
    assert.equal(original, GOLDEN);
  }),
);

test(
  'createStream :: names the key as the original does',
  scope((t) => {
    const stream = newStream(t, 'a.stream', { secretKey: KEY_A.secretKey });

    const attributes = rawDatabase(t, stream.path).prepare('SELECT * FROM attr').all();

    assert.equal(attributes, [
      { key: 'PublicKey', value: Buffer.from(KEY_A.publicKey).toString('base64') },
    ]);
  }),
);

test(
  'openStream :: makes again what is ours and was dropped or is of another form',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1);
    stream.close();
    const raw = rawDatabase(t, stream.path);
    for (const row of raw
      .prepare("SELECT type, name FROM sqlite_schema WHERE name LIKE 'drayer_%'")
      .all() as { type: string; name: string }[]) {
      raw.exec(`DROP ${row.type === 'index' ? 'INDEX' : 'TABLE'} IF EXISTS ${row.name}`);
    }
    raw.exec('CREATE TABLE drayer_state (something TEXT); CREATE INDEX drayer_id ON record (key)');
    raw.close();

    const again = openedStream(t);
    again.set('b', 2);

    assert.equal([again.get('a'), again.get('b')], [1, 2]);
    assert.is(again.reader.generation().snapshot?.count, 2);
    assert.is(again.reader.prove('obj', 'a').record?.key, 'a');
  }),
);

test(
  'openReader :: reads a file that the readme of the original describes, without UNIQUE',
  scope((t) => {
    const raw = newFile(t);
    raw.exec(
      `CREATE TABLE attr (key text, value text);
      CREATE TABLE record
        (id integer, type text, key text, value blob, hash blob, timestamp integer, modified integer,
        prev integer, prevchange integer, signature blob, chain blob)`,
    );
    nameKey(raw);
    raw.close();

    assert.is(openedReader(t).generation().count, 0);
  }),
);

const STREAM = `CREATE TABLE attr (key text, value text); ${RECORD_SQL};`;
const HOSTILE: Record<string, string> = {
  'no tables of a stream': 'CREATE TABLE other (x)',
  'a view in place of the table': `CREATE TABLE attr (key text, value text);
    CREATE TABLE r (id integer); CREATE VIEW record AS SELECT * FROM r`,
  'a trigger': `${STREAM} CREATE TRIGGER evil AFTER INSERT ON record
    BEGIN UPDATE attr SET value = 'x'; END`,
  'a trigger with our name': `${STREAM} CREATE TRIGGER drayer_state AFTER INSERT ON record
    BEGIN UPDATE attr SET value = 'x'; END`,
  'a virtual table': `${STREAM} CREATE VIRTUAL TABLE search USING fts5(x)`,
  'an extra view': `${STREAM} CREATE VIEW v AS SELECT 1`,
  'an index with an expression': `${STREAM} CREATE INDEX slow ON record (length(value))`,
  'a generated column': `CREATE TABLE attr (key text, value text); CREATE TABLE record
    (id integer, type text, key text, value blob, hash blob, timestamp integer, modified integer,
    prev integer, prevchange integer, signature blob, chain blob,
    big blob AS (zeroblob(500000000)), UNIQUE(chain,modified), UNIQUE(chain,prevchange))`,
  'a column less': `CREATE TABLE attr (key text, value text); CREATE TABLE record
    (id integer, type text, key text, value blob, hash blob, timestamp integer, modified integer,
    prev integer, prevchange integer, signature blob)`,
};
for (const [what, sql] of Object.entries(HOSTILE)) {
  test(
    `openReader, openStream :: refuse a file with ${what}`,
    scope((t) => {
      const raw = newFile(t);
      raw.exec(sql);
      if (sql.includes('attr')) nameKey(raw);
      raw.close();

      assert.throws(() => openedReader(t), throwsCode('STREAM_INVALID'));
      assert.throws(
        () => openedStream(t, 'a.stream', { secretKey: KEY_A.secretKey }),
        throwsCode('STREAM_INVALID'),
      );
    }),
  );
}

const KEYS: Record<string, readonly (string | Uint8Array)[]> = {
  none: [],
  two: [idOf(KEY_A.publicKey), idOf(KEY_A.publicKey)],
  'the url-safe base64': [idOf(KEY_A.publicKey).replaceAll('+', '-').replaceAll('/', '_')],
  'a base64 without padding': [idOf(KEY_A.publicKey).replace('=', '')],
  'a blob': [KEY_A.publicKey],
  '31 bytes': [idOf(KEY_A.publicKey.subarray(1))],
  'a point of small order': [idOf(new Uint8Array(32))],
};
for (const [what, values] of Object.entries(KEYS)) {
  test(
    `openReader :: refuses a file whose PublicKey is ${what}`,
    scope((t) => {
      const raw = newFile(t);
      raw.exec(STREAM);
      for (const value of values) {
        raw.prepare("INSERT INTO attr VALUES ('PublicKey', ?)").run(value);
      }
      raw.close();

      assert.throws(() => openedReader(t), throwsCode('STREAM_INVALID'));
    }),
  );
}

test(
  'openReader :: says what a wrong path is',
  scope((t) => {
    newFile(t).close();

    assert.throws(() => openedReader(t, 'missing.stream'), throwsCode('STREAM_NOT_FOUND'));
    assert.throws(() => openedReader(t), throwsCode('STREAM_NOT_FOUND'));
    assert.throws(() => openedReader(t, '.'), throwsCode('USAGE'));
  }),
);

const COLUMNS: Record<string, unknown> = {
  'an id beyond 2^53': ['id', 9_007_199_254_740_993n],
  'a modified beyond 2^53': ['modified', 9_007_199_254_740_993n],
  'a timestamp below −2^53': ['timestamp', -9_007_199_254_740_993n],
  'a fraction': ['prev', 1.5],
  'a text for a number': ['prevchange', 'x'],
  'a blob for a key': ['key', Buffer.from('key')],
  'no type': ['type', null],
  'a hash as text': ['hash', 'x'.repeat(32)],
  'a short hash': ['hash', Buffer.alloc(31)],
  'a long signature': ['signature', Buffer.alloc(65)],
};
for (const [what, change] of Object.entries(COLUMNS)) {
  test(
    `recordOf :: refuses a row with ${what}, and rounds nothing`,
    scope((t) => {
      const path = originalStream(t, 'updated');
      const [column, value] = change as [string, unknown];
      rawDatabase(t, path).prepare(`UPDATE record SET ${column} = ? WHERE id = 1`).run(value);
      const reader = openedReader(t, 'updated.stream');

      const read = (): unknown => [reader.generation(), reader.recordsSince(-1, 100)];

      assert.throws(read, throwsCode('STREAM_INVALID'));
    }),
  );
}

function newFile(t: Scope): Database.Database {
  return t.defer(new Database(t.path('a.stream')), (database) => database.close());
}

function nameKey(raw: Database.Database): void {
  raw.prepare("INSERT INTO attr VALUES ('PublicKey', ?)").run(idOf(KEY_A.publicKey));
}

function idOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

test.run();
