/** The thread that fetches large values (value-worker.ts), seen from the main one: begun when first needed. */
import { Worker } from 'node:worker_threads';
import { DrayerError, type ErrorCode } from '../core/errors.ts';
import { workerUrl } from '../store/worker-url.ts';
import type { FileFacts } from './spool-file.ts';
import type { Filled } from './value-spool.ts';

/** A value to be fetched. */
export type FetchJob = {
  /** The stream's file. */
  readonly path: string;
  readonly hash: Uint8Array;
  /** Where it is to be written; undefined where it is to be handed over. */
  readonly fd: number | undefined;
};

/** What came of it. */
export type FetchAnswer =
  /** With the bytes where they could not be written. */
  | { readonly kind: 'done'; readonly facts: FileFacts; readonly bytes?: Uint8Array | undefined }
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

type Waiting = { resolve(answer: Filled | undefined): void; reject(error: unknown): void };
type Thread = { readonly worker: Worker; readonly waiting: Waiting[] };

/** Otherwise short-lived objects take 48 MB before they are looked at. */
const YOUNG_MB = 4;

/** Owns the thread, which does one job at a time, in order. */
export class ValueThread {
  #thread: Thread | undefined;

  /**
   * Fetches a value.
   *
   * @returns undefined when there is none of this hash, any more
   * @throws {DrayerError} what reading the stream throws
   */
  fetch(job: FetchJob): Promise<Filled | undefined> {
    this.#thread ??= this.#start();
    const { worker, waiting } = this.#thread;
    return new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      worker.postMessage(job);
    });
  }

  /** Ends the thread once it has done what it was asked. Idempotent. */
  close(): void {
    const thread = this.#thread;
    this.#thread = undefined;
    if (thread === undefined) return;
    if (thread.waiting.length === 0) void thread.worker.terminate();
    else thread.worker.once('message', () => this.#endWhenDone(thread));
  }

  #endWhenDone(thread: Thread): void {
    if (thread.waiting.length === 0) void thread.worker.terminate();
    else thread.worker.once('message', () => this.#endWhenDone(thread));
  }

  #start(): Thread {
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    const thread: Thread = {
      worker: new Worker(workerUrl('./value-worker', import.meta.url), { resourceLimits }),
      waiting: [],
    };
    const { worker, waiting } = thread;
    // A server keeps the process alive by its sockets.
    worker.unref();
    worker.on('message', (answer: FetchAnswer) => {
      const first = waiting.shift();
      if (answer.kind === 'failed') first?.reject(new DrayerError(answer.code, answer.message));
      else first?.resolve(answer.kind === 'gone' ? undefined : answer);
    });
    const fail = (cause?: unknown): void => {
      if (this.#thread === thread) this.#thread = undefined;
      const error = new DrayerError('INTERNAL', 'the thread that fetches values ended', { cause });
      for (const { reject } of waiting.splice(0)) reject(error);
    };
    worker.on('error', fail);
    worker.on('exit', () => fail());
    return thread;
  }
}
