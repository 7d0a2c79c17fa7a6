/**
 * What is to be said to everybody: at once where it is new, and otherwise no faster than a network of many
 * can take; and again now and then, since datagrams are lost and others come later. What is said again goes
 * many at a time: here and at everybody who listens it is waking up that costs, not a datagram more.
 */

/** Between two datagrams that nobody waits for, ms. */
const PACE_MS = 20;
/** The same stream is not announced more often, ms. */
const AGAIN_MS = 200;
/** Everything is said again in so long, ms: a second for each stream, within these bounds. */
const SHORTEST_ROUND_MS = 10_000;
const LONGEST_ROUND_MS = 60_000;
/** So many may go at once, as long as nothing was sent for a while. */
const BURST = 16;

type Entry = { readonly datagram: Uint8Array; saidMs: number };

/** Says things. Closed by {@link Outbox.close}. */
export class Outbox {
  readonly #send: (datagram: Uint8Array) => void;
  readonly #clockMs: () => number;
  /** What is said again and again, the one said longest ago in front. */
  readonly #announced = new Map<string, Entry>();
  /** Due as soon as the pace allows. */
  readonly #due = new Set<string>();
  readonly #questions = new Map<string, Uint8Array>();
  #timer: NodeJS.Timeout | undefined;
  /** When some were said again last, or the first was said. */
  #againMs: number | undefined;
  /** When the pace allows one more after a whole burst. */
  #busyUntilMs = 0;
  #isClosed = false;

  constructor(
    send: (datagram: Uint8Array) => void,
    clockMs: () => number = () => performance.now(),
  ) {
    this.#send = send;
    this.#clockMs = clockMs;
  }

  /** Says this of a stream: now, and again and again in the place of what was said before. */
  announce(id: string, datagram: Uint8Array): void {
    const saidMs = this.#announced.get(id)?.saidMs ?? Number.NEGATIVE_INFINITY;
    this.#announced.set(id, { datagram, saidMs });
    this.#due.add(id);
    this.#againMs ??= this.#clockMs();
    this.#run();
  }

  /** Says everything again, soon. */
  announceAll(): void {
    for (const id of this.#announced.keys()) this.#due.add(id);
    this.#run();
  }

  /** Asks once. */
  ask(id: string, datagram: Uint8Array): void {
    this.#questions.set(id, datagram);
    this.#run();
  }

  /** Says nothing more of a stream. */
  remove(id: string): void {
    this.#announced.delete(id);
    this.#due.delete(id);
    this.#questions.delete(id);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #run(): void {
    if (this.#isClosed) return;
    const now = this.#clockMs();
    for (const id of this.#due) {
      if (!this.#hasRoom(now)) break;
      const entry = this.#announced.get(id);
      if (entry !== undefined && now - entry.saidMs < AGAIN_MS) continue;
      this.#due.delete(id);
      if (entry !== undefined) this.#say(id, entry.datagram, now);
    }
    for (const [id, datagram] of this.#questions) {
      if (!this.#hasRoom(now)) break;
      this.#questions.delete(id);
      this.#count(now);
      this.#send(datagram);
    }
    this.#plan(now);
  }

  #say(id: string, datagram: Uint8Array, now: number): void {
    this.#announced.delete(id);
    this.#announced.set(id, { datagram, saidMs: now });
    this.#count(now);
    this.#send(datagram);
  }

  #plan(now: number): void {
    clearTimeout(this.#timer);
    const waits: number[] = [];
    if (this.#questions.size > 0) waits.push(PACE_MS);
    for (const id of this.#due) {
      const saidMs = this.#announced.get(id)?.saidMs ?? 0;
      waits.push(Math.max(PACE_MS, saidMs + AGAIN_MS - now));
      if (waits.length > BURST) break;
    }
    if (waits.length === 0 && this.#announced.size > 0) waits.push(this.#untilAgain(now));
    if (waits.length === 0) return;
    this.#timer = setTimeout(() => this.#next(), Math.min(...waits));
    // Others keep the process alive; this does not.
    this.#timer.unref();
  }

  #next(): void {
    const now = this.#clockMs();
    if (this.#due.size === 0 && this.#untilAgain(now) <= PACE_MS) {
      this.#againMs = now;
      for (const id of this.#announced.keys()) {
        this.#due.add(id);
        if (this.#due.size >= BURST) break;
      }
    }
    this.#run();
  }

  /** Until those that were announced longest ago are to be announced again, each once in a round. */
  #untilAgain(now: number): number {
    const { size } = this.#announced;
    const roundMs = Math.min(LONGEST_ROUND_MS, Math.max(SHORTEST_ROUND_MS, size * 1000));
    const everyMs = roundMs / Math.max(1, Math.ceil(size / BURST));
    return Math.max(PACE_MS, (this.#againMs ?? now) + everyMs - now);
  }

  #hasRoom(now: number): boolean {
    return this.#busyUntilMs - now <= (BURST - 1) * PACE_MS;
  }

  #count(now: number): void {
    this.#busyUntilMs = Math.max(now, this.#busyUntilMs) + PACE_MS;
  }
}
