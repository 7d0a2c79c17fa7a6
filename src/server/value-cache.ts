/**
 * Values that are being sent right now, shared by all who are sent the same: fifty slow readers of
 * a film hold it once, not fifty times. Nothing is kept for later: once the last response is done, the
 * value is free to go.
 */

/** The values on their way, by hash. */
export class ValueCache {
  readonly #values = new Map<string, Shared>();
  readonly #gone = new FinalizationRegistry<string>((key) => {
    if (this.#values.get(key)?.buffer.deref() === undefined) this.#values.delete(key);
  });

  /** Returns the value of this hash, read with `read` if nobody holds it. */
  share(hash: Uint8Array, read: () => Uint8Array | undefined): Uint8Array | undefined {
    const key = Buffer.from(hash).toString('latin1');
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

type Shared = {
  readonly buffer: WeakRef<ArrayBufferLike>;
  readonly start: number;
  readonly length: number;
};
