/**
 * The values of a mirror that is shown: fetched later, or erased, as its mode says (R18). The records and
 * the generation stay as they are, so this needs no staging: each value by itself is right or not there.
 */
import { statSync } from 'node:fs';
import { isDrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { Compactor } from './compactor.ts';
import { type Connection, prepareForWriting } from './database.ts';
import { nameOfHash } from './hash-name.ts';
import { LocalAttributes } from './local-attributes.ts';
import { openWritable } from './open-reader.ts';
import type { StreamReader } from './reader.ts';
import { readHeads } from './rows.ts';
import { checkSchema, ensureIndexes, ensureTables } from './schema.ts';
import {
  EVERYTHING,
  formatHeldMode,
  type HeldMode,
  isPartial,
  MODE_ATTRIBUTE,
  parseHeldMode,
  type ValueMode,
  wantedHashes,
} from './value-mode.ts';

/** What {@link HeldValues.drop} did. */
export type DroppedValues = { readonly values: number; readonly bytes: number };

// Values that sources say are larger than the mode takes. Asked again after a day: one may have lied.
const LARGE_SQL =
  'CREATE TABLE IF NOT EXISTS drayer_large (hash BLOB PRIMARY KEY, bytes INTEGER, asked INTEGER) WITHOUT ROWID';
const ASK_AGAIN_MICROS = 24 * 3600 * 1_000_000;

/** Opens the values of the stream file at `path` for writing. */
export function openHeldValues(path: string): HeldValues {
  const connection = openWritable(path);
  try {
    checkSchema(connection);
    prepareForWriting(connection);
    connection.writing(() => {
      ensureIndexes(connection);
      ensureTables(connection);
      connection.run(LARGE_SQL);
    });
    return new HeldValues(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Use {@link openHeldValues}. */
export class HeldValues {
  readonly #connection: Connection;
  readonly #local: LocalAttributes;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#local = new LocalAttributes(connection);
  }

  /** The mode the file is kept in. */
  get mode(): HeldMode {
    return parseHeldMode(this.#local.get(MODE_ATTRIBUTE)) ?? WHOLE_MIRROR;
  }

  /** Keeps a mode; the values of everything, all of them held, need none. */
  setMode(mode: HeldMode): void {
    const isWhole = !isPartial(mode.mode) && mode.settled > 0;
    this.#local.set(MODE_ATTRIBUTE, isWhole ? undefined : formatHeldMode(mode));
  }

  /** Hashes of the values that are wanted and not held, the newest record's first. */
  wanted(mode: ValueMode, now: Micros): Uint8Array[] {
    const large = this.#tooLarge(mode, now);
    const missing = this.#connection
      .query<{ hash: Uint8Array }>(
        `SELECT hash, max(timestamp) AS newest FROM record
          WHERE chain = x'' AND value IS NULL GROUP BY hash ORDER BY newest DESC`,
      )
      .all();
    if (missing.length === 0) return [];
    const wanted = wantedHashes(mode, readHeads(this.#connection));
    const names = missing.map(({ hash }) => ({ hash, name: nameOfHash(hash) }));
    return names
      .filter(({ name }) => wanted.has(name) && !large.has(name))
      .map(({ hash }) => new Uint8Array(hash));
  }

  /** Bytes of all values that are held. */
  bytes(): number {
    const sql = "SELECT sum(length(value)) AS bytes FROM record WHERE chain = x''";
    return this.#connection.query<{ bytes: number | null }>(sql).get()?.bytes ?? 0;
  }

  /** How many records lack the value of this hash. */
  wanting(hash: Uint8Array): number {
    const sql =
      "SELECT count(*) AS records FROM record WHERE chain = x'' AND hash = ? AND value IS NULL";
    return this.#connection.query<{ records: number }>(sql).get(hash)?.records ?? 0;
  }

  /** Stores values for every record that has their hash; hashes were checked. */
  fill(values: readonly { readonly hash: Uint8Array; readonly value: Uint8Array }[]): void {
    this.#connection.writing(() => {
      for (const { hash, value } of values) {
        this.#connection
          .query(`UPDATE record SET value = ? WHERE chain = x'' AND hash = ? AND value IS NULL`)
          .run(value, hash);
        this.#connection.query('DELETE FROM drayer_large WHERE hash = ?').run(hash);
      }
    });
  }

  /** Notes that a value has more bytes than the mode takes. */
  noteLarge(hash: Uint8Array, bytes: number, now: Micros): void {
    this.#connection
      .query('INSERT OR REPLACE INTO drayer_large (hash, bytes, asked) VALUES (?, ?, ?)')
      .run(hash, bytes, now);
  }

  /** Erases the values that are not wanted, and what the file keeps of them in its free pages. */
  drop(mode: ValueMode): DroppedValues {
    if (!isPartial(mode)) return { values: 0, bytes: 0 };
    const held = this.#connection
      .query<{ hash: Uint8Array; bytes: number; records: number }>(
        `SELECT hash, max(length(value)) AS bytes, count(*) AS records FROM record
          WHERE chain = x'' AND value IS NOT NULL AND type <> 'drayer' GROUP BY hash`,
      )
      .all();
    const wanted = wantedHashes(mode, readHeads(this.#connection));
    const { maxBytes = Number.POSITIVE_INFINITY } = mode;
    const gone = held.filter(
      ({ hash, bytes }) => bytes > maxBytes || !wanted.has(nameOfHash(hash)),
    );
    if (gone.length === 0) return { values: 0, bytes: 0 };
    const compactor = new Compactor(this.#connection, this.#local);
    this.#connection.writing(() => {
      for (const { hash } of gone) {
        this.#connection
          .query(
            `UPDATE record SET value = NULL WHERE chain = x'' AND hash = ? AND type <> 'drayer'`,
          )
          .run(hash);
      }
      compactor.note();
    });
    const bytes = gone.reduce((sum, one) => sum + one.bytes * one.records, 0);
    return { values: gone.length, bytes };
  }

  /**
   * Writes the file anew where something was erased from it, and empties its log: the space is given back,
   * and no trace is left. What cannot be done now, while a reader is in the middle of a transaction or
   * another process writes, stays due.
   */
  compact(): void {
    const compactor = new Compactor(this.#connection, this.#local);
    if (!compactor.isDue && this.#local.get(ERASE_ATTRIBUTE) === undefined) return;
    this.#local.set(ERASE_ATTRIBUTE, 'due');
    try {
      const [size, live] = [statSync(this.#connection.path).size, this.#liveBytes()];
      // In proportion to what is left in it. A larger one has its free pages overwritten all the same.
      if (compactor.isDue && (live <= MOST_COPIED || live <= size / 2)) compactor.compact();
      if (this.#connection.truncateLog()) this.#local.set(ERASE_ATTRIBUTE, undefined);
    } catch (error) {
      if (!isDrayerError(error)) throw error;
    }
  }

  /** Closes the file. */
  close(): void {
    this.#connection.close();
  }

  #liveBytes(): number {
    const pages = Number(this.#connection.pragma('page_count'));
    const free = Number(this.#connection.pragma('freelist_count'));
    return (pages - free) * Number(this.#connection.pragma('page_size'));
  }

  #tooLarge({ maxBytes }: ValueMode, now: Micros): Set<string> {
    if (maxBytes === undefined) return new Set();
    const rows = this.#connection
      .query<{ hash: Uint8Array }>('SELECT hash FROM drayer_large WHERE bytes > ? AND asked > ?')
      .all(maxBytes, now - ASK_AGAIN_MICROS);
    return new Set(rows.map(({ hash }) => nameOfHash(hash)));
  }
}

/** Local attribute: the log may still have what was erased. */
const ERASE_ATTRIBUTE = 'erase';

/** Tells whether erased values may have left something behind. */
export function hasTraces(reader: StreamReader): boolean {
  return reader.attribute(ERASE_ATTRIBUTE) !== undefined;
}

const MOST_COPIED = 128 * 1024 * 1024;

/** What a file without a kept mode is. */
const WHOLE_MIRROR: HeldMode = { mode: EVERYTHING, since: 0, settled: 0 };
