/** How often something may be done for each of many: an address, a stream. Forgets the longest unused. */

/** How often. */
export type Limit = {
  /** So many at once. */
  readonly burst: number;
  /** One more after so long, ms. */
  readonly everyMs: number;
};

const MOST_KEYS = 1024;

/** Counts for each key. The clock is ms on any scale that does not jump. */
export class Limiter {
  readonly #limit: Limit;
  readonly #clockMs: () => number;
  readonly #mostKeys: number;
  /** When all of the burst will be there again; the key used last stands last. */
  readonly #fullAt = new Map<string, number>();

  constructor(limit: Limit, clockMs: () => number, mostKeys: number = MOST_KEYS) {
    this.#limit = limit;
    this.#clockMs = clockMs;
    this.#mostKeys = mostKeys;
  }

  /** Tells whether there is one more for `key`, and takes it. */
  take(key: string): boolean {
    const may = this.has(key);
    if (may) this.#use(key);
    return may;
  }

  /** Tells whether there is one more for `key`. */
  has(key: string): boolean {
    const { burst, everyMs } = this.#limit;
    const now = this.#clockMs();
    const missing = Math.max(0, (this.#fullAt.get(key) ?? now) - now) / everyMs;
    return missing <= burst - 1;
  }

  /** As if nothing had been taken for `key`. */
  forgive(key: string): void {
    this.#fullAt.delete(key);
  }

  #use(key: string): void {
    const now = this.#clockMs();
    const fullAt = Math.max(now, this.#fullAt.get(key) ?? now) + this.#limit.everyMs;
    this.#fullAt.delete(key);
    this.#fullAt.set(key, fullAt);
    const [oldest] = this.#fullAt.keys();
    if (this.#fullAt.size > this.#mostKeys && oldest !== undefined) this.#fullAt.delete(oldest);
  }
}
