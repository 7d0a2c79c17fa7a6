/**
 * Rows of `record` and records of core, both ways. Reading checks every column's type, because a
 * foreign file may hold anything; writing runs the steps of a plan inside a transaction of the
 * caller.
 */

import type { Step } from '../core/chain.ts';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual, HASH_BYTES, SIGNATURE_BYTES, type SignedRecord } from '../core/record.ts';
import type { Connection } from './database.ts';
import type { ModeRecord } from './value-mode.ts';

/** A row of metadata as SQLite gives it. */
export type RecordRow = {
  readonly id: unknown;
  readonly type: unknown;
  readonly key: unknown;
  readonly hash: unknown;
  readonly timestamp: unknown;
  readonly modified: unknown;
  readonly prev: unknown;
  readonly prevchange: unknown;
  readonly signature: unknown;
};

/** The columns of {@link RecordRow}, of the table or index called `c` in a query. */
export const COLUMNS: string =
  'c.id, c.type, c.key, c.hash, c.timestamp, c.modified, c.prev, c.prevchange, c.signature';

/**
 * Returns the record in a row, without its value.
 *
 * @throws {DrayerError} STREAM_INVALID when a column holds something a record cannot have; an
 *   integer beyond 2^53 is refused, never rounded
 */
export function recordOf(row: RecordRow, path: string): SignedRecord {
  const { id, type, key, hash, timestamp, modified, prev, prevchange, signature } = row;
  const isSound =
    isInteger(id) &&
    isInteger(timestamp) &&
    isInteger(modified) &&
    isInteger(prev) &&
    isInteger(prevchange) &&
    typeof type === 'string' &&
    typeof key === 'string' &&
    isBytes(hash, HASH_BYTES) &&
    isBytes(signature, SIGNATURE_BYTES);
  if (!isSound) {
    throw new DrayerError(
      'STREAM_INVALID',
      `${path}: record ${String(id)} has a column of a wrong kind`,
    );
  }
  return { id, type, key, hash, timestamp, modified, prev, prevChange: prevchange, signature };
}

/** Returns what a mode looks at of the records, from the index alone. */
export function readHeads(connection: Connection, which = ''): ModeRecord[] {
  const sql = `SELECT id, type, hash, timestamp FROM record INDEXED BY drayer_cover
    WHERE chain = x'' ${which}`;
  return connection.query<ModeRecord>(sql).all();
}

/** Where the values of a plan come from. */
export type ValueSource = (hash: Uint8Array) => Uint8Array | undefined;

/** What {@link RowWriter} is told besides the connection. */
export type RowWriterOptions = {
  /** Rows may have no value yet (NULL), as in staging. */
  readonly allowMissing?: boolean | undefined;
  /** Nobody else writes to the file: a record above all others is not looked for first. */
  readonly isAlone?: boolean | undefined;
};

/** How many rows came and went. */
export type RowChanges = { readonly inserted: number; readonly removed: number };

/** Runs plans on the records of a file that has our indexes. Lives as long as its connection. */
export class RowWriter {
  readonly #connection: Connection;
  readonly #allowMissing: boolean;
  /** No row has a higher id; undefined where somebody else may have written one. */
  #highest: number | undefined;

  constructor(
    connection: Connection,
    { allowMissing = false, isAlone = false }: RowWriterOptions = {},
  ) {
    this.#connection = connection;
    this.#allowMissing = allowMissing;
    this.#highest = isAlone ? this.#highestId() : undefined;
  }

  /**
   * Runs steps in their order. Called inside a write transaction.
   *
   * @param values - asked for the value of a hash where the step has none and the row keeps none
   * @returns how many rows came and went
   * @throws {DrayerError} VALUE_NOT_HELD when a value is nowhere and must not be missing
   */
  applySteps(steps: Iterable<Step>, values: ValueSource): RowChanges {
    let inserted = 0;
    let removed = 0;
    for (const step of steps) {
      if (step.kind === 'remove') removed += this.#remove(step.id);
      else inserted += this.#put(step.record, values);
    }
    return { inserted, removed };
  }

  /**
   * Runs the steps of a plan, in which each record is in one step at most, new records last and in
   * the order of the modified chain: a first publish fills its pages one after another, in half the
   * time. Where the steps' own order keeps the UNIQUE constraints, this one does: it only has less
   * rows in between.
   *
   * @param values - as for {@link applySteps}
   */
  applyPlan(steps: readonly Step[], values: ValueSource): RowChanges {
    const tip = this.#highestId();
    const others: Step[] = [];
    const records: SignedRecord[] = [];
    for (const step of steps) {
      if (step.kind === 'put' && step.record.id > tip) records.push(step.record);
      else others.push(step);
    }
    const { inserted, removed } = this.applySteps(others, values);
    records.sort((a, b) => a.modified - b.modified);
    for (const record of records) this.#insert(record, this.#valueFor(record, values));
    return { inserted: inserted + records.length, removed };
  }

  #put(record: SignedRecord, values: ValueSource): number {
    if (this.#highest !== undefined && record.id > this.#highest) {
      this.#insert(record, this.#valueFor(record, values));
      this.#highest = record.id;
      return 1;
    }
    const held = this.#connection.query<HeldRow>(HELD).get(record.id);
    if (held === undefined) {
      this.#insert(record, this.#valueFor(record, values));
      return 1;
    }
    const isSame = held.hash instanceof Uint8Array && bytesEqual(held.hash, record.hash);
    if (isSame && held.isHeld === 1 && record.value === undefined) {
      this.#updateMetadata(record);
    } else {
      this.#updateAll(record, this.#valueFor(record, values));
    }
    return 0;
  }

  #valueFor(record: SignedRecord, values: ValueSource): Uint8Array | null {
    const value = record.value ?? values(record.hash);
    if (value !== undefined) return value;
    if (this.#allowMissing) return null;
    const name = `${record.type}/${record.key}`;
    throw new DrayerError(
      'VALUE_NOT_HELD',
      `record ${record.id}: the value of ${name} was not handed in`,
    );
  }

  #highestId(): number {
    return this.#connection.query<{ id: number | null }>(HIGHEST_ID).get()?.id ?? 0;
  }

  #remove(id: number): number {
    return this.#connection.query(DELETE).run(id);
  }

  #insert(record: SignedRecord, value: Uint8Array | null): void {
    const { id, type, key, hash, timestamp, modified, prev, prevChange, signature } = record;
    this.#connection
      .query(INSERT)
      .run(id, type, key, value, hash, timestamp, modified, prev, prevChange, signature);
  }

  #updateMetadata(record: SignedRecord): void {
    const { id, type, key, timestamp, modified, prev, prevChange, signature } = record;
    this.#connection
      .query(UPDATE_METADATA)
      .run(type, key, timestamp, modified, prev, prevChange, signature, id);
  }

  #updateAll(record: SignedRecord, value: Uint8Array | null): void {
    const { id, type, key, hash, timestamp, modified, prev, prevChange, signature } = record;
    this.#connection
      .query(UPDATE_ALL)
      .run(type, key, value, hash, timestamp, modified, prev, prevChange, signature, id);
  }
}

type HeldRow = { readonly hash: unknown; readonly isHeld: number };

// The hash comes from the index: in the table it lies behind the value.
const HELD = `SELECT c.hash AS hash, r.value IS NOT NULL AS isHeld
  FROM record AS i INDEXED BY drayer_id
  CROSS JOIN record AS c INDEXED BY drayer_cover
    ON c.chain = x'' AND c.modified = i.modified AND c.id = i.id
  CROSS JOIN record AS r ON r.rowid = i.rowid
  WHERE i.chain = x'' AND i.id = ?`;
const HIGHEST_ID = "SELECT max(id) AS id FROM record INDEXED BY drayer_id WHERE chain = x''";
const INSERT = `INSERT INTO record
    (id, type, key, value, hash, timestamp, modified, prev, prevchange, signature, chain)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, x'')`;
const UPDATE_METADATA = `UPDATE record INDEXED BY drayer_id
  SET type = ?, key = ?, timestamp = ?, modified = ?, prev = ?, prevchange = ?, signature = ?
  WHERE chain = x'' AND id = ?`;
const UPDATE_ALL = `UPDATE record INDEXED BY drayer_id
  SET type = ?, key = ?, value = ?, hash = ?, timestamp = ?, modified = ?, prev = ?, prevchange = ?,
    signature = ?
  WHERE chain = x'' AND id = ?`;
const DELETE = "DELETE FROM record INDEXED BY drayer_id WHERE chain = x'' AND id = ?";

function isInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length;
}

/** The records of a table, ascending by `modified`, without their values; read in pages, so not of one moment. */
export function* recordsByModified(connection: Connection, table: string): Generator<SignedRecord> {
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
