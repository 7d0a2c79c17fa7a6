/**
 * When a watched site is looked at, and what becomes of what goes wrong. One look at a time; hints that
 * come meanwhile make the next.
 */
import { setImmediate } from 'node:timers/promises';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { Stream } from '../store/stream.ts';
import { IGNORE_FILE } from './ignore-rules.ts';
import type { PublishReport } from './publish-report.ts';
import { abortError } from './slicer.ts';
import type { WatchOptions } from './watch-directory.ts';
import type { Hints, OpenHints } from './watch-hints.ts';
import { isFatal, isPassing, WatchProblems } from './watch-problems.ts';
import { type Look, WatchedSite } from './watch-site.ts';

const SETTLE_MS = 100;
const RESCAN_MS = 60_000;
/** How soon to try again where no hint will say that it is over, ms. */
const RETRY_MS = 500;
/** Time between two looks at everything where the system has no watches left, ms. */
const BLIND_MS = 2000;
/** A turn of the event loop that took longer may have kept something waiting, ms. */
const QUICK_TURN_MS = 10;

/** A promise and how to settle it. */
type Deferred<T> = {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
};

/** One watch. {@link WatchLoop.close} must be called. */
export class WatchLoop {
  readonly #root: string;
  readonly #options: WatchOptions;
  readonly #settleMs: number;
  readonly #site: WatchedSite;
  readonly #problems: WatchProblems;
  readonly #stop = new AbortController();
  readonly #onAbort = (): void => void this.close();
  readonly #first: Deferred<PublishReport | undefined> = deferred();
  readonly #closed: Deferred<void> = deferred();
  readonly #hints = new Set<string>();
  #isWhole = true;
  #source: Hints | undefined;
  #lastHintMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #rescan: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isBlind = false;

  constructor(root: string, stream: Stream, options: WatchOptions) {
    const { settleMs = SETTLE_MS } = options;
    this.#root = root;
    this.#options = options;
    this.#settleMs = settleMs;
    this.#problems = new WatchProblems(options);
    this.#site = new WatchedSite(root, stream, {
      ...options,
      settleMs,
      signal: this.#stop.signal,
    });
  }

  /** Resolves when the watch has been closed; rejects with what it cannot get over. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * Watches, then publishes: what changes in between is hinted at.
   *
   * @returns what the first publish did; undefined when a problem was told instead
   */
  async start(open: OpenHints): Promise<PublishReport | undefined> {
    const { signal, rescanMs = RESCAN_MS } = this.#options;
    if (signal?.aborted) throw abortError(signal);
    signal?.addEventListener('abort', this.#onAbort);
    const source = await open({
      root: this.#root,
      isIgnored: (...path) => this.#site.isIgnored(...path),
      onHint: (directory, name) => this.#hint(directory, name),
      onError: (error) => this.#lose(error),
    });
    this.#source = source;
    if (this.#isClosed) await source.close();
    const { replaced } = await this.#site.look(undefined);
    await source.watch(this.#site.directories, replaced);
    if (!this.#isClosed) this.#every(rescanMs);
    this.#arm(0);
    return this.#first.promise;
  }

  /** Ends the watch, after what is being committed. Idempotent. */
  close(): Promise<void> {
    return this.#end(() => this.#closed.resolve());
  }

  get #isClosed(): boolean {
    return this.#stop.signal.aborted;
  }

  async #end(settle: () => void): Promise<void> {
    if (this.#isClosed) return this.closed.catch(() => {});
    this.#stop.abort();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    for (const timer of [this.#timer, this.#rescan]) clearTimeout(timer);
    this.#first.reject(abortError(this.#options.signal));
    await this.#source?.close();
    await this.#running;
    settle();
  }

  #hint(directory: string, name: string | undefined): void {
    // What it says holds for the whole site.
    if (name === IGNORE_FILE) this.#isWhole = true;
    this.#hints.add(directory);
    this.#lastHintMs = performance.now();
    this.#noteMoving();
    this.#arm(this.#settleMs);
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => this.#due(), ms);
  }

  #due(): void {
    this.#timer = undefined;
    // The end of the run looks for what came meanwhile.
    if (this.#running !== undefined) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      const isMore = this.#isWhole || this.#hints.size > 0;
      const quietMs = performance.now() - this.#lastHintMs;
      if (isMore && this.#timer === undefined) this.#arm(Math.max(0, this.#settleMs - quietMs));
    });
  }

  async #run(): Promise<void> {
    await catchUp();
    const quietMs = performance.now() - this.#lastHintMs;
    // Told of more just now: the time to settle has begun anew.
    if (quietMs < this.#settleMs && this.#timer !== undefined) return;
    const hints = this.#isWhole ? undefined : [...this.#hints];
    this.#isWhole = false;
    this.#hints.clear();
    try {
      const look = await this.#site.look(hints);
      this.#follow(look.replaced);
      if (look.moving.length > 0) return this.#postpone(look);
      this.#succeed(await this.#site.publish(quietMs));
    } catch (error) {
      this.#fail(error);
    }
  }

  #postpone({ moving, waitMs }: Look): void {
    for (const directory of moving) this.#hints.add(directory);
    this.#noteMoving();
    this.#arm(waitMs);
  }

  #succeed(report: PublishReport): void {
    this.#problems.mend();
    if (report.wrote) this.#options.onGeneration?.(report);
    this.#first.resolve(report);
  }

  #fail(error: unknown): void {
    if (!isDrayerError(error) || isFatal(error.code)) {
      this.#first.reject(error);
      // Not awaited here: it waits for this very run.
      void this.#end(() => this.#closed.reject(error));
      return;
    }
    if (error.code === 'FILE_CHANGING') {
      this.#isWhole = true;
      this.#noteMoving(error);
      this.#arm(this.#settleMs);
      return;
    }
    this.#problems.tell(error);
    this.#first.resolve(undefined);
    if (!isPassing(error.code)) return;
    this.#isWhole = true;
    this.#arm(RETRY_MS);
  }

  #noteMoving(error?: DrayerError): void {
    if (this.#problems.noteMoving(error)) this.#first.resolve(undefined);
  }

  /** Watches what has come or was replaced, and looks there once more when that is done. */
  #follow(replaced: readonly string[]): void {
    const { directories } = this.#site;
    void this.#source?.watch(directories, replaced).then(() => {
      for (const directory of replaced) this.#hints.add(directory);
      if (replaced.length > 0 && this.#timer === undefined) this.#arm(0);
    });
  }

  #lose(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if ((code === 'ENOSPC' || code === 'EMFILE') && !this.#isBlind) {
      this.#isBlind = true;
      this.#every(BLIND_MS);
      const message =
        'the system has no watches left for this folder; it is looked through instead';
      const hint = 'on Linux raise the limit: sysctl fs.inotify.max_user_watches=524288';
      this.#options.onWarning?.(new DrayerError('STORAGE_FAILED', message, { cause: error, hint }));
    }
    this.#lookAtAll();
  }

  #every(ms: number): void {
    clearInterval(this.#rescan);
    this.#rescan = setInterval(() => this.#lookAtAll(), ms);
    this.#rescan.unref();
  }

  #lookAtAll(): void {
    this.#isWhole = true;
    if (this.#timer === undefined) this.#arm(0);
  }
}

/**
 * Lets in what waits to be heard: after the machine was busy, or asleep, timers are due before what has
 * happened meanwhile is told. Resolves after a turn of the event loop that was quick.
 */
async function catchUp(): Promise<void> {
  for (let begun = 0; performance.now() - begun > QUICK_TURN_MS; ) {
    begun = performance.now();
    await setImmediate();
  }
}

function deferred<T>(): Deferred<T> {
  let resolve: Deferred<T>['resolve'] = () => {};
  let reject: Deferred<T>['reject'] = () => {};
  const promise = new Promise<T>((take, refuse) => {
    resolve = take;
    reject = refuse;
  });
  // Whoever wants to know waits for it; nobody has to.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
