/**
 * What the publisher remembers of the disk files behind a stream, so that a file that has not been
 * touched is not read again. Local: it says nothing about the stream and may be lost at any time.
 */
import type { Connection } from './database.ts';

/** A disk file as it was when it was last published. */
export type StatEntry = {
  /** The site path, as in the record. */
  readonly key: string;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ino: bigint;
  /** H(content of the disk file). */
  readonly contentHash: Uint8Array;
  /** H(value of the record made of it): the entry holds while the record has this hash. */
  readonly valueHash: Uint8Array;
};

type StatRow = {
  readonly key: string;
  readonly size: bigint;
  readonly mtime_ns: bigint;
  readonly ino: bigint;
  readonly content_hash: Uint8Array;
  readonly value_hash: Uint8Array;
};

const COLUMNS = 'key, size, mtime_ns, ino, content_hash, value_hash';

/** The stat cache of one stream file. */
export class StatCache {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Returns the entry of one site path. */
  get(key: string): StatEntry | undefined {
    const row = this.#connection
      .query<StatRow>(`SELECT ${COLUMNS} FROM drayer_stat WHERE key = ?`, { wide: true })
      .get(key);
    return row === undefined ? undefined : entryOf(row);
  }

  /** Returns all entries by site path. */
  all(): Map<string, StatEntry> {
    const rows = this.#connection
      .query<StatRow>(`SELECT ${COLUMNS} FROM drayer_stat`, { wide: true })
      .all();
    return new Map(rows.map((row) => [row.key, entryOf(row)]));
  }

  /** Replaces all entries, in one transaction. Entries that stay the same are not written. */
  replaceAll(entries: Iterable<StatEntry>): void {
    this.#connection.writing(() => {
      const old = this.all();
      const save = this.#connection.query(
        `INSERT OR REPLACE INTO drayer_stat (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`,
      );
      for (const entry of entries) {
        const before = old.get(entry.key);
        old.delete(entry.key);
        if (before !== undefined && isSame(before, entry)) continue;
        const { key, size, mtimeNs, ino, contentHash, valueHash } = entry;
        // Inode numbers are unsigned; SQLite's integers are not.
        save.run(key, size, mtimeNs, BigInt.asIntN(64, ino), contentHash, valueHash);
      }
      const drop = this.#connection.query('DELETE FROM drayer_stat WHERE key = ?');
      for (const key of old.keys()) drop.run(key);
    });
  }
}

function entryOf(row: StatRow): StatEntry {
  return {
    key: row.key,
    size: Number(row.size),
    mtimeNs: row.mtime_ns,
    ino: BigInt.asUintN(64, row.ino),
    contentHash: row.content_hash,
    valueHash: row.value_hash,
  };
}

function isSame(a: StatEntry, b: StatEntry): boolean {
  return (
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ino === b.ino &&
    Buffer.compare(a.contentHash, b.contentHash) === 0 &&
    Buffer.compare(a.valueHash, b.valueHash) === 0
  );
}
