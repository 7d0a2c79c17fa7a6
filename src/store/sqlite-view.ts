/**
 * The live records of a stream file as core reads them: a {@link ChainView} over SQLite.
 * Every look-up is one search in a covering index and at most one more in `drayer_cover`; values
 * are never touched. A file without our indexes (foreign and not writable) answers the same,
 * slower.
 */
import type { ChainView } from '../core/chain.ts';
import { DrayerError } from '../core/errors.ts';
import type { Micros, SignedRecord } from '../core/record.ts';
import type { Connection, Parameter } from './database.ts';
import { COLUMNS, type RecordRow, recordOf } from './rows.ts';

/** The beginnings of all queries for metadata, with our indexes named where the file has them. */
export class Selects {
  readonly #hasIndexes: boolean;

  constructor(hasIndexes: boolean) {
    this.#hasIndexes = hasIndexes;
  }

  /**
   * `INDEXED BY index`, or nothing. With it, a query that could not use the index fails to prepare.
   */
  by(index: string): string {
    return this.#hasIndexes ? `INDEXED BY ${index}` : '';
  }

  /** All metadata, found by `modified`; to be continued with `AND …` on `c`. */
  byModified(): string {
    return `SELECT ${COLUMNS} FROM record AS c ${this.by('drayer_cover')} WHERE c.chain = x''`;
  }

  /** The same of the records after a `modified`, each with its value if that is small enough. */
  valuesSince(): string {
    return `SELECT ${COLUMNS}, length(r.value) AS size,
        CASE WHEN length(r.value) <= ? THEN r.value END AS value
      FROM record AS c ${this.by('drayer_cover')} CROSS JOIN record AS r ON r.rowid = c.rowid
      WHERE c.chain = x'' AND c.modified > ? ORDER BY c.modified LIMIT ?`;
  }

  /** All metadata, found through the columns of `index`; to be continued with `AND …` on `i`. */
  through(index: string): string {
    // The id tells two rows apart where a foreign file lacks the UNIQUE constraints.
    return `SELECT ${COLUMNS} FROM record AS i ${this.by(index)}
      CROSS JOIN record AS c ${this.by('drayer_cover')}
      ON c.chain = x'' AND c.modified = i.modified AND c.id = i.id
      WHERE i.chain = x''`;
  }
}

const ID_TIP = "SELECT max(id) AS n FROM record WHERE chain = x''";
const MODIFIED_TIP = "SELECT max(modified) AS n FROM record WHERE chain = x''";

/** The view. Reads through the connection: inside a transaction it sees what that one has done. */
export class SqliteView implements ChainView {
  readonly #connection: Connection;
  readonly #count: () => number;
  readonly #sql: ReturnType<typeof viewSql>;

  /** @param count - tells the number of live records, from wherever it is known */
  constructor(connection: Connection, selects: Selects, count: () => number) {
    this.#connection = connection;
    this.#count = count;
    this.#sql = viewSql(selects);
  }

  idTip(): number {
    return this.#highest(ID_TIP);
  }

  modifiedTip(): Micros {
    return this.#highest(MODIFIED_TIP);
  }

  count(): number {
    return this.#count();
  }

  byId(id: number): SignedRecord | undefined {
    return this.#one(this.#sql.byId, id);
  }

  byModified(modified: Micros): SignedRecord | undefined {
    return this.#one(this.#sql.byModified, modified);
  }

  byKey(type: string, key: string): readonly SignedRecord[] {
    const rows = this.#connection.query<RecordRow>(this.#sql.byKey).all(type, key);
    return rows.map((row) => recordOf(row, this.#connection.path));
  }

  beforeId(id: number): SignedRecord | undefined {
    return this.#one(this.#sql.beforeId, id);
  }

  afterId(id: number): SignedRecord | undefined {
    return this.#one(this.#sql.afterId, id);
  }

  beforeModified(modified: Micros): SignedRecord | undefined {
    return this.#one(this.#sql.beforeModified, modified);
  }

  afterModified(modified: Micros): SignedRecord | undefined {
    return this.#one(this.#sql.afterModified, modified);
  }

  #highest(sql: string): number {
    const highest = this.#connection.query<{ n: unknown }>(sql).get()?.n ?? 0;
    if (Number.isSafeInteger(highest)) return Number(highest);
    const message = `${this.#connection.path}: expected integers below 2^53, got ${String(highest)}`;
    throw new DrayerError('STREAM_INVALID', message);
  }

  #one(sql: string, ...parameters: Parameter[]): SignedRecord | undefined {
    const row = this.#connection.query<RecordRow>(sql).get(...parameters);
    return row === undefined ? undefined : recordOf(row, this.#connection.path);
  }
}

function viewSql(selects: Selects) {
  const byModified = selects.byModified();
  const byId = selects.through('drayer_id');
  return {
    byId: `${byId} AND i.id = ? LIMIT 1`,
    beforeId: `${byId} AND i.id < ? ORDER BY i.id DESC LIMIT 1`,
    afterId: `${byId} AND i.id > ? ORDER BY i.id LIMIT 1`,
    byModified: `${byModified} AND c.modified = ? LIMIT 1`,
    beforeModified: `${byModified} AND c.modified < ? ORDER BY c.modified DESC LIMIT 1`,
    afterModified: `${byModified} AND c.modified > ? ORDER BY c.modified LIMIT 1`,
    // R10: newest timestamp, then higher id.
    byKey: `${selects.through('drayer_key')} AND i.type = ? AND i.key = ?
      ORDER BY i.timestamp DESC, i.id DESC`,
  };
}

/** The queries for the value of one record, by its id. */
export function valueSql(selects: Selects): Readonly<Record<'value' | 'size' | 'slice', string>> {
  const from = `FROM record ${selects.by('drayer_id')} WHERE chain = x'' AND id = ?`;
  return {
    value: `SELECT value ${from}`,
    size: `SELECT length(value) AS size ${from}`,
    slice: `SELECT substr(value, ?, ?) AS value ${from}`,
  };
}
