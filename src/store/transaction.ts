/**
 * What a transaction of the library collects: one batch, one generation. Reads see what the
 * transaction has done so far, over the stream as it was when the transaction began.
 */
import { hash } from '#crypto';
import type { Batch, Put } from '../core/batch.ts';
import { nameOf } from '../core/chain.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual, type Micros, PRIMARY_SERVERS_KEY, PROTOCOL_TYPE } from '../core/record.ts';
import { encodeFile, inflateFile } from '../files/file-record.ts';
import { findPathFault } from '../files/site-path.ts';
import { shouldStore } from '../files/stored-media.ts';
import {
  decodeObject,
  encodeObject,
  encodePost,
  encodePrimaryServers,
  type PrimaryServer,
} from '../files/values.ts';
import type { PreparedValues } from './prepared-values.ts';
import type { StreamReader } from './reader.ts';
import { FILE_TYPE, OBJECT_TYPE, POST_TYPE, readBytes } from './typed-reads.ts';

/** How a value is written. */
export type WriteOptions = {
  /** The application's time; now by default. */
  readonly timestamp?: Micros | undefined;
};

/** How a file is written. */
export type PutFileOptions = WriteOptions & {
  /** The file's own modification time; now by default. */
  readonly timeMicros?: Micros | undefined;
};

type Pending = { readonly put: Put | undefined; readonly type: string; readonly key: string };

/** What {@link Transaction} works with. */
export type TransactionOptions = {
  readonly reader: StreamReader;
  readonly prepared: PreparedValues;
  readonly now: () => Micros;
};

/**
 * The object a transaction's function is given. Nothing is signed or stored before that returns.
 */
export class Transaction {
  readonly #options: TransactionOptions;
  readonly #pending = new Map<string, Pending>();
  #isEnded = false;

  /** Use {@link Stream.transaction}. */
  constructor(options: TransactionOptions) {
    this.#options = options;
  }

  /** Puts an object under a key (type `obj`, msgpack). */
  set(key: string, object: unknown): this {
    return this.setBytes(OBJECT_TYPE, key, encodeObject(object));
  }

  /** Returns the object under a key, undefined where there is none. */
  get(key: string): unknown {
    const value = this.getBytes(OBJECT_TYPE, key);
    return value && decodeObject(value);
  }

  /** Tells whether there is an object under a key. */
  has(key: string): boolean {
    return this.hasBytes(OBJECT_TYPE, key);
  }

  /** Deletes the object under a key; tells whether there was one. */
  delete(key: string): boolean {
    return this.deleteBytes(OBJECT_TYPE, key);
  }

  /** Puts a value of any type. It must not be changed before the transaction ends. */
  setBytes(type: string, key: string, value: Uint8Array, options: WriteOptions = {}): this {
    this.#checkOpen();
    const digest = hash(value);
    this.#options.prepared.put(digest, value);
    const put: Put = { type, key, hash: digest, timestamp: options.timestamp };
    this.#pending.set(nameOf(type, key), { type, key, put });
    return this;
  }

  /** Returns a value, undefined where there is none. */
  getBytes(type: string, key: string): Uint8Array | undefined {
    const pending = this.#pending.get(nameOf(type, key));
    if (pending !== undefined) return pending.put && this.#options.prepared.get(pending.put.hash);
    return readBytes(this.#options.reader, type, key);
  }

  /** Tells whether there is a record of this type and key. */
  hasBytes(type: string, key: string): boolean {
    const pending = this.#pending.get(nameOf(type, key));
    if (pending !== undefined) return pending.put !== undefined;
    return this.#options.reader.findRecord(type, key) !== undefined;
  }

  /** Deletes a record of any type; tells whether there was one. */
  deleteBytes(type: string, key: string): boolean {
    this.#checkOpen();
    const isThere = this.hasBytes(type, key);
    if (isThere) this.#pending.set(nameOf(type, key), { type, key, put: undefined });
    return isThere;
  }

  /**
   * Puts a file of the site. Content that is there already keeps its value, time included (R24).
   *
   * @throws {DrayerError} PATH_INVALID when the key is no site path
   */
  putFile(key: string, content: Uint8Array, options: PutFileOptions = {}): this {
    const fault = findPathFault(key);
    if (fault !== undefined) {
      throw new DrayerError('PATH_INVALID', `${JSON.stringify(key)}: ${fault}`);
    }
    const { timestamp, timeMicros = this.#options.now() } = options;
    const held = this.getBytes(FILE_TYPE, key);
    const isSame = held !== undefined && hasContent(held, content);
    const value = isSame ? held : encodeFile(content, { timeMicros, stored: shouldStore(key) });
    return this.setBytes(FILE_TYPE, key, value, { timestamp });
  }

  /** Deletes a file of the site; tells whether there was one. */
  deleteFile(key: string): boolean {
    return this.deleteBytes(FILE_TYPE, key);
  }

  /** Puts a post. */
  putPost(title: string, text: string, options: WriteOptions = {}): this {
    return this.setBytes(POST_TYPE, title, encodePost(text), options);
  }

  /** Deletes a post; tells whether there was one. */
  deletePost(title: string): boolean {
    return this.deleteBytes(POST_TYPE, title);
  }

  /** Names the servers that mirrors should ask first (R26). */
  setPrimaryServers(servers: readonly PrimaryServer[]): this {
    return this.setBytes(PROTOCOL_TYPE, PRIMARY_SERVERS_KEY, encodePrimaryServers(servers));
  }

  /** Ends the transaction; returns what was collected, in the order in which it was first named. */
  end(): Batch {
    this.#isEnded = true;
    const pending = [...this.#pending.values()];
    return {
      puts: pending.flatMap(({ put }) => put ?? []),
      deletes: pending.filter(({ put }) => put === undefined),
    };
  }

  #checkOpen(): void {
    if (this.#isEnded) throw new DrayerError('USAGE', 'expected no writes after the transaction');
  }
}

function hasContent(value: Uint8Array, content: Uint8Array): boolean {
  try {
    return bytesEqual(inflateFile(value, content.length), content);
  } catch (error) {
    // Longer than this, or a value of another program that is no file: it is replaced.
    if (isDrayerError(error, 'FILE_RECORD_INVALID')) return false;
    throw error;
  }
}
