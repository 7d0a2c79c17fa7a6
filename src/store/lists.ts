/**
 * The lists a stream is read by: pages of either chain, lists of a type, all names. Metadata only,
 * each from a covering index, in pages, so that a connection is never held up by an open cursor.
 */
import type { Micros, SignedRecord } from '../core/record.ts';
import type { Connection } from './database.ts';
import { type RecordRow, recordOf } from './rows.ts';
import type { Selects } from './sqlite-view.ts';

/** What {@link Lists.ofType} is told. */
export type ListOptions = {
  /** By place in the id chain or in the modified chain; descending. */
  readonly order: 'id' | 'modified';
  /** Only above this id or `modified`, exclusive. */
  readonly after?: number | undefined;
  /** Only below this id or `modified`, exclusive. */
  readonly before?: number | undefined;
  /** At most so many. */
  readonly limit: number;
};

/** One line of a list. */
export type ListItem = { readonly key: string; readonly id: number; readonly modified: Micros };

/** A record, and of its value what was asked for. */
export type ValuedRecord = {
  readonly record: SignedRecord;
  /** Bytes of its value; undefined where that is not held. */
  readonly size: number | undefined;
  /** Undefined also where it is larger than was asked for. */
  readonly value: Uint8Array | undefined;
};

const PAGE = 256;

/** The lists of one stream file. */
export class Lists {
  readonly #connection: Connection;
  readonly #sql: ReturnType<typeof listSql>;

  constructor(connection: Connection, selects: Selects) {
    this.#connection = connection;
    this.#sql = listSql(selects);
  }

  /** At most `limit` records with a higher `modified`, ascending. */
  since(modified: Micros, limit: number): SignedRecord[] {
    return this.#records(this.#sql.since, modified, limit);
  }

  /** The same with the sizes of their values, and with the values of at most `inlineBytes`. */
  valuesSince(modified: Micros, limit: number, inlineBytes: number): ValuedRecord[] {
    type Row = RecordRow & { readonly size: number | null; readonly value: Uint8Array | null };
    const rows = this.#connection.query<Row>(this.#sql.valuesSince);
    return rows.all(inlineBytes, modified, limit).map((row) => ({
      record: recordOf(row, this.#connection.path),
      size: row.size ?? undefined,
      value: row.value instanceof Uint8Array ? row.value : undefined,
    }));
  }

  /** How many records have a higher `modified`. */
  countSince(modified: Micros): number {
    const sql = "SELECT count(*) AS n FROM record WHERE chain = x'' AND modified > ?";
    return this.#connection.query<{ n: number }>(sql).get(modified)?.n ?? 0;
  }

  /** Whether the value of one of them is not held. Reads all of them. */
  lacksSince(modified: Micros): boolean {
    const sql = `SELECT 1 AS n FROM record
      WHERE chain = x'' AND modified > ? AND value IS NULL LIMIT 1`;
    return this.#connection.query<{ n: number }>(sql).get(modified) !== undefined;
  }

  /** The record with the greatest `prevChange` that is not above `old`. */
  repair(old: Micros): SignedRecord | undefined {
    const highest = this.#connection
      .query<{ n: number | null }>(
        "SELECT max(prevchange) AS n FROM record WHERE chain = x'' AND prevchange <= ?",
      )
      .get(old)?.n;
    if (highest === null || highest === undefined) return undefined;
    // A record comes after what it points at; in a sound chain it is the very next one.
    return this.#records(this.#sql.pointingAt, highest, highest)[0];
  }

  /** A record with this hash, if any. */
  byHash(hash: Uint8Array): SignedRecord | undefined {
    return this.#records(this.#sql.byHash, hash)[0];
  }

  /** At most `limit` records of a type, the newest first. */
  ofType(type: string, options: ListOptions): ListItem[] {
    const { order, after = 0, before = Number.MAX_SAFE_INTEGER, limit } = options;
    const sql = order === 'id' ? this.#sql.ofTypeById : this.#sql.ofTypeByModified;
    const records = this.#records(sql, type, after, before, limit);
    return records.map(({ key, id, modified }) => ({ key, id, modified }));
  }

  /**
   * The records that count (R10), of one type or of all, ordered by type and key (as UTF-8). Reads
   * in pages: what is written meanwhile is seen or not.
   *
   * @param from - first key of a type that is named, inclusive
   */
  *entries(type?: string | undefined, from = ''): Generator<SignedRecord, void, undefined> {
    let [lastType, lastKey] = [type ?? '', from];
    let isFirst = true;
    while (true) {
      const sql = this.#sql.entries(type !== undefined, isFirst);
      const page = this.#records(sql, lastType, lastKey, PAGE);
      for (const record of page) {
        // Of one type and key the one that counts comes first; the others are passed over.
        if (!isFirst && record.type === lastType && record.key === lastKey) continue;
        isFirst = false;
        [lastType, lastKey] = [record.type, record.key];
        yield record;
      }
      if (page.length < PAGE) return;
    }
  }

  /** Ids of the records that lose to another one of their type and key (R10). Reads all names. */
  losers(): number[] {
    const pairs = this.#connection.query<{ type: string; key: string }>(this.#sql.pairs).all();
    return pairs.flatMap(({ type, key }) =>
      this.#records(this.#sql.byKey, type, key)
        .slice(1)
        .map((record) => record.id),
    );
  }

  #records(sql: string, ...parameters: (string | number | Uint8Array)[]): SignedRecord[] {
    const rows = this.#connection.query<RecordRow>(sql).all(...parameters);
    return rows.map((row) => recordOf(row, this.#connection.path));
  }
}

function listSql(selects: Selects) {
  const byKey = selects.through('drayer_key');
  const order = 'ORDER BY i.type, i.key, i.timestamp DESC, i.id DESC LIMIT ?';
  return {
    since: `${selects.byModified()} AND c.modified > ? ORDER BY c.modified LIMIT ?`,
    valuesSince: selects.valuesSince(),
    pointingAt: `${selects.byModified()} AND c.modified > ? AND c.prevchange = ?
      ORDER BY c.modified LIMIT 1`,
    byHash: `${selects.through('drayer_hash')} AND i.hash = ? LIMIT 1`,
    ofTypeById: `${selects.through('drayer_type_id')} AND i.type = ? AND i.id > ? AND i.id < ?
      ORDER BY i.id DESC LIMIT ?`,
    ofTypeByModified: `${selects.through('drayer_type_modified')} AND i.type = ?
      AND i.modified > ? AND i.modified < ? ORDER BY i.modified DESC LIMIT ?`,
    pairs: `SELECT type, key FROM record ${selects.by('drayer_key')} WHERE chain = x''
      GROUP BY type, key HAVING count(*) > 1`,
    byKey: `${byKey} AND i.type = ? AND i.key = ? ORDER BY i.timestamp DESC, i.id DESC`,
    entries: (isOneType: boolean, isFirst: boolean): string => {
      const from = isFirst ? '>=' : '>';
      return isOneType
        ? `${byKey} AND i.type = ? AND i.key ${from} ? ${order}`
        : `${byKey} AND (i.type, i.key) ${from} (?, ?) ${order}`;
    },
  };
}
