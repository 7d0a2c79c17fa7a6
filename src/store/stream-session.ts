/**
 * One open stream: its connection, its transactions and commits, and who hears of them. What a
 * stream is used like is in stream.ts, how one is made and opened in open-stream.ts.
 */
import type { Batch } from '../core/batch.ts';
import { DrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import {
  type BatchSource,
  type CommitOptions,
  Committer,
  type CommitterOptions,
  type CommitValues,
} from './commit.ts';
import { Compactor } from './compactor.ts';
import type { Connection } from './database.ts';
import { LocalAttributes } from './local-attributes.ts';
import { PreparedValues } from './prepared-values.ts';
import type { Generation, StreamReader } from './reader.ts';
import type { ValueSource } from './rows.ts';
import { StatCache } from './stat-cache.ts';
import { Transaction } from './transaction.ts';

/** What a {@link StreamSession} is made of. */
export type SessionParts = {
  readonly connection: Connection;
  readonly reader: StreamReader;
  readonly now: () => Micros;
  /** What writing needs; or, undefined, the reason why it cannot be. */
  readonly writer:
    | Pick<CommitterOptions, 'secretKey' | 'markPath' | 'hasSnapshots' | 'lifetimeMicros'>
    | DrayerError;
};

/** An open stream without the manners of a map. {@link StreamSession.close} may be called twice. */
export class StreamSession {
  /** Everything that can be read of a stream, over this stream's connection. */
  readonly reader: StreamReader;
  /** What the publisher remembers of disk files. */
  readonly statCache: StatCache;
  /** Facts kept in the file for this machine only. */
  readonly local: LocalAttributes;
  readonly #now: () => Micros;
  readonly #prepared: PreparedValues;
  readonly #committer: Committer | undefined;
  readonly #compactor: Compactor | undefined;
  readonly #obstacle: DrayerError | undefined;
  readonly #listeners = new Set<(generation: Generation) => void>();
  #seenTip: Micros;
  #isInTransaction = false;
  #isClosed = false;

  /** Use {@link createStream} or {@link openStream}. */
  constructor({ connection, reader, now, writer }: SessionParts) {
    this.reader = reader;
    this.statCache = new StatCache(connection);
    this.local = new LocalAttributes(connection);
    this.#now = now;
    this.#prepared = new PreparedValues(reader.path);
    if (writer instanceof DrayerError) this.#obstacle = writer;
    else {
      this.#compactor = new Compactor(connection, this.local);
      this.#committer = new Committer({
        connection,
        reader,
        compactor: this.#compactor,
        now,
        ...writer,
      });
    }
    this.#committer?.catchUp();
    this.#seenTip = reader.view.modifiedTip();
  }

  /** The file, as it was given. */
  get path(): string {
    return this.reader.path;
  }

  /** The stream id: the public key in base64. */
  get id(): string {
    return this.reader.id;
  }

  /** 32 bytes. */
  get publicKey(): Uint8Array {
    return this.reader.publicKey;
  }

  /** Whether the private key is there and the file can be written. */
  get writable(): boolean {
    return this.#committer !== undefined;
  }

  /**
   * Makes all changes of a function one generation: all of them, or none if it throws. Other
   * processes cannot write in between, so what it reads is what it changes.
   *
   * @returns what the function returns
   * @throws {DrayerError} USAGE when the function returns a promise, or writes through the stream
   *   instead of the transaction
   * @example
   * stream.transaction((tx) => tx.set('visits', Number(tx.get('visits') ?? 0) + 1));
   */
  transaction<T>(body: (tx: Transaction) => T): T {
    const { reader } = this;
    // Apart from what a publisher may be preparing at the same time.
    const prepared = new PreparedValues(this.path);
    const tx = new Transaction({ reader, prepared, now: this.#now });
    let result: { value: T } | undefined;
    const source = (): Batch => {
      result = { value: this.#collect(tx, body) };
      return tx.end();
    };
    try {
      this.#commit(source, { prepared });
    } finally {
      tx.end();
      prepared.clear();
    }
    // The committer has asked for the batch, or thrown; the compiler cannot see that a callback has
    // set it.
    return (result as unknown as { value: T }).value;
  }

  /**
   * Commits a batch that is known by its hashes (R11). Values come from {@link prepareValue}, from
   * `values`, or from a record that has the same hash.
   *
   * @param source - a batch; or a function that makes it inside the transaction, of the stream as
   *   it then is
   * @returns the generation there is now, a new one unless nothing changed
   */
  commit(source: BatchSource, values?: ValueSource, options?: CommitOptions): Generation {
    const from = { prepared: this.#prepared, given: values };
    const generation = this.#commit(source, from, options);
    this.#prepared.clear();
    return generation ?? this.reader.generation();
  }

  /**
   * Makes a new snapshot where less than half of the lifetime is left that the stream was opened
   * with, so that visitors do not call it stale (R20).
   *
   * @returns whether that was so
   */
  renewSnapshot(): boolean {
    const source = { puts: [], deletes: [] };
    return this.#commit(source, { prepared: this.#prepared, renew: true }) !== undefined;
  }

  /**
   * Keeps a value for the next commit: in memory, above 16 MB in a file without a name.
   *
   * @param hash - H(value), not checked again
   * @param value - must not be changed before the commit
   */
  prepareValue(hash: Uint8Array, value: Uint8Array): void {
    this.#writer();
    this.#prepared.put(hash, value);
  }

  /** Lets go of what was prepared, for a batch that is not committed after all. */
  discardPrepared(): void {
    this.#prepared.clear();
  }

  /**
   * Calls a function after each commit of this object, and for commits of others when {@link
   * refresh} finds them. What it throws comes out of the call that committed; the commit stands.
   *
   * @returns a function that ends this
   */
  on(event: 'change', listener: (generation: Generation) => void): () => void {
    if (event !== 'change')
      throw new DrayerError('USAGE', `expected 'change', got ${String(event)}`);
    // A function of its own, so that the same listener may be given twice.
    const entry = (generation: Generation): void => listener(generation);
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  /** Looks for commits of other processes; returns the generation there is now. */
  refresh(): Generation {
    const generation = this.reader.generation();
    this.#announce(generation);
    return generation;
  }

  /**
   * Erases the last traces of what was deleted (R7), by writing the file anew: 7 ms for each MB. Up
   * to 128 MB this happens by itself when the stream is closed.
   *
   * @throws {DrayerError} STREAM_BUSY, STORAGE_FAILED when it cannot be done now
   */
  compact(): void {
    this.#writer();
    this.#compactor?.compact();
  }

  /** Closes the file. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listeners.clear();
    this.#prepared.clear();
    this.#compactor?.finish();
    this.reader.close();
  }

  #writer(): Committer {
    if (this.#isClosed) throw new DrayerError('USAGE', `${this.path}: the stream is closed`);
    if (this.#committer !== undefined) return this.#committer;
    throw this.#obstacle ?? new DrayerError('STREAM_READ_ONLY', `${this.path}: cannot be written`);
  }

  #commit(
    source: BatchSource,
    values: CommitValues,
    options?: CommitOptions,
  ): Generation | undefined {
    const writer = this.#writer();
    if (this.#isInTransaction) {
      throw new DrayerError('USAGE', 'expected writes inside a transaction to go through it', {
        hint: 'call the methods of the object the transaction function is given',
      });
    }
    const generation = writer.commit(source, values, options);
    if (generation !== undefined) this.#announce(generation);
    return generation;
  }

  #collect<T>(tx: Transaction, body: (tx: Transaction) => T): T {
    this.#isInTransaction = true;
    try {
      const result = body(tx);
      checkNoPromise(result);
      return result;
    } finally {
      this.#isInTransaction = false;
    }
  }

  #announce(generation: Generation): void {
    if (generation.tip === this.#seenTip) return;
    this.#seenTip = generation.tip;
    for (const listener of [...this.#listeners]) listener(generation);
  }
}

function checkNoPromise(value: unknown): void {
  const isPromise = typeof value === 'object' && value !== null && 'then' in value;
  if (!isPromise) return;
  throw new DrayerError('USAGE', 'expected a transaction function without promises', {
    hint: 'await what is needed first, then change the stream in one go',
  });
}
