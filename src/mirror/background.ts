/**
 * One worker thread for what would hold up the event loop: checking many signatures, and putting a
 * large generation in place. Started when first needed; one job at a time, in order.
 */
import { Worker } from 'node:worker_threads';
import { DrayerError, type ErrorCode } from '../core/errors.ts';
import type { PromoteJob, Promotion } from '../store/promote.ts';
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

/** Owns the thread. {@link Background.close} ends it. */
export class Background {
  #worker: Worker | undefined;
  readonly #waiting: Waiting[] = [];

  /** Whether the thread has been started. */
  get isRunning(): boolean {
    return this.#worker !== undefined;
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
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #run(job: BackgroundJob): Promise<unknown> {
    const worker = this.#worker ?? this.#start();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.postMessage(job);
    });
  }

  #start(): Worker {
    const file = import.meta.url.endsWith('.ts')
      ? './background-worker.ts'
      : './background-worker.js';
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    const worker = new Worker(new URL(file, import.meta.url), { resourceLimits });
    worker.on('message', (answer: BackgroundAnswer) => {
      const waiting = this.#waiting.shift();
      if (answer.kind === 'done') waiting?.resolve(answer.result);
      else waiting?.reject(new DrayerError(answer.error.code, answer.error.message, answer.error));
    });
    worker.on('error', (cause) => this.#failAll('the worker thread failed', cause));
    worker.on('exit', () => this.#failAll('the worker thread ended'));
    this.#worker = worker;
    return worker;
  }

  #failAll(message: string, cause?: unknown): void {
    this.#worker = undefined;
    const error = new DrayerError('INTERNAL', message, { cause });
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
