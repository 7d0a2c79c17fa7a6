/** How fast bytes come, over about the last second in which they were waited for. */

const WINDOW_MS = 1000;

/** Measures one source, or one body. Time in which nothing is asked for does not count. */
export class Pace {
  #bytes = 0;
  #ms = 0;
  #open = 0;
  #sinceMs = 0;

  /** How many things are being waited for. */
  get open(): number {
    return this.#open;
  }

  /** Whether it has ever been measured. */
  get isKnown(): boolean {
    return this.#bytes > 0;
  }

  /** Something more is waited for. */
  begin(): void {
    this.#settle();
    this.#open += 1;
  }

  /** It has come, or is not waited for any more. */
  end(): void {
    this.#settle();
    this.#open -= 1;
  }

  /** Bytes have come. */
  add(bytes: number): void {
    this.#settle();
    this.#bytes += bytes;
  }

  /** Bytes per second; 0 where nothing came. */
  rate(): number {
    this.#settle();
    return this.#ms === 0 ? 0 : (this.#bytes * 1000) / this.#ms;
  }

  // What is older counts for less and less, by the time that was waited.
  #settle(): void {
    const now = performance.now();
    const waitedMs = this.#open > 0 ? now - this.#sinceMs : 0;
    this.#sinceMs = now;
    if (waitedMs <= 0) return;
    const kept = Math.exp(-waitedMs / WINDOW_MS);
    this.#bytes *= kept;
    this.#ms = this.#ms * kept + WINDOW_MS * (1 - kept);
  }
}
