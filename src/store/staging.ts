/**
 * The file beside a mirror in which its next generation is put together, `X.stream.part` (R15).
 * The first generation is built in it as a stream file and becomes the stream file; of a later one it
 * holds the records that come, the ids that go, and the values that are new.
 *
 * Not in the stream file itself: there each value would be written six times instead of three, and
 * readers would wait for it. The file is written without waiting for the disk, so nothing in it is
 * believed after a restart until it was checked again.
 */
import type { Step } from '../core/chain.ts';
import type { SignedRecord } from '../core/record.ts';
import type { Connection } from './database.ts';
import { LocalAttributes } from './local-attributes.ts';
import {
  COLUMNS,
  type RecordRow,
  RowWriter,
  readHeads,
  recordOf,
  recordsByModified,
} from './rows.ts';
import { makeEmpty, openExisting, removePart, type StagingBase } from './staging-file.ts';
import {
  formatUnchecked,
  parseUnchecked,
  UNCHECKED_ATTRIBUTE,
  type Unchecked,
} from './unchecked.ts';
import type { ModeRecord } from './value-mode.ts';

/** So long at most what was staged is in a transaction still open: a process that is killed loses it, ms. */
const GATHER_MS = 200;

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
  /** When all that is staged was last kept. */
  #keptMs = 0;

  private constructor(connection: Connection, base: StagingBase, isResumed: boolean) {
    this.#connection = connection;
    this.#rows = new RowWriter(connection, { allowMissing: true, isAlone: true });
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
  static open(
    partPath: string,
    publicKey: Uint8Array,
    base: StagingBase,
    likelyRecords = 0,
  ): Staging {
    const resumed = openExisting(partPath, publicKey, base);
    if (resumed !== undefined) return new Staging(resumed.connection, resumed.base, true);
    const connection = makeEmpty(partPath, publicKey, { base, likelyRecords });
    return new Staging(connection, base, false);
  }

  /** Stages steps; values are in their records, or stay wanted. */
  write(steps: readonly Step[]): void {
    this.#gathering(() => {
      this.#rows.applySteps(steps, (hash) => this.#heldValue(hash));
      for (const step of steps) this.#noteMissing(step);
      if (this.base.tip === 0) return;
      for (const step of steps) this.#noteRemoved(step);
    });
  }

  /**
   * Stores a value for every staged record that has its hash and wants it.
   *
   * @param isAtOnce - it is kept once this returns, also if this process is killed
   */
  fill(hash: Uint8Array, value: Uint8Array, isAtOnce = false): void {
    this.#gathering(() => {
      this.#connection
        .query(`UPDATE record SET value = ? WHERE chain = x'' AND hash = ? AND value IS NULL`)
        .run(value, hash);
      this.#connection.query('DELETE FROM drayer_missing WHERE hash = ?').run(hash);
      if (isAtOnce) this.flush();
    });
  }

  /** Keeps what was staged, also if this process is killed from now on. */
  flush(): void {
    if (this.#connection.inTransaction) this.#connection.run('COMMIT');
    this.#keptMs = performance.now();
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

  /** Keeps the fact that records come without their signatures being checked, or that none is owed any more. */
  setUnchecked(unchecked: Unchecked | undefined): void {
    this.#gathering(() => {
      this.local().set(UNCHECKED_ATTRIBUTE, unchecked && formatUnchecked(unchecked));
    });
  }

  /** Whose records are here without their signatures having been checked; undefined where all are. */
  unchecked(): Unchecked | undefined {
    return parseUnchecked(this.local().get(UNCHECKED_ATTRIBUTE));
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

  /** The same without values. */
  bareRecords(): Generator<SignedRecord> {
    return recordsByModified(this.#connection, 'record');
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
    try {
      this.flush();
    } finally {
      this.#connection.close();
    }
  }

  /** Throws everything staged away. */
  discard(): void {
    const { path } = this.#connection;
    this.#connection.close();
    removePart(path);
  }

  /** What comes in quick succession is written together: index pages are then written once for all. */
  #gathering(body: () => void): void {
    if (!this.#connection.inTransaction) this.#connection.run('BEGIN IMMEDIATE');
    try {
      body();
      if (performance.now() - this.#keptMs >= GATHER_MS) this.flush();
    } catch (error) {
      // Some errors have rolled back already.
      if (this.#connection.inTransaction) this.#connection.run('ROLLBACK');
      throw error;
    }
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
