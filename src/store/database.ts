/**
 * One connection to a stream file: pragmas, cached statements, transactions, and the translation of
 * SQLite's errors. The only file that imports better-sqlite3. What the tables mean is in schema.ts.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { storeError } from './sqlite-error.ts';

/** What a statement takes as a parameter. */
export type Parameter = string | number | Uint8Array | null;

/** A prepared statement that throws only {@link DrayerError}. */
export type Query<Row> = {
  /** The first row, if any. */
  get(...parameters: Parameter[]): Row | undefined;
  /** All rows. */
  all(...parameters: Parameter[]): Row[];
  /** Runs a statement that returns no rows; returns how many it changed. */
  run(...parameters: Parameter[]): number;
};

/** Page cache, KB: SQLite's own choice; less where pages are only added, and seldom looked at again. */
const CACHE_KB = 16_000;
const BULK_CACHE_KB = 6144;
/** How long a connection waits for another process's transaction, in ms. */
const BUSY_MS = 5000;

/** A connection to one stream file; {@link Connection.close} may be called twice. */
export class Connection {
  /** The file, as it was given. */
  readonly path: string;
  /** It reads a copy, as the file was when it was opened. */
  readonly isCopy: boolean;
  readonly #database: Database.Database;
  readonly #queries = new Map<string, Query<unknown>>();
  #counter: Database.Statement | undefined;

  constructor(path: string, database: Database.Database, isCopy = false) {
    this.path = path;
    this.isCopy = isCopy;
    this.#database = database;
  }

  /** Where that is, absolute; also when the program works in another folder since. */
  get file(): string {
    return this.#database.name;
  }

  /** Returns the statement for this SQL text, prepared once per connection. */
  query<Row>(sql: string): Query<Row> {
    const known = this.#queries.get(sql);
    // The text decides the row type: each text stands at one place, beside its row type.
    if (known !== undefined) return known as Query<Row>;
    const query = this.#prepare<Row>(sql);
    this.#queries.set(sql, query as Query<unknown>);
    return query;
  }

  /** Runs statements without parameters or results. */
  run(sql: string): void {
    this.#guard(() => this.#database.exec(sql));
  }

  /** Runs a pragma; returns the first column of its first row. */
  pragma(text: string): unknown {
    return this.#guard(() => this.#database.pragma(text, { simple: true }));
  }

  /** Tells whether a transaction is open. */
  get inTransaction(): boolean {
    return this.#database.inTransaction;
  }

  /** Runs `body` in one read transaction: it sees one generation. Nests. */
  reading<T>(body: () => T): T {
    return this.#transaction('BEGIN', body);
  }

  /** Begins a read transaction and returns what ends it; that may be called twice. */
  pin(): () => void {
    this.run('BEGIN');
    // BEGIN alone takes no snapshot of the file; the first read does.
    this.query('SELECT count(*) FROM sqlite_schema').get();
    return () => {
      if (this.#database.open && this.inTransaction) this.run('COMMIT');
    };
  }

  /**
   * Runs `body` in one write transaction; nothing of it stays when it throws. Nests.
   * Waits {@link BUSY_MS} for another process, without yielding.
   *
   * @throws {DrayerError} STREAM_BUSY when the other process did not finish in time
   */
  writing<T>(body: () => T): T {
    return this.#transaction('BEGIN IMMEDIATE', body);
  }

  /** A number that changes whenever another connection commits to this file. */
  changeCounter(): number {
    // Asked before many an answer: a bare value takes half the time of a row.
    return this.#guard(() => {
      this.#counter ??= this.#database.prepare('PRAGMA data_version').pluck();
      return Number(this.#counter.get());
    });
  }

  /**
   * Moves the write-ahead log into the file and cuts it to nothing (R7), without waiting.
   *
   * @returns whether that was possible; a reader in the middle of a transaction prevents it
   */
  truncateLog(): boolean {
    // The first column is 1 where a reader was in the way.
    return this.#withoutWaiting(() => this.pragma('wal_checkpoint(TRUNCATE)') === 0);
  }

  /** Writes the whole file anew, without what was deleted; not in a transaction, never waits. */
  writeAnew(): void {
    this.#withoutWaiting(() => this.run('VACUUM'));
  }

  /** Lays the file out in pages of this size, unless somebody else has it open. Not while it has a log. */
  layOut(pageBytes: number): void {
    if (this.pragma('page_size') === pageBytes) return;
    this.run(`PRAGMA page_size = ${pageBytes}`);
    try {
      this.writeAnew();
    } catch (error) {
      // It is only slower.
      if (!isDrayerError(error, 'STREAM_BUSY')) throw error;
    }
  }

  /**
   * Writes with a rollback journal instead of the write-ahead log until {@link useLog}: large
   * values are then written once instead of twice, in a quarter of the time, equally safe. Only
   * possible while nobody else has the file open.
   *
   * @returns whether it was possible
   */
  useRollbackJournal(): boolean {
    return this.#withoutWaiting(() => {
      try {
        if (this.pragma('journal_mode = DELETE') !== 'delete') return false;
        this.run(`PRAGMA cache_size = -${BULK_CACHE_KB}`);
        return true;
      } catch (error) {
        if (isDrayerError(error, 'STREAM_BUSY')) return false;
        throw error;
      }
    });
  }

  /** Writes through the write-ahead log: readers and one writer do not wait for each other. */
  useLog(): void {
    try {
      this.run(`PRAGMA cache_size = -${CACHE_KB}`);
      this.pragma('journal_mode = WAL');
    } catch (error) {
      // Somebody else has the file open in another mode: it is written with that, until the next
      // open.
      if (!isDrayerError(error, 'STREAM_BUSY')) throw error;
    }
  }

  /** Closes the connection. */
  close(): void {
    if (this.#database.open) this.#database.close();
  }

  #withoutWaiting<T>(body: () => T): T {
    this.pragma('busy_timeout = 0');
    try {
      return body();
    } finally {
      this.pragma(`busy_timeout = ${BUSY_MS}`);
    }
  }

  #transaction<T>(begin: string, body: () => T): T {
    if (this.inTransaction) return body();
    // Reads are prepared once: exec would parse the text for every answer.
    const run = (sql: string) => (begin === 'BEGIN' ? this.query(sql).run() : this.run(sql));
    run(begin);
    try {
      const result = body();
      run('COMMIT');
      return result;
    } finally {
      // The body or COMMIT threw. Some errors have rolled back already.
      if (this.inTransaction) this.run('ROLLBACK');
    }
  }

  #prepare<Row>(sql: string): Query<Row> {
    const statement = this.#guard(() => this.#database.prepare<Parameter[], Row>(sql));
    return {
      get: (...parameters) => this.#guard(() => statement.get(...parameters)),
      all: (...parameters) => this.#guard(() => statement.all(...parameters)),
      run: (...parameters) => this.#guard(() => statement.run(...parameters).changes),
    };
  }

  #guard<T>(body: () => T): T {
    try {
      return body();
    } catch (cause) {
      if (this.#database.open) throw storeError(this.path, cause);
      throw new DrayerError('USAGE', `${this.path}: the stream is closed`, { cause });
    }
  }
}

/**
 * Opens a connection with the settings every connection of ours has.
 *
 * @param source - a path, or the bytes of a file for a database in memory
 * @throws {DrayerError} NATIVE_MISSING when better-sqlite3's binary part cannot be loaded
 */
export function connect(
  path: string,
  { readonly = false, create = false, bytes, copy }: ConnectOptions = {},
): Connection {
  // Absolute: ':memory:', 'file:…' and '' are names of files here, whatever SQLite takes them for.
  const file = resolve(copy ?? path);
  if (file !== file.trim()) {
    throw new DrayerError(
      'PATH_INVALID',
      `${path}: SQLite opens no file whose name ends in a space`,
    );
  }
  let database: Database.Database;
  try {
    database = new Database(bytes ?? file, {
      readonly: readonly && bytes === undefined,
      fileMustExist: !create && bytes === undefined,
      timeout: BUSY_MS,
      ...NATIVE,
    });
  } catch (cause) {
    throw storeError(path, cause);
  }
  const connection = new Connection(path, database, (bytes ?? copy) !== undefined);
  try {
    // A schema that came from elsewhere must not run functions, and a damaged cell must be noticed.
    connection.run(
      'PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = 1',
    );
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Where the binary part lies after an ordinary installation: better-sqlite3 looks for it in a dozen places. */
const NATIVE = nativeAt('../build/Release/better_sqlite3.node');

function nativeAt(path: string): { nativeBinding?: string } {
  const nativeBinding = join(
    dirname(createRequire(import.meta.url).resolve('better-sqlite3')),
    path,
  );
  return existsSync(nativeBinding) ? { nativeBinding } : {};
}

/** What {@link connect} is told besides the path. */
export type ConnectOptions = {
  /** No statement may write. */
  readonly readonly?: boolean | undefined;
  /** The file is made if it is not there. */
  readonly create?: boolean | undefined;
  /** The content of a file, opened in memory in place of the file. */
  readonly bytes?: Buffer | undefined;
  /** Path of a copy of the file, opened in its place. */
  readonly copy?: string | undefined;
};

/**
 * Settings of a connection that writes: what is acknowledged is on disk, what is deleted is erased
 * (R7, R11).
 */
export function prepareForWriting(connection: Connection): void {
  // NORMAL, the default in WAL, loses acknowledged commits at a power cut. EXTRA is FULL, and makes
  // the end of a rollback journal durable too.
  connection.run('PRAGMA synchronous = EXTRA; PRAGMA secure_delete = ON');
  connection.useLog();
}
