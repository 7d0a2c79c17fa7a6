/**
 * Values that are being sent right now, shared by all who are sent the same: two hundred slow readers of
 * a film hold it once, not two hundred times. Small ones are in memory, and free to go once the last
 * response is done; large ones are in files (value-spool.ts).
 */
import { existsSync } from 'node:fs';
import { HASH_BYTES, type SignedRecord } from '../core/record.ts';
import type { StreamReader } from '../store/reader.ts';
import { type HeldValue, holdInMemory } from './held-bytes.ts';
import { factsOf } from './spool-file.ts';
import { type Fill, LARGE_BYTES, type SpoolOptions, ValueSpool } from './value-spool.ts';
import { ValueThread } from './value-thread.ts';

/** A large value, which is fetched when this is called; undefined when it was deleted meanwhile. */
export type DistantValue = () => Promise<HeldValue | undefined>;

/** The values on their way, by hash. */
export class ValueCache {
  readonly #values = new Map<string, Shared>();
  readonly #gone = new FinalizationRegistry<string>((key) => {
    if (this.#values.get(key)?.buffer.deref() === undefined) this.#values.delete(key);
  });
  readonly #spool: ValueSpool;
  readonly #thread = new ValueThread();

  constructor(options?: SpoolOptions | undefined) {
    this.#spool = new ValueSpool(options);
  }

  /**
   * Returns a value, read if nobody holds it; a large one comes from another thread.
   *
   * @returns undefined when the file has the record and not its value (R18)
   * Its function throws STREAM_BUSY when too many large ones are being sent.
   */
  hold(reader: StreamReader, record: SignedRecord): HeldValue | DistantValue | undefined {
    const { id, path } = reader;
    const { hash } = record;
    const key = keyOf(hash);
    const there = this.#spool.find(id + key) ?? this.#find(key);
    if (there !== undefined) return there;
    const size = reader.valueSize(record);
    if (size === undefined) return undefined;
    if (size < LARGE_BYTES) return this.#share(key, reader.readValue(record));
    // A stream that could only be read from a copy has no file that another thread can open.
    const fetch: Fill = existsSync(path)
      ? (fd) => this.#thread.fetch({ path, hash, fd })
      : readNow(reader, record);
    return () => this.#spool.add(id + key, size, fetch);
  }

  /** Keeps what is made of a value beside it, such as its content. */
  get spool(): ValueSpool {
    return this.#spool;
  }

  /** Lets go of what a stream no longer has; asked with the hash of each large value held of it. */
  dropGone(id: string, isGone: (hash: Uint8Array) => boolean): void {
    // Small ones are read again in no time; whoever is being sent one keeps it.
    this.#values.clear();
    this.#spool.dropGone((key) => {
      const hash = key.slice(id.length, id.length + HASH_BYTES);
      return key.startsWith(id) && isGone(Buffer.from(hash, 'latin1'));
    });
  }

  /** Idempotent. */
  close(): void {
    this.#spool.close();
    this.#thread.close();
  }

  #find(key: string): HeldValue | undefined {
    const held = this.#values.get(key);
    const buffer = held?.buffer.deref();
    if (held === undefined || buffer === undefined) return undefined;
    return holdInMemory(new Uint8Array(buffer, held.start, held.length));
  }

  #share(key: string, value: Uint8Array | undefined): HeldValue | undefined {
    if (value === undefined) return undefined;
    this.#values.set(key, {
      // Of the memory, not of this view: responses hold views of their own.
      buffer: new WeakRef(value.buffer),
      start: value.byteOffset,
      length: value.length,
    });
    this.#gone.register(value.buffer, key);
    return holdInMemory(value);
  }
}

function readNow(reader: StreamReader, record: SignedRecord): Fill {
  const bytes = reader.readValue(record);
  return async () => bytes && { facts: factsOf(bytes), bytes };
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('latin1');
}

type Shared = {
  readonly buffer: WeakRef<ArrayBufferLike>;
  readonly start: number;
  readonly length: number;
};
