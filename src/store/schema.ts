/**
 * The tables of a stream file. `attr` and `record` are the original's, to the letter: it opens our
 * files, we open its files. Everything named `drayer_` is ours, local, and can be dropped and
 * rebuilt.
 */
import { isAcceptablePublicKey } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import type { Connection } from './database.ts';
import { RECOVER_ANEW_HINT } from './sqlite-error.ts';

/**
 * A small page of a site with its record is a little more than 4 KiB: in file pages of that size each
 * lies in two, and takes almost twice as long to write. A small stream has SQLite's own size, for each of
 * its tables and indexes takes one page at least.
 */
const LARGE_PAGE_BYTES = 16_384;
const SMALL_PAGE_BYTES = 4096;
const MANY_RECORDS = 2_000;

/** Returns how large the pages of a file are to be that begins with so many records. */
export function pageBytesFor(records: number): number {
  return records >= MANY_RECORDS ? LARGE_PAGE_BYTES : SMALL_PAGE_BYTES;
}

/** The original's tables. */
const ATTR_SQL = 'CREATE TABLE attr (key text, value text)';
/** The original inserts positionally: exactly these 11 columns in this order. */
export const RECORD_SQL =
  'CREATE TABLE record (id integer, type text, key text, value blob, hash blob,timestamp integer, modified integer, prev integer, prevchange integer, signature blob, chain blob, UNIQUE(chain,modified),UNIQUE(chain,prevchange))';

// Files made after the original's readme have no UNIQUE constraints; the original opens them too.
const BARE_RECORD_SQL =
  'CREATE TABLE record (id integer, type text, key text, value blob, hash blob, timestamp integer, modified integer, prev integer, prevchange integer, signature blob, chain blob)';

/**
 * Our indexes. `chain` comes first, so that records of other chains stay apart; it is x'' for the
 * stream's own and costs one byte. Columns behind a blob cost a walk through its overflow pages:
 * `drayer_cover` holds all metadata, so that no list and no page ever touches the table.
 */
const INDEXES: Readonly<Record<string, string>> = {
  drayer_cover:
    'CREATE INDEX drayer_cover ON record (chain, modified, id, type, key, hash, timestamp, prev, prevchange, signature)',
  drayer_id: 'CREATE INDEX drayer_id ON record (chain, id, modified)',
  drayer_key:
    'CREATE INDEX drayer_key ON record (chain, type, key, timestamp DESC, id DESC, modified)',
  drayer_type_id: 'CREATE INDEX drayer_type_id ON record (chain, type, id, modified)',
  drayer_type_modified: 'CREATE INDEX drayer_type_modified ON record (chain, type, modified, id)',
  drayer_hash: 'CREATE INDEX drayer_hash ON record (chain, hash, modified, id)',
};

/** Our local tables. */
const LOCAL_TABLES: Readonly<Record<string, string>> = {
  // Valid only for the state of `record` whose tip it names: another program may have written
  // since.
  drayer_state:
    'CREATE TABLE drayer_state (one INTEGER PRIMARY KEY, tip INTEGER, signature BLOB, count INTEGER, trie_ref INTEGER, trie_hash BLOB, next_node INTEGER)',
  drayer_trie:
    'CREATE TABLE drayer_trie (id INTEGER PRIMARY KEY, bit INTEGER, left_ref INTEGER, left_hash BLOB, right_ref INTEGER, right_hash BLOB)',
  drayer_local: 'CREATE TABLE drayer_local (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID',
  drayer_stat:
    'CREATE TABLE drayer_stat (key TEXT PRIMARY KEY, stamp TEXT, value_hash BLOB) WITHOUT ROWID',
};

type SchemaRow = { type: string; name: string; tbl_name: string; sql: string | null };

/** What {@link checkSchema} found of ours in a file. */
export type LocalSchema = {
  /** All of our indexes are there. */
  readonly hasIndexes: boolean;
  /** All of our local tables are there. */
  readonly hasTables: boolean;
};

/**
 * Checks that a file has the tables of a stream, in the known form, and nothing that could act by
 * itself: no view, trigger, virtual table, generated column or foreign index on the stream's
 * tables.
 *
 * @throws {DrayerError} STREAM_INVALID naming what is wrong; STREAM_NOT_FOUND when the file is
 *   empty
 */
export function checkSchema(connection: Connection): LocalSchema {
  const rows = schemaRows(connection);
  if (rows.length === 0) {
    throw new DrayerError(
      'STREAM_NOT_FOUND',
      `${connection.path}: the file is empty, no stream yet`,
    );
  }
  const table = (name: string) => rows.find((row) => row.type === 'table' && row.name === name);
  const isKnown =
    isSameSql(table('attr')?.sql, ATTR_SQL) &&
    [RECORD_SQL, BARE_RECORD_SQL].some((sql) => isSameSql(table('record')?.sql, sql));
  if (!isKnown) throw invalid(connection, 'expected the tables of a stream, attr and record');
  for (const row of rows) checkExtra(connection, row);

  const has = (known: Readonly<Record<string, string>>) =>
    Object.entries(known).every(([name, sql]) =>
      rows.some((row) => row.name === name && row.sql === sql),
    );
  return { hasIndexes: has(INDEXES), hasTables: has(LOCAL_TABLES) };
}

/** Makes the tables of a new stream. Called inside a write transaction, on an empty file. */
export function createTables(connection: Connection, publicKey: Uint8Array): void {
  connection.run(ATTR_SQL);
  connection.run(RECORD_SQL);
  const id = Buffer.from(publicKey).toString('base64');
  connection.query('INSERT INTO attr (key, value) VALUES (?, ?)').run('PublicKey', id);
  ensureIndexes(connection);
  ensureTables(connection);
}

/** Tells whether the file has no tables at all. */
export function isEmptyFile(connection: Connection): boolean {
  return schemaRows(connection).length === 0;
}

/**
 * Makes our indexes where they are missing or of an older form. Takes time in proportion to the
 * file.
 */
export function ensureIndexes(connection: Connection): void {
  ensure(connection, INDEXES);
}

/** Makes our local tables where they are missing or of an older form, empty. */
export function ensureTables(connection: Connection): void {
  ensure(connection, LOCAL_TABLES);
}

/**
 * Returns the stream's public key as the file names it.
 *
 * @throws {DrayerError} STREAM_INVALID when there is not exactly one, or it cannot be a key
 */
export function readPublicKey(connection: Connection): Uint8Array {
  const rows = connection
    .query<{ value: unknown }>("SELECT value FROM attr WHERE key = 'PublicKey' LIMIT 2")
    .all();
  const [row] = rows;
  if (rows.length !== 1 || typeof row?.value !== 'string') {
    throw invalid(connection, 'expected exactly one PublicKey');
  }
  const bytes = new Uint8Array(Buffer.from(row.value, 'base64'));
  const isCanonical = Buffer.from(bytes).toString('base64') === row.value;
  if (!isCanonical || !isAcceptablePublicKey(bytes)) {
    throw invalid(connection, 'expected PublicKey to be the base64 of a public key');
  }
  return bytes;
}

function ensure(connection: Connection, known: Readonly<Record<string, string>>): void {
  const rows = schemaRows(connection);
  for (const [name, sql] of Object.entries(known)) {
    const row = rows.find((found) => found.name === name);
    if (row?.sql === sql) continue;
    // Names and texts are ours; `row.type` was checked to be a table or an index.
    if (row !== undefined)
      connection.run(`DROP ${row.type === 'index' ? 'INDEX' : 'TABLE'} ${name}`);
    connection.run(sql);
  }
}

function schemaRows(connection: Connection): SchemaRow[] {
  // A file with thousands of objects is no stream; the first of them are enough to say so.
  return connection
    .query<SchemaRow>('SELECT type, name, tbl_name, sql FROM sqlite_schema LIMIT 200')
    .all();
}

function checkExtra(connection: Connection, row: SchemaRow): void {
  const isPlainTable = row.type === 'table' && !/^\s*CREATE\s+VIRTUAL/i.test(row.sql ?? '');
  // Made by SQLite for the UNIQUE constraints; they have no text.
  const isAutomatic = row.type === 'index' && row.sql === null;
  const isOurs = row.type === 'index' && row.name.startsWith('drayer_');
  const isElsewhere = row.type === 'index' && row.tbl_name !== 'record' && row.tbl_name !== 'attr';
  if (isPlainTable || isAutomatic || isOurs || isElsewhere) return;
  throw invalid(
    connection,
    `expected no ${row.type} named ${JSON.stringify(row.name)} in a stream`,
  );
}

function isSameSql(found: string | null | undefined, expected: string): boolean {
  if (typeof found !== 'string') return false;
  const normal = (sql: string) =>
    sql
      .replace(/\s+/g, ' ')
      .replace(/ ?([(),]) ?/g, '$1')
      .trim();
  return normal(found) === normal(expected);
}

function invalid(connection: Connection, message: string): DrayerError {
  const hint = RECOVER_ANEW_HINT;
  return new DrayerError('STREAM_INVALID', `${connection.path}: ${message}`, { hint });
}
