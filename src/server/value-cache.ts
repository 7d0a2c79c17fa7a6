/**
 * Values that are being sent right now, shared by all who are sent the same: two hundred slow readers of
 * a film hold it once, not two hundred times. Small ones are in memory, and free to go once the last
 * response is done; large ones are in files (value-spool.ts).
 */
import { type HeldValue, holdInMemory } from './held-bytes.ts';
import { LARGE_BYTES, ValueSpool } from './value-spool.ts';

/** The values on their way, by hash. */
export class ValueCache {
  readonly #values = new Map<string, Shared>();
  readonly #gone = new FinalizationRegistry<string>((key) => {
    if (this.#values.get(key)?.buffer.deref() === undefined) this.#values.delete(key);
  });

  readonly #spool: ValueSpool;

  /** @param directory - where large values are put; default the system's own for temporary files */
  constructor(directory?: string | undefined) {
    this.#spool = new ValueSpool(directory);
  }

  /**
   * Returns a value, read with `read` if nobody holds it.
   *
   * @param id - of the stream it is in
   * @throws {DrayerError} STREAM_BUSY when too many large ones are being sent
   */
  hold(
    { id, hash }: { readonly id: string; readonly hash: Uint8Array },
    read: () => Uint8Array | undefined,
  ): HeldValue | undefined {
    const key = keyOf(hash);
    const spooled = this.#spool.find(id + key);
    if (spooled !== undefined) return spooled;
    const value = this.#share(key, read);
    if (value === undefined) return undefined;
    const large = value.length < LARGE_BYTES ? undefined : this.#spool.add(id + key, value);
    return large ?? holdInMemory(value);
  }

  /** Lets go of what a stream no longer has; asked with the hash of each large value held of it. */
  dropGone(id: string, isGone: (hash: Uint8Array) => boolean): void {
    // Small ones are read again in no time; whoever is being sent one keeps it.
    this.#values.clear();
    this.#spool.dropGone((key) => {
      return key.startsWith(id) && isGone(Buffer.from(key.slice(id.length), 'latin1'));
    });
  }

  /** Idempotent. */
  close(): void {
    this.#spool.close();
  }

  #share(key: string, read: () => Uint8Array | undefined): Uint8Array | undefined {
    const held = this.#values.get(key);
    const buffer = held?.buffer.deref();
    if (held !== undefined && buffer !== undefined) {
      return new Uint8Array(buffer, held.start, held.length);
    }
    const value = read();
    if (value === undefined) return undefined;
    this.#values.set(key, {
      // Of the memory, not of this view: responses hold views of their own.
      buffer: new WeakRef(value.buffer),
      start: value.byteOffset,
      length: value.length,
    });
    this.#gone.register(value.buffer, key);
    return value;
  }
}

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('latin1');
}

type Shared = {
  readonly buffer: WeakRef<ArrayBufferLike>;
  readonly start: number;
  readonly length: number;
};
