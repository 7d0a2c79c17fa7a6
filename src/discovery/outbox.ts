/**
 * What is to be said to everybody: at once where it is new, and otherwise no faster than a network of many
 * can take; and again now and then, since datagrams are lost and others come later.
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
  /** What is said again and again, the one said longest ago in front. */
  readonly #announced = new Map<string, Entry>();
  /** Due as soon as the pace allows. */
  readonly #due = new Set<string>();
  readonly #questions = new Map<string, Uint8Array>();
  #timer: NodeJS.Timeout | undefined;
  /** When the pace allows one more after a whole burst. */
  #busyUntilMs = 0;
  #isClosed = false;

  constructor(send: (datagram: Uint8Array) => void) {
    this.#send = send;
  }

  /** Says this of a stream: now, and again and again in the place of what was said before. */
  announce(id: string, datagram: Uint8Array): void {
    const saidMs = this.#announced.get(id)?.saidMs ?? Number.NEGATIVE_INFINITY;
    this.#announced.set(id, { datagram, saidMs });
    this.#due.add(id);
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
    const now = performance.now();
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
    if (waits.length === 0 && this.#announced.size > 0) waits.push(this.#untilNext(now));
    if (waits.length === 0) return;
    this.#timer = setTimeout(() => this.#next(), Math.min(...waits));
    // Others keep the process alive; this does not.
    this.#timer.unref();
  }

  #next(): void {
    const now = performance.now();
    const [first] = this.#announced;
    if (first !== undefined && this.#due.size === 0 && this.#untilNext(now) <= PACE_MS) {
      this.#due.add(first[0]);
    }
    this.#run();
  }

  /** Until the stream that was announced longest ago is to be announced again. */
  #untilNext(now: number): number {
    const { size } = this.#announced;
    const roundMs = Math.min(LONGEST_ROUND_MS, Math.max(SHORTEST_ROUND_MS, size * 1000));
    const [first] = this.#announced.values();
    return Math.max(PACE_MS, (first?.saidMs ?? 0) + roundMs - now);
  }

  #hasRoom(now: number): boolean {
    return this.#busyUntilMs - now <= (BURST - 1) * PACE_MS;
  }

  #count(now: number): void {
    this.#busyUntilMs = Math.max(now, this.#busyUntilMs) + PACE_MS;
  }
}
