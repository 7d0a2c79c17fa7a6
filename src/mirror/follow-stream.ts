/**
 * Keeps a mirror up to date: waits for the source's live events and mirrors at each new generation;
 * from a source that sends none, every now and then.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { parseStreamId } from '../core/stream-id.ts';
import type { HeldMirror } from './find-mirror.ts';
import { HttpClient } from './http-client.ts';
import { type MirrorOptions, type MirrorReport, mirrorStream } from './mirror.ts';
import { parsePeerUrl } from './peer-url.ts';
import { sourceEvents } from './source-events.ts';

/** Options of {@link followStream}. */
export type FollowOptions = Omit<MirrorOptions, 'publicKey' | 'path'> & {
  /** Time between two looks at a source that sends no events, ms. Default 30,000. */
  readonly pollMs?: number | undefined;
  /** Told of each new generation. */
  readonly onGeneration?: ((report: MirrorReport) => void) | undefined;
  /** Told once what keeps the source from being followed; it is tried again and again. */
  readonly onProblem?: ((problem: DrayerError) => void) | undefined;
  /** Told when the problem is over. */
  readonly onMended?: (() => void) | undefined;
};

/** A source that is being followed. */
export type Following = {
  /** Looks at the source now, whatever it is waiting for. */
  pull(): void;
  /** Resolves when it has been closed. */
  readonly closed: Promise<void>;
  /** Stops. Idempotent. */
  close(): Promise<void>;
};

const POLL_MS = 30_000;
/** First wait before another try; each one is twice as long, up to the time between two looks. */
const RETRY_MS = 500;
/** Between two runs: a source that calls without a pause is not answered without one. */
const PAUSE_MS = 100;

/**
 * Follows the source of a mirror, until the signal fires or it is closed.
 *
 * @param mirrored - the mirror as it is
 */
export function followStream(mirrored: HeldMirror, options: FollowOptions): Following {
  const stop = new AbortController();
  const signals = options.signal === undefined ? [] : [options.signal];
  const signal = AbortSignal.any([stop.signal, ...signals]);
  const run = new Run(mirrored, { ...options, signal });
  const closed = follow(run, { ...options, signal });
  // Whoever wants to know waits for it; nobody has to.
  closed.catch(() => {});
  return {
    closed,
    pull: () => run.wake(),
    close: () => {
      stop.abort();
      return closed;
    },
  };
}

type State = FollowOptions & { readonly signal: AbortSignal };

async function follow(run: Run, { signal, pollMs = POLL_MS }: State): Promise<void> {
  let retryMs = RETRY_MS;
  while (!signal.aborted) {
    const { woken } = run;
    try {
      await run.waitForEvents();
      // Ended in good order: the server is closing, and may be back in a moment.
      retryMs = RETRY_MS;
    } catch (error) {
      if (signal.aborted) return;
      if (isDrayerError(error, 'NOT_SUPPORTED')) retryMs = pollMs;
      else if (!woken.aborted) run.tell(error);
    }
    await pause(retryMs, AbortSignal.any([signal, woken]));
    retryMs = Math.min(pollMs, retryMs * 2);
    // Before the look: who wakes it during one wants another.
    if (woken.aborted) {
      run.rest();
      retryMs = RETRY_MS;
    }
    if (!signal.aborted) await run.pullPatiently();
  }
}

class Run {
  readonly #options: State;
  readonly #path: string;
  readonly #publicKey: Uint8Array;
  #tip: Micros;
  #problem: string | undefined;
  #turn = 0;
  #wake = new AbortController();

  constructor({ path, id, generation }: HeldMirror, options: State) {
    this.#options = options;
    this.#path = path;
    this.#publicKey = parseStreamId(id);
    this.#tip = generation.tip;
  }

  /** Aborted when the source is to be looked at now. */
  get woken(): AbortSignal {
    return this.#wake.signal;
  }

  wake(): void {
    this.#wake.abort();
  }

  /** May be woken again. */
  rest(): void {
    this.#wake = new AbortController();
  }

  async waitForEvents(): Promise<void> {
    const { limits } = this.#options;
    const url = this.#nextUrl();
    const signal = AbortSignal.any([this.#options.signal, this.woken]);
    const http = new HttpClient({ limits, signal });
    try {
      for await (const tip of sourceEvents(http, parsePeerUrl(url), this.#publicKey)) {
        if (tip > this.#tip) await this.#pull();
        else this.#mend();
        await pause(PAUSE_MS, signal);
      }
    } finally {
      http.close();
    }
  }

  /** The sources in turn: whoever fails is followed again after all others. */
  #nextUrl(): string {
    const { url, urls = [] } = this.#options;
    const all = [...(url === undefined ? [] : [url]), ...urls];
    const next = all[this.#turn % all.length];
    this.#turn += 1;
    if (next !== undefined) return next;
    throw new DrayerError('USAGE', 'expected a source to follow, got none');
  }

  async pullPatiently(): Promise<void> {
    try {
      await this.#pull();
    } catch (error) {
      if (!this.#options.signal.aborted) this.tell(error);
    }
  }

  tell(error: unknown): void {
    if (!isDrayerError(error)) throw error;
    // By its code: a connection that breaks off is refused next, which is the same trouble.
    if (error.code !== this.#problem) this.#options.onProblem?.(error);
    this.#problem = error.code;
  }

  async #pull(): Promise<void> {
    const options = { ...this.#options, publicKey: this.#publicKey, path: this.#path };
    const report = await mirrorStream(options);
    this.#tip = report.generation.tip;
    this.#mend();
    if (report.changed) this.#options.onGeneration?.(report);
  }

  #mend(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#options.onMended?.();
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
