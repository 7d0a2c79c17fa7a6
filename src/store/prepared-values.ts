/**
 * Values that wait for their commit (R11: values are prepared first). Up to a budget they stay in
 * memory, what comes after goes to a temporary table, so that a large publish needs little memory.
 */
import type { Connection } from './database.ts';

/** Bytes of prepared values that are kept in memory. */
const MEMORY_BYTES: number = 16 * 1024 * 1024;
/** A value larger than this is not worth its memory: writing it out costs little a byte. */
const SMALL_BYTES: number = 256 * 1024;

/** What {@link PreparedValues} is told besides the connection. */
export type PreparedOptions = {
  /** Name of the temporary table; two sets on one connection need two. */
  readonly table?: string | undefined;
  /** Bytes to keep in memory. */
  readonly memoryBytes?: number | undefined;
};

/** A set of prepared values on one connection, by hash. */
export class PreparedValues {
  readonly #connection: Connection;
  readonly #table: string;
  readonly #memoryBytes: number;
  readonly #held = new Map<string, Uint8Array>();
  #heldBytes = 0;
  #spilledBytes = 0;

  constructor(connection: Connection, options: PreparedOptions = {}) {
    const { table = 'drayer_prepared', memoryBytes = MEMORY_BYTES } = options;
    this.#connection = connection;
    this.#table = table;
    this.#memoryBytes = memoryBytes;
  }

  /** How many bytes are kept. */
  get bytes(): number {
    return this.#heldBytes + this.#spilledBytes;
  }

  /** Keeps a value, which must not be changed afterwards. */
  put(hash: Uint8Array, value: Uint8Array): void {
    const name = hashName(hash);
    if (this.#held.has(name)) return;
    const isSmall = value.length <= SMALL_BYTES;
    if (isSmall && this.#heldBytes + value.length <= this.#memoryBytes) {
      this.#held.set(name, value);
      this.#heldBytes += value.length;
      return;
    }
    // SQLite deletes the file of a temporary table when it opens it: a crash leaves nothing behind.
    this.#connection.run(
      `PRAGMA temp.cache_size = -1024; PRAGMA temp.secure_delete = OFF; CREATE TEMP TABLE IF NOT EXISTS ${this.#table} (hash BLOB PRIMARY KEY, value BLOB)`,
    );
    this.#connection
      .query(`INSERT OR IGNORE INTO temp.${this.#table} (hash, value) VALUES (?, ?)`)
      .run(hash, value);
    this.#spilledBytes += value.length;
  }

  /** Returns a value that was kept, or undefined. */
  get(hash: Uint8Array): Uint8Array | undefined {
    const held = this.#held.get(hashName(hash));
    if (held !== undefined || this.#spilledBytes === 0) return held;
    return this.#connection
      .query<{ value: Uint8Array }>(`SELECT value FROM temp.${this.#table} WHERE hash = ?`)
      .get(hash)?.value;
  }

  /** Tells whether a value was kept. */
  has(hash: Uint8Array): boolean {
    if (this.#held.has(hashName(hash))) return true;
    if (this.#spilledBytes === 0) return false;
    const sql = `SELECT 1 AS found FROM temp.${this.#table} WHERE hash = ?`;
    return this.#connection.query<{ found: number }>(sql).get(hash) !== undefined;
  }

  /** Lets all of them go. */
  clear(): void {
    this.#held.clear();
    this.#heldBytes = 0;
    if (this.#spilledBytes > 0) this.#connection.run(`DROP TABLE IF EXISTS temp.${this.#table}`);
    this.#spilledBytes = 0;
  }
}

/** Returns a string for a hash, to be a key in a map. */
export function hashName(hash: Uint8Array): string {
  // Not Buffer.from(hash.buffer): asking for its buffer moves a small array out of the heap.
  return latin1Slice.call(hash, 0, hash.length);
}

const { latin1Slice } = Buffer.prototype;
