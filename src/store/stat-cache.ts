/**
 * What the publisher remembers of the disk files behind a stream, so that a file that has not been
 * touched is not read again. Local: it says nothing about the stream and may be lost at any time.
 */
import type { Micros } from '../core/record.ts';
import type { Connection } from './database.ts';
import { LocalAttributes } from './local-attributes.ts';

/** A disk file as it was when it was last published. */
export type StatEntry = {
  /** The site path, as in the record. */
  readonly key: string;
  /** What told the file's state then; to be compared, nothing else. */
  readonly stamp: string;
  /** H(value of the record made of it): the entry holds while the record has this hash. */
  readonly valueHash: Uint8Array;
};

/** What {@link StatCache.save} changes. */
export type StatChanges = {
  /** New, or instead of those of the same key. */
  readonly entries: Iterable<StatEntry>;
  /** Keys of entries to drop. */
  readonly gone: Iterable<string>;
  /** See {@link StatCache.complete}. */
  readonly complete: CompleteState | undefined;
};

/** See {@link StatCache.complete}. */
export type CompleteState = {
  /** Tip of the stream. */
  readonly tip: Micros;
  /** Tells the state of all disk files together; to be compared, nothing else. */
  readonly digest: string;
};

/** Attribute of a stream: the state its stat cache is complete for. */
const COMPLETE_ATTRIBUTE = 'stat';

/** The stat cache of one stream file. */
export class StatCache {
  readonly #connection: Connection;
  readonly #attributes: LocalAttributes;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#attributes = new LocalAttributes(connection);
  }

  /** Returns all entries by site path. */
  all(): Map<string, StatEntry> {
    const rows = this.#connection
      .query<StatEntry>('SELECT key, stamp, value_hash AS valueHash FROM drayer_stat')
      .all();
    return new Map(rows.map((row) => [row.key, row]));
  }

  /**
   * The tip of the stream for which every file record has an entry, and every entry its record, and
   * the digest of those files; while both are the same, nothing needs to be compared one by one.
   * Undefined for none.
   */
  complete(): CompleteState | undefined {
    const [tip, digest] = this.#attributes.get(COMPLETE_ATTRIBUTE)?.split(' ') ?? [];
    return digest === undefined ? undefined : { tip: Number(tip), digest };
  }

  /** Changes entries, in one transaction. */
  save({ entries, gone, complete }: StatChanges): void {
    this.#connection.writing(() => {
      const save = this.#connection.query(
        'INSERT OR REPLACE INTO drayer_stat (key, stamp, value_hash) VALUES (?, ?, ?)',
      );
      for (const { key, stamp, valueHash } of entries) save.run(key, stamp, valueHash);
      const drop = this.#connection.query('DELETE FROM drayer_stat WHERE key = ?');
      for (const key of gone) drop.run(key);
      const state = complete && `${complete.tip} ${complete.digest}`;
      this.#attributes.set(COMPLETE_ATTRIBUTE, state);
    });
  }
}
