/**
 * The file beside a mirror in which its next generation is put together, `X.stream.part` (R15).
 * The first generation is built in it as a stream file and becomes the stream file; of a later one it
 * holds the records that come, the ids that go, and the values that are new.
 *
 * Not in the stream file itself: there each value would be written six times instead of three, and
 * readers would wait for it. The file is written without waiting for the disk, so nothing in it is
 * believed after a restart until it was checked again.
 */
import { rmSync, statSync } from 'node:fs';
import type { Step } from '../core/chain.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual, type Micros, type SignedRecord } from '../core/record.ts';
import { type Connection, connect } from './database.ts';
import { isErrno } from './durable-file.ts';
import { LocalAttributes } from './local-attributes.ts';
import { COLUMNS, type RecordRow, RowWriter, readHeads, recordOf } from './rows.ts';
import { createTables, readPublicKey } from './schema.ts';
import type { ModeRecord } from './value-mode.ts';

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

/** Removes a staging file and what SQLite keeps beside it. */
export function removePart(partPath: string): void {
  for (const suffix of ['-journal', '-wal', '-shm', '']) rmSync(partPath + suffix, { force: true });
}

/** An open staging file; it is locked until {@link Staging.close}, against other processes too. */
export class Staging {
  /** What it stands on. */
  readonly base: StagingBase;
  /** It was there before: its rows have to be checked before they are believed. */
  readonly isResumed: boolean;
  readonly #connection: Connection;
  readonly #rows: RowWriter;
  /** Whether anything may be in the list of missing values. */
  #mayMiss: boolean;

  private constructor(connection: Connection, base: StagingBase, isResumed: boolean) {
    this.#connection = connection;
    this.#rows = new RowWriter(connection, { allowMissing: true });
    this.base = base;
    this.isResumed = isResumed;
    this.#mayMiss = isResumed;
  }

  /**
   * Opens the staging file, goes on with what is in it if that stands on `base`, starts it empty
   * otherwise. A file that stands on nothing (`afresh`) is gone on with whatever is visible.
   *
   * @throws {DrayerError} STREAM_BUSY when another process is at it
   */
  static open(partPath: string, publicKey: Uint8Array, base: StagingBase): Staging {
    const resumed = openExisting(partPath, publicKey, base);
    if (resumed !== undefined) return new Staging(resumed.connection, resumed.base, true);
    removePart(partPath);
    const connection = openLocked(partPath, true);
    try {
      connection.writing(() => {
        createTables(connection, publicKey);
        for (const sql of Object.values(STAGING_TABLES)) connection.run(sql);
        connection
          .query('INSERT INTO drayer_staged (one, kind, tip) VALUES (1, ?, ?)')
          .run(base.kind, base.tip);
      });
    } catch (error) {
      connection.close();
      throw error;
    }
    return new Staging(connection, base, false);
  }

  /** Runs steps in one transaction; values are in their records, or stay wanted. */
  write(steps: readonly Step[]): void {
    this.#connection.writing(() => {
      this.#rows.applySteps(steps, (hash) => this.#heldValue(hash));
      for (const step of steps) this.#noteMissing(step);
      if (this.base.tip === 0) return;
      for (const step of steps) this.#noteRemoved(step);
    });
  }

  /** Stores a value for every staged record that has its hash and wants it. */
  fill(hash: Uint8Array, value: Uint8Array): void {
    this.#connection.writing(() => {
      this.#connection
        .query(`UPDATE record SET value = ? WHERE chain = x'' AND hash = ? AND value IS NULL`)
        .run(value, hash);
      this.#connection.query('DELETE FROM drayer_missing WHERE hash = ?').run(hash);
    });
  }

  /** The staged records whose value is not here, by id. */
  missing(): ModeRecord[] {
    if (!this.#mayMiss) return [];
    return readHeads(this.#connection, 'AND id IN (SELECT id FROM drayer_missing) ORDER BY id');
  }

  /** Everything staged, as far as a mode looks at it. */
  heads(): ModeRecord[] {
    return readHeads(this.#connection);
  }

  /** Facts kept in the file. */
  local(): LocalAttributes {
    return new LocalAttributes(this.#connection);
  }

  /** Everything staged, ascending by `modified`, each record with its value where it is here. */
  *records(): Generator<SignedRecord> {
    const sql = `SELECT ${COLUMNS}, c.value FROM record AS c
      WHERE c.chain = x'' AND c.modified > ? ORDER BY c.modified LIMIT 1`;
    const query = this.#connection.query<RecordRow & { value: Uint8Array | null }>(sql);
    let after = 0;
    for (let row = query.get(after); row !== undefined; row = query.get(after)) {
      const record = recordOf(row, this.#connection.path);
      after = record.modified;
      yield row.value === null ? record : { ...record, value: row.value };
    }
  }

  /** The value of a staged record, if it is here. */
  value(id: number): Uint8Array | undefined {
    const sql = "SELECT value FROM record WHERE chain = x'' AND id = ?";
    const row = this.#connection.query<{ value: Uint8Array | null }>(sql).get(id);
    return row?.value ?? undefined;
  }

  /** Ids of visible records that the next generation does not have. */
  removed(): number[] {
    return this.#connection
      .query<{ id: number }>('SELECT id FROM drayer_removed')
      .all()
      .map((row) => row.id);
  }

  /** Lets the file go; it stays, to be gone on with. */
  close(): void {
    this.#connection.close();
  }

  /** Throws everything staged away. */
  discard(): void {
    const { path } = this.#connection;
    this.close();
    removePart(path);
  }

  #heldValue(hash: Uint8Array): Uint8Array | undefined {
    const sql = `SELECT value FROM record
      WHERE chain = x'' AND hash = ? AND value IS NOT NULL LIMIT 1`;
    return this.#connection.query<{ value: Uint8Array }>(sql).get(hash)?.value;
  }

  // A list of its own: to look for them in the table is to read a page for every record.
  #noteMissing(step: Step): void {
    const id = step.kind === 'put' ? step.record.id : step.id;
    if (this.#mayMiss) this.#connection.query('DELETE FROM drayer_missing WHERE id = ?').run(id);
    if (step.kind === 'remove' || step.record.value !== undefined) return;
    this.#mayMiss = true;
    this.#connection
      .query(
        `INSERT INTO drayer_missing (id, hash)
          SELECT id, hash FROM record WHERE chain = x'' AND id = ? AND value IS NULL`,
      )
      .run(id);
  }

  #noteRemoved(step: Step): void {
    if (step.kind === 'remove') {
      this.#connection.query('INSERT OR IGNORE INTO drayer_removed (id) VALUES (?)').run(step.id);
    } else {
      this.#connection.query('DELETE FROM drayer_removed WHERE id = ?').run(step.record.id);
    }
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

/** The records in a staging table, ascending by `modified`, without their values. */
export function* stagedRecords(connection: Connection, table: string): Generator<SignedRecord> {
  const sql = `SELECT ${COLUMNS} FROM ${table} AS c
    WHERE c.chain = x'' AND c.modified > ? ORDER BY c.modified LIMIT ${PAGE}`;
  const query = connection.query<RecordRow>(sql);
  for (let after = 0, rows = query.all(after); rows.length > 0; rows = query.all(after)) {
    for (const row of rows) {
      const record = recordOf(row, connection.path);
      after = record.modified;
      yield record;
    }
  }
}

const PAGE = 256;

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

type Existing = { readonly connection: Connection; readonly base: StagingBase };

function openExisting(
  partPath: string,
  publicKey: Uint8Array,
  wanted: StagingBase,
): Existing | undefined {
  if (inodeOf(partPath) === undefined) return undefined;
  let connection: Connection | undefined;
  try {
    connection = openLocked(partPath, false);
    const isSound = hasTables(connection) && connection.pragma('integrity_check(1)') === 'ok';
    const base = isSound ? readStagingBase(connection) : undefined;
    const isOurs = base !== undefined && bytesEqual(readPublicKey(connection), publicKey);
    const fits = base?.tip === wanted.tip && base.kind === wanted.kind;
    if (isOurs && (fits || base.kind === 'afresh')) return { connection, base };
  } catch (error) {
    // Damaged by a power cut, or half made: it is begun again. Anything else is not ours to hide.
    const isDamage =
      isDrayerError(error, 'STREAM_INVALID') || isDrayerError(error, 'STORAGE_FAILED');
    if (!isDamage) {
      connection?.close();
      throw error;
    }
  }
  connection?.close();
  return undefined;
}

/** Another version of this program may have staged in another form. */
function hasTables(connection: Connection): boolean {
  const table = connection.query<{ sql: string }>('SELECT sql FROM sqlite_schema WHERE name = ?');
  return Object.entries(STAGING_TABLES).every(([name, sql]) => table.get(name)?.sql === sql);
}

function openLocked(partPath: string, create: boolean): Connection {
  const before = inodeOf(partPath);
  const connection = connect(partPath, { create });
  try {
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
