/**
 * A stream as the library's user has it: like a map, plus files, posts and primary servers. With
 * the private key it writes, without it reads.
 */
import { inflateFile } from '../files/file-record.ts';
import { MAX_FILE_BYTES } from '../files/site-path.ts';
import { decodeObject, decodePost, type PrimaryServer } from '../files/values.ts';
import { StreamSession } from './stream-session.ts';
import type { PutFileOptions, WriteOptions } from './transaction.ts';
import {
  FILE_TYPE,
  OBJECT_TYPE,
  POST_TYPE,
  type Post,
  readBytes,
  readEntries,
  readPosts,
  readPrimaryServers,
} from './typed-reads.ts';

/** What iterating over a stream gives. */
export type Entries = Generator<[key: string, value: unknown], void, undefined>;

/**
 * An open stream. Each call that writes is a transaction of its own; {@link Stream.transaction}
 * makes several changes one generation. Use {@link createStream} or {@link openStream}.
 */
export class Stream extends StreamSession {
  /** Puts an object under a key (type `obj`, msgpack). One generation, unless nothing changes. */
  set(key: string, object: unknown): this {
    this.transaction((tx) => tx.set(key, object));
    return this;
  }

  /** Returns the object under a key, undefined where there is none. */
  get(key: string): unknown {
    const value = this.getBytes(OBJECT_TYPE, key);
    return value && decodeObject(value);
  }

  /** Tells whether there is an object under a key. */
  has(key: string): boolean {
    return this.reader.findRecord(OBJECT_TYPE, key) !== undefined;
  }

  /** Deletes the object under a key; tells whether there was one. */
  delete(key: string): boolean {
    return this.transaction((tx) => tx.delete(key));
  }

  /** The keys of a type, ordered by their UTF-8 bytes. Writing meanwhile is allowed. */
  *keys({ type = OBJECT_TYPE }: { readonly type?: string | undefined } = {}): Generator<string> {
    for (const { key } of this.reader.entries({ type })) yield key;
  }

  /**
   * Key and value of each record of a type, ordered by key (as UTF-8): objects for type `obj`,
   * bytes for others. Writing meanwhile is allowed; what was deleted meanwhile is passed over.
   */
  entries({ type = OBJECT_TYPE }: { readonly type?: string | undefined } = {}): Entries {
    return readEntries(this.reader, type);
  }

  /** As {@link Stream.entries}. */
  [Symbol.iterator](): Entries {
    return this.entries();
  }

  /** Puts a value of any type. */
  setBytes(type: string, key: string, value: Uint8Array, options: WriteOptions = {}): this {
    this.transaction((tx) => tx.setBytes(type, key, value, options));
    return this;
  }

  /**
   * Returns a value of any type, undefined where there is none.
   *
   * @throws {DrayerError} VALUE_NOT_HELD when the record is there and its value is not
   */
  getBytes(type: string, key: string): Uint8Array | undefined {
    return readBytes(this.reader, type, key);
  }

  /** Deletes a record of any type; tells whether there was one. */
  deleteBytes(type: string, key: string): boolean {
    return this.transaction((tx) => tx.deleteBytes(type, key));
  }

  /** Puts a file of the site. */
  putFile(key: string, content: Uint8Array, options: PutFileOptions = {}): this {
    this.transaction((tx) => tx.putFile(key, content, options));
    return this;
  }

  /**
   * Returns the content of a file of the site, undefined where there is none.
   *
   * @param maxBytes - most content bytes to accept; 64 MB by default
   * @throws {DrayerError} FILE_RECORD_INVALID when it is longer, or no file
   */
  getFile(key: string, maxBytes: number = MAX_FILE_BYTES): Uint8Array | undefined {
    const value = this.getBytes(FILE_TYPE, key);
    return value && inflateFile(value, maxBytes);
  }

  /** Deletes a file of the site; tells whether there was one. */
  deleteFile(key: string): boolean {
    return this.transaction((tx) => tx.deleteFile(key));
  }

  /** Puts a post. */
  putPost(title: string, text: string, options: WriteOptions = {}): this {
    this.transaction((tx) => tx.putPost(title, text, options));
    return this;
  }

  /** Returns the text of a post, undefined where there is none. */
  getPost(title: string): string | undefined {
    const value = this.getBytes(POST_TYPE, title);
    return value && decodePost(value);
  }

  /** Deletes a post; tells whether there was one. */
  deletePost(title: string): boolean {
    return this.transaction((tx) => tx.deletePost(title));
  }

  /** The posts, the newest first; editing one does not move it. */
  posts(): Generator<Post, void, undefined> {
    return readPosts(this.reader);
  }

  /** The servers that the stream itself names; empty where it names none. */
  getPrimaryServers(): PrimaryServer[] {
    return readPrimaryServers(this.reader);
  }

  /** Names the servers that mirrors should ask first (R26). */
  setPrimaryServers(servers: readonly PrimaryServer[]): this {
    this.transaction((tx) => tx.setPrimaryServers(servers));
    return this;
  }
}
