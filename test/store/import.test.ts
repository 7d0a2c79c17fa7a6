/** Files that come from elsewhere: good ones arrive to the row, the others do nothing at all (A20). */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { importStream } from '../../src/store/import.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { noise } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { vectorStream } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('store/import');

const VECTORS = readdirSync(new URL('../vectors/streams/', import.meta.url))
  .filter((name) => name.endsWith('.stream'))
  .map((name) => name.slice(0, -'.stream'.length));

for (const name of VECTORS) {
  test(
    `importStream :: the original's file ${name} arrives to the row`,
    scope(async (t) => {
      const from = vectorStream(t, name);

      const generation = await importStream(from, t.path('to.stream'));

      assert.equal(streamRows(t.path('to.stream')), streamRows(from));
      assert.is(generation.snapshot, undefined);
    }),
  );
}

test(
  'importStream :: a file of ours arrives proved by its snapshot, whatever lies beside it',
  scope(async (t) => {
    const from = makeStream(t);
    // A journal that names another file as its own super-journal would have it deleted.
    writeFileSync(`${from}-journal`, Buffer.alloc(4096, 0xd9));
    writeFileSync(`${from}-wal`, Buffer.alloc(4096, 0x37));

    const generation = await importStream(from, t.path('to.stream'));

    assert.is(generation.snapshot?.seq, 2);
    assert.is(generation.covered, true);
    assert.is(existsSync(`${from}-journal`), true);
    assert.is(existsSync(t.path('to.stream.part')), false);
  }),
);

test(
  'importStream :: a file of another stream, or in the place of one, is refused',
  scope(async (t) => {
    const from = makeStream(t);
    const to = t.path('to.stream');

    await rejectsCode(importStream(from, to, { publicKey: KEY_B.publicKey }), 'KEY_MISMATCH');
    await rejectsCode(importStream(from, to, { maxBytes: 1000 }), 'TOO_LARGE');
    await rejectsCode(importStream(t.path('nothing'), to), 'STREAM_NOT_FOUND');
    await importStream(from, to, { publicKey: KEY_A.publicKey });
    await rejectsCode(importStream(from, to), 'STREAM_EXISTS');
  }),
);

/** What is done to a good file, and it is no stream any more. */
const POISONS: readonly [name: string, sql: string][] = [
  ['a trigger', 'CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM attr; END'],
  ['a view', 'CREATE VIEW v AS SELECT 1'],
  ['a view as record', 'ALTER TABLE record RENAME TO r; CREATE VIEW record AS SELECT * FROM r'],
  ['a generated column', 'ALTER TABLE record ADD COLUMN big AS (zeroblob(500000000))'],
  ['another column', 'ALTER TABLE record ADD COLUMN more'],
  ['a virtual table', 'CREATE VIRTUAL TABLE f USING fts5(x)'],
  ['two public keys', "INSERT INTO attr VALUES ('PublicKey', (SELECT value FROM attr))"],
  ['no public key', 'DELETE FROM attr'],
  ['a key that is none', "UPDATE attr SET value = 'AAAA'"],
  ['a text as chain', "UPDATE record SET chain = '' WHERE id = 2"],
  ['NULL as chain', 'UPDATE record SET chain = NULL WHERE id = 2'],
  ['another chain', "UPDATE record SET chain = x'01' WHERE id = 2"],
  ['a text as id', "UPDATE record SET id = 'two' WHERE id = 2"],
  ['an id beyond 2^53', 'UPDATE record SET id = 9007199254740993 WHERE id = 2'],
  ['a text as value', "UPDATE record SET value = 'text' WHERE id = 2"],
  ['no value', 'UPDATE record SET value = NULL WHERE id = 2'],
  ['a blob as key', "UPDATE record SET key = x'ff' WHERE id = 2"],
  ['another value', "UPDATE record SET value = x'00' WHERE id = 2"],
  ['another key', "UPDATE record SET key = 'evil' WHERE id = 2"],
  ['another signature', 'UPDATE record SET signature = zeroblob(64) WHERE id = 2'],
  ['a record missing', 'DELETE FROM record WHERE id = 2'],
  ['the snapshot missing', "DELETE FROM record WHERE key = 'snapshot'"],
];

for (const [name, sql] of POISONS) {
  test(
    `importStream :: a file with ${name} leaves nothing behind`,
    scope(async (t) => {
      const from = makeStream(t);
      const database = new Database(from);
      database.pragma('journal_mode = DELETE');
      database.exec(sql);
      database.close();

      await rejectsCode(importStream(from, t.path('to.stream')), 'STREAM_INVALID');

      assert.equal(leftOf(t), []);
    }),
  );
}

test(
  'importStream :: a damaged file, or none at all, leaves nothing behind',
  scope(async (t) => {
    const from = makeStream(t);
    const { readFileSync } = await import('node:fs');
    const good = readFileSync(from);
    const damaged = [
      Buffer.alloc(0),
      Buffer.from('SQLite format 3'),
      noise(20_000),
      good.subarray(0, good.length / 2),
      Buffer.concat([good.subarray(0, 4096), noise(good.length - 4096)]),
    ];

    for (const [i, bytes] of damaged.entries()) {
      const path = t.path(`damaged-${i}`);
      writeFileSync(path, bytes);
      await rejectsCode(importStream(path, t.path('to.stream')), 'STREAM_INVALID');
    }

    assert.equal(leftOf(t), []);
  }),
);

test(
  'importStream :: a link, a directory and a pipe are not opened',
  scope(async (t) => {
    const link = t.path('link');
    symlinkSync(makeStream(t), link);
    const directory = t.path('directory');
    mkdirSync(directory);
    const pipe = t.path('pipe');
    execFileSync('mkfifo', [pipe]);
    const to = t.path('to.stream');

    await rejectsCode(importStream(link, to), 'STORAGE_FAILED');
    await rejectsCode(importStream(directory, to), 'STREAM_INVALID');
    await rejectsCode(importStream(pipe, to), 'STREAM_INVALID');

    assert.equal(leftOf(t), []);
  }),
);

/** Two generations: ids 1 (the snapshot) to 5. */
function makeStream(t: Scope): string {
  const path = t.path('from.stream');
  const stream = createStream(path, { secretKey: KEY_A.secretKey });
  stream.transaction((tx) => tx.set('a', 1).set('b', 2).setBytes('file', 'c', noise(20_000)));
  stream.set('d', 3);
  stream.close();
  return path;
}

function leftOf(t: Scope): string[] {
  return readdirSync(t.directory).filter((name) => name.startsWith('to.stream'));
}

test.run();
