/** The file that is staged in: its name, its tables, and how it is opened so that nobody else is at it. */
import { rmSync, statSync } from 'node:fs';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual, type Micros } from '../core/record.ts';
import { type Connection, connect } from './database.ts';
import { fileError, isErrno } from './durable-file.ts';
import { checkSchema, createTables, pageBytesFor, readPublicKey } from './schema.ts';
import { mayBeDamage } from './sqlite-error.ts';

/** What a staging file stands on. */
export type StagingBase = {
  /**
   * `first`: there is no generation yet. `next`: what changes on the visible one.
   * `afresh`: a whole generation again, beside the visible one, because the changes did not fit it.
   */
  readonly kind: 'first' | 'next' | 'afresh';
  /** Modified tip of the visible generation; 0 for none. */
  readonly tip: Micros;
};

/** Path of the staging file of the stream at `streamPath`. */
export function partPathOf(streamPath: string): string {
  return `${streamPath}.part`;
}

/**
 * Removes a staging file and what SQLite keeps beside it.
 *
 * @throws {DrayerError} STORAGE_FAILED where it cannot be removed
 */
export function removePart(partPath: string): void {
  removeLogs(partPath);
  remove(partPath);
}

/**
 * Removes what SQLite keeps beside a file, where that file itself is not there any more or will not be.
 *
 * @throws {DrayerError} STORAGE_FAILED where it cannot be removed
 */
export function removeLogs(path: string): void {
  for (const suffix of ['-journal', '-wal', '-shm']) remove(path + suffix);
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (cause) {
    throw fileError(path, 'cannot be removed', cause);
  }
}

/** The tables a staging file has and a stream file has not. */
export const STAGING_TABLES: Readonly<Record<string, string>> = {
  drayer_staged: 'CREATE TABLE drayer_staged (one INTEGER PRIMARY KEY, kind TEXT, tip INTEGER)',
  drayer_removed: 'CREATE TABLE drayer_removed (id INTEGER PRIMARY KEY)',
  // UNIQUE makes the index by hash.
  drayer_missing:
    'CREATE TABLE drayer_missing (id INTEGER PRIMARY KEY, hash BLOB, UNIQUE (hash, id))',
};

type StagedRow = { kind: string; tip: number };

/** Reads what a staging file stands on; undefined when it cannot be told. */
export function readStagingBase(
  connection: Connection,
  table = 'drayer_staged',
): StagingBase | undefined {
  const row = connection.query<StagedRow>(`SELECT kind, tip FROM ${table}`).get();
  const kind = (['first', 'next', 'afresh'] as const).find((known) => known === row?.kind);
  return row === undefined || kind === undefined ? undefined : { kind, tip: row.tip };
}

/** A staging file that can be gone on with. */
export type Existing = { readonly connection: Connection; readonly base: StagingBase };

/**
 * Opens a staging file that is there, if it is sound and stands on `wanted`, or on nothing (`afresh`).
 *
 * @throws {DrayerError} STREAM_BUSY when another process is at it
 */
export function openExisting(
  partPath: string,
  publicKey: Uint8Array,
  wanted: StagingBase,
): Existing | undefined {
  // What is no file is in the way of a new one, and named there.
  if (statSync(partPath, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  let connection: Connection | undefined;
  try {
    connection = openLocked(partPath);
    takeBack(connection, wanted);
    const isSound = hasTables(connection) && connection.pragma('integrity_check(1)') === 'ok';
    const base = isSound ? readStagingBase(connection) : undefined;
    const isOurs = base !== undefined && bytesEqual(readPublicKey(connection), publicKey);
    const fits = base?.tip === wanted.tip && base.kind === wanted.kind;
    if (isOurs && (fits || base.kind === 'afresh')) {
      listMissing(connection);
      return { connection, base };
    }
  } catch (error) {
    // Damaged by a power cut, or half made: it is begun again. Anything else is not ours to hide.
    if (!mayBeDamage(error)) {
      connection?.close();
      throw error;
    }
  }
  connection?.close();
  return undefined;
}

/**
 * Makes an empty staging file in the place of whatever is there.
 *
 * @param given - `likelyRecords`: how many will come, as far as anybody knows
 * @throws {DrayerError} STREAM_BUSY when another process is at it
 */
export function makeEmpty(
  partPath: string,
  publicKey: Uint8Array,
  { base, likelyRecords }: { readonly base: StagingBase; readonly likelyRecords: number },
): Connection {
  removePart(partPath);
  const connection = openLocked(partPath, pageBytesFor(likelyRecords));
  try {
    connection.writing(() => {
      createTables(connection, publicKey);
      makeStagingTables(connection, base);
    });
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

function makeStagingTables(connection: Connection, { kind, tip }: StagingBase): void {
  for (const sql of Object.values(STAGING_TABLES)) connection.run(sql);
  connection.query('INSERT INTO drayer_staged (one, kind, tip) VALUES (1, ?, ?)').run(kind, tip);
}

/**
 * A first generation that was judged complete is no staging file any more, and has its name only once the
 * disk has all of it. Whoever is killed in between has fetched everything: it is looked at again, not fetched.
 */
function takeBack(connection: Connection, wanted: StagingBase): void {
  const names = connection
    .query<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .all()
    .map(({ name }) => name);
  const isStaging = Object.keys(STAGING_TABLES).some((name) => names.includes(name));
  if (wanted.kind !== 'first' || isStaging || !names.includes('record')) return;
  checkSchema(connection);
  connection.writing(() => {
    makeStagingTables(connection, wanted);
  });
}

/** After a power cut the list may be newer than the records, whose pages the disk has each from its own time. */
function listMissing(connection: Connection): void {
  connection.writing(() => {
    connection.run(
      `DELETE FROM drayer_missing;
        INSERT INTO drayer_missing SELECT id, hash FROM record WHERE chain = x'' AND value IS NULL`,
    );
  });
}

/** Another version of this program may have staged in another form. */
function hasTables(connection: Connection): boolean {
  const table = connection.query<{ sql: string }>('SELECT sql FROM sqlite_schema WHERE name = ?');
  return Object.entries(STAGING_TABLES).every(([name, sql]) => table.get(name)?.sql === sql);
}

/** @param pageBytes - of a file that is made */
function openLocked(partPath: string, pageBytes?: number): Connection {
  const before = inodeOf(partPath);
  const connection = connect(partPath, { create: pageBytes !== undefined });
  try {
    // Before the lock: taking it begins the file.
    if (pageBytes !== undefined) connection.run(`PRAGMA page_size = ${pageBytes}`);
    connection.run('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE');
    connection.pragma('journal_mode = DELETE');
    // The cache need only hold the indexes' inner pages; values pass through it once.
    connection.run(
      'PRAGMA synchronous = OFF; PRAGMA secure_delete = ON; PRAGMA cache_size = -6144',
    );
    connection.run('BEGIN EXCLUSIVE; COMMIT');
    // Between our opening and our lock another process may have finished with it and renamed it.
    if (before === undefined || before === inodeOf(partPath)) return connection;
    throw busy(partPath);
  } catch (error) {
    connection.close();
    throw isDrayerError(error, 'STREAM_BUSY') ? busy(partPath, error) : error;
  }
}

function busy(partPath: string, cause?: unknown): DrayerError {
  return new DrayerError('STREAM_BUSY', `${partPath}: another process is mirroring this stream`, {
    cause,
    hint: 'wait until it has finished',
  });
}

function inodeOf(path: string): bigint | undefined {
  try {
    return statSync(path, { bigint: true }).ino;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
