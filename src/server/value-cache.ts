/**
 * Values that are being sent right now, shared by all who are sent the same: fifty slow readers of
 * a film hold it once, not fifty times. Nothing is kept for later: once the last response is done, the
 * value is free to go.
 */

/** The values on their way, by hash. */
export class ValueCache {
  readonly #values = new Map<string, WeakRef<Uint8Array>>();
  readonly #gone = new FinalizationRegistry<string>((key) => {
    if (this.#values.get(key)?.deref() === undefined) this.#values.delete(key);
  });

  /** Returns the value of this hash, read with `read` if nobody holds it. */
  share(hash: Uint8Array, read: () => Uint8Array | undefined): Uint8Array | undefined {
    const key = Buffer.from(hash).toString('latin1');
    const held = this.#values.get(key)?.deref();
    if (held !== undefined) return held;
    const value = read();
    if (value === undefined) return undefined;
    this.#values.set(key, new WeakRef(value));
    this.#gone.register(value, key);
    return value;
  }
}
