/**
 * One worker thread for what would hold up the event loop: checking many signatures, and putting a
 * large generation in place. Started when first needed; one job at a time, in order.
 */
import { Worker } from 'node:worker_threads';
import { DrayerError, type ErrorCode } from '../core/errors.ts';
import type { PromoteJob, Promotion } from '../store/promote.ts';
import { workerUrl } from '../store/worker-url.ts';
import type { Signatures } from './signatures.ts';

/** What the thread is asked to do. */
export type BackgroundJob =
  | { readonly kind: 'verify'; readonly signatures: Signatures }
  | { readonly kind: 'promote'; readonly job: PromoteJob };

/** What it answers; an error of ours crosses as its parts, because a class does not. */
export type BackgroundAnswer =
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly error: BackgroundError };

/** A {@link DrayerError} in transit. */
export type BackgroundError = {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly cause?: unknown;
};

/** Otherwise short-lived objects take 48 MB before they are looked at. */
const YOUNG_MB = 8;

type Waiting = { resolve(result: unknown): void; reject(error: unknown): void };
type Thread = { readonly worker: Worker; readonly waiting: Waiting[] };

/** Owns the thread. {@link Background.close} ends it. */
export class Background {
  #thread: Thread | undefined;

  /** Whether the thread has been started. */
  get isRunning(): boolean {
    return this.#thread !== undefined;
  }

  /** Starts the thread before there is anything for it to do. */
  start(): void {
    this.#thread ??= this.#start();
  }

  /** Checks signatures together with the caller, who takes slices of the same; see signatures.ts. */
  async verify(signatures: Signatures): Promise<void> {
    await this.#run({ kind: 'verify', signatures });
  }

  /** Puts a staged generation in place, as promoteStaged does. */
  async promote(job: PromoteJob): Promise<Promotion> {
    return (await this.#run({ kind: 'promote', job })) as Promotion;
  }

  /** Ends the thread; a job under way is cut off, and fails. */
  async close(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.worker.terminate();
  }

  #run(job: BackgroundJob): Promise<unknown> {
    this.#thread ??= this.#start();
    const { worker, waiting } = this.#thread;
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      worker.postMessage(job);
    });
  }

  #start(): Thread {
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    const thread: Thread = {
      worker: new Worker(workerUrl('./background-worker', import.meta.url), { resourceLimits }),
      waiting: [],
    };
    const fail = (message: string, cause?: unknown): void => {
      if (this.#thread === thread) this.#thread = undefined;
      const error = new DrayerError('INTERNAL', message, { cause });
      for (const { reject } of thread.waiting.splice(0)) reject(error);
    };
    thread.worker.on('message', (answer: BackgroundAnswer) => {
      const waiting = thread.waiting.shift();
      if (answer.kind === 'done') waiting?.resolve(answer.result);
      else waiting?.reject(new DrayerError(answer.error.code, answer.error.message, answer.error));
    });
    thread.worker.on('error', (cause) => fail('the worker thread failed', cause));
    thread.worker.on('exit', () => fail('the worker thread ended'));
    return thread;
  }
}
