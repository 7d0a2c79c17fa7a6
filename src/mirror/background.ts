/**
 * One worker thread for what would hold up the event loop: checking many signatures, and putting a
 * large generation in place. Started when first needed; one job at a time, in order.
 */
import { Worker } from 'node:worker_threads';
import { DrayerError, type ErrorCode } from '../core/errors.ts';
import type { PromoteJob, Promotion } from '../store/promote.ts';

/** What the thread is asked to do. */
export type BackgroundJob =
  | { readonly kind: 'verify'; readonly packed: Uint8Array; readonly publicKey: Uint8Array }
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

type Waiting = { resolve(result: unknown): void; reject(error: unknown): void };

/** Owns the thread. {@link Background.close} ends it. */
export class Background {
  #worker: Worker | undefined;
  readonly #waiting: Waiting[] = [];

  /** Whether the thread has been started. */
  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  /**
   * Checks packed signatures: 136 signed bytes and 64 bytes of signature each.
   *
   * @param packed - handed over: empty afterwards
   * @returns the index of the first wrong one, or −1
   */
  async verify(packed: Uint8Array<ArrayBuffer>, publicKey: Uint8Array): Promise<number> {
    const job: BackgroundJob = { kind: 'verify', packed, publicKey };
    return (await this.#run(job, [packed.buffer])) as number;
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

  #run(job: BackgroundJob, transfer: ArrayBuffer[] = []): Promise<unknown> {
    const worker = this.#worker ?? this.#start();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      worker.postMessage(job, transfer);
    });
  }

  #start(): Worker {
    const file = import.meta.url.endsWith('.ts')
      ? './background-worker.ts'
      : './background-worker.js';
    const worker = new Worker(new URL(file, import.meta.url));
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
