/**
 * The sources of one round, asked for their tip many at once. Who lies or keeps silent costs nobody
 * else time: what has answered is there to be worked with while others are still asked.
 */
import { type DrayerError, isDrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import { verifyRecord } from '../core/signing.ts';
import type { Candidate } from './candidates.ts';
import { connectSource } from './connect-source.ts';
import { isGlobalAddress } from './dialable.ts';
import { HttpClient, type HttpLimits } from './http-client.ts';
import { blame } from './peer-errors.ts';
import type { Source } from './source.ts';

/** A source that has shown its tip, signed by the stream's key. */
export type Contact = {
  readonly candidate: Candidate;
  readonly source: Source;
  /** Undefined for a stream without records. */
  readonly tip: SignedRecord | undefined;
  /** From the question to the answer, ms. */
  readonly answeredMs: number;
};

/** One that could not be worked with, and why. */
export type Failure = { readonly candidate: Candidate; readonly error: DrayerError };

/** What {@link Contacts} asks with. */
export type ContactOptions = {
  readonly publicKey: Uint8Array;
  readonly limits?: HttpLimits | undefined;
  readonly signal?: AbortSignal | undefined;
};

const AT_ONCE = 32;

/** Asks from the moment it is made; {@link Contacts.close} lets all connections go. */
export class Contacts {
  /** Who has answered, in the order of the answers; grows. */
  readonly answered: Contact[] = [];
  /** Who has not, or not as it should; grows. */
  readonly failed: Failure[] = [];
  readonly #options: ContactOptions;
  readonly #total: number;
  readonly #clients: HttpClient[] = [];
  #fault: { readonly error: unknown } | undefined;
  #isClosed = false;
  #wake: () => void = () => {};
  #woken: Promise<void> = Promise.resolve();

  constructor(candidates: readonly Candidate[], options: ContactOptions) {
    this.#options = options;
    this.#total = candidates.length;
    this.#rest();
    const rest = candidates.values();
    const lane = async (): Promise<void> => {
      for (const candidate of rest) {
        if (this.#isClosed) return;
        await this.#ask(candidate);
        this.#wake();
        this.#rest();
      }
    };
    for (let lanes = Math.min(AT_ONCE, this.#total); lanes > 0; lanes -= 1) void lane();
  }

  /** Whether nobody is asked any more. */
  get isDone(): boolean {
    return this.answered.length + this.failed.length >= this.#total;
  }

  /** Whether there is anybody besides one. */
  get isMany(): boolean {
    return this.#total > 1;
  }

  /**
   * Waits until one more has answered or failed, at most so long.
   *
   * @throws what has nothing to do with a source: a signal that fired
   */
  async more(ms: number): Promise<void> {
    if (!this.isDone && this.#fault === undefined) {
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = Number.isFinite(ms) ? setTimeout(resolve, ms) : undefined;
      });
      await Promise.race([this.#woken, patience]);
      clearTimeout(timer);
    }
    if (this.#fault !== undefined) throw this.#fault.error;
  }

  /** Waits until nobody is asked any more, at most so long. */
  async settled(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (!this.isDone && performance.now() < until) await this.more(until - performance.now());
  }

  /** Ends every connection. */
  close(): void {
    this.#isClosed = true;
    for (const client of this.#clients) client.close();
  }

  #rest(): void {
    this.#woken = new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async #ask(candidate: Candidate): Promise<void> {
    const { publicKey, limits } = this.#options;
    // One for each: a signal with many listeners is warned of.
    const signal = this.#options.signal && AbortSignal.any([this.#options.signal]);
    const isAllowed = candidate.onlyGlobal ? isGlobalAddress : undefined;
    const http = new HttpClient({ limits, signal, isAllowed });
    this.#clients.push(http);
    const since = performance.now();
    try {
      const { source, tip } = await connectSource(http, candidate.peer, publicKey);
      if (tip !== undefined) check(tip, source);
      this.answered.push({ candidate, source, tip, answeredMs: performance.now() - since });
    } catch (error) {
      if (isSourceFault(error)) this.failed.push({ candidate, error });
      else this.#fault = { error };
    }
  }
}

/** Tells whether a failure is about one source, so that another may do better. */
export function isSourceFault(error: unknown): error is DrayerError {
  return isDrayerError(error) && SOURCE_FAULTS.has(error.code);
}

const SOURCE_FAULTS: ReadonlySet<DrayerError['code']> = new Set<DrayerError['code']>([
  'UNREACHABLE',
  'NOT_FOUND',
  'HOST_REFUSED',
  'PEER_INCOMPLETE',
  'PEER_MISBEHAVED',
  'TOO_LARGE',
]);

function check(tip: SignedRecord, { url, publicKey }: Source): void {
  try {
    verifyRecord(tip, publicKey);
  } catch (error) {
    throw blame(url, error);
  }
}
