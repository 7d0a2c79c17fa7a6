/** Events on their way to whoever reads them; where nobody does, the oldest are dropped. */

const MOST = 1024;

/** A bounded queue with one reader. */
export class EventQueue<Event> implements AsyncIterable<Event> {
  readonly #waiting: Event[] = [];
  #isClosed = false;
  #wake: () => void = () => {};

  push(event: Event): void {
    if (this.#isClosed) return;
    this.#waiting.push(event);
    if (this.#waiting.length > MOST) this.#waiting.shift();
    this.#wake();
  }

  /** Ends the reading, after what is waiting. */
  close(): void {
    this.#isClosed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, void> {
    for (;;) {
      const event = this.#waiting.shift();
      if (event !== undefined) yield event;
      else if (this.#isClosed) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
