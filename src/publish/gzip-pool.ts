/**
 * Reads and encodes many files, on worker threads beside the main one. Everybody takes the next files
 * from one queue, so that nobody waits while there is work, and little is in flight at any moment, so
 * that memory does not grow with the site.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { DrayerError } from '../core/errors.ts';
import type { BeginSigning } from '../core/signing.ts';
import { shouldStore } from '../files/stored-media.ts';
import { workerUrl } from '../store/worker-url.ts';
import {
  type EncodeJob,
  type EncodeResult,
  type EncodeSettings,
  encodeDiskFile,
} from './encode-disk-file.ts';
import { JobQueue } from './job-queue.ts';
import { type SharedSigning, signTogether } from './shared-signing.ts';
import { abortError, checkSignal, makeSlicer } from './slicer.ts';

/** What a worker is asked to do; only `encode` is answered. */
export type WorkerOrder =
  | { readonly kind: 'encode'; readonly jobs: readonly EncodeJob[] }
  | { readonly kind: 'sign'; readonly signing: SharedSigning };

/** Options of a {@link GzipPool}. */
export type GzipPoolOptions = {
  readonly settings: EncodeSettings;
  /** Called once for every job, in any order, on the main thread. */
  readonly onResult: (result: EncodeResult) => void;
  /** Called on the main thread for a job that is about to be done; may add to it. */
  readonly onTake?: ((job: EncodeJob) => EncodeJob) | undefined;
  /** Most threads, the main one included; by default what the machine has, at most 4. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

const MOST_THREADS = 4;
/** Work that makes another worker worth its start, which takes about a third of that, ms. */
const WORK_MS_PER_WORKER = 180;
/** Batches a worker has at a time: one it works on, one to go on with. */
const BATCHES_AHEAD = 2;
/** Bytes of files that workers have at a time, all together; a larger file goes alone. */
const BYTES_AHEAD = 8 * 1024 * 1024;
/** Otherwise short-lived objects take 48 MB a worker before they are looked at. */
const YOUNG_MB = 8;

/** A worker, and the bytes of the batches it has, which it does in order. */
type Member = { readonly worker: Worker; readonly batches: number[] };

/** Threads at work. {@link GzipPool.close} must be called, also after an error, and may be called twice. */
export class GzipPool {
  readonly #options: GzipPoolOptions;
  readonly #mostWorkers: number;
  readonly #queue: JobQueue;
  readonly #members: Member[] = [];
  readonly #stop = (): void => this.#fail(abortError(this.#options.signal));
  #workMs = 0;
  #isClosed = false;
  #bytesAhead = 0;
  #waiter: { resolve(): void; reject(error: unknown): void } | undefined;
  #failure: { error: unknown } | undefined;

  constructor(options: GzipPoolOptions) {
    const { threads = Math.min(MOST_THREADS, availableParallelism()), signal } = options;
    this.#options = options;
    this.#mostWorkers = threads - 1;
    this.#queue = new JobQueue(options.onTake ?? ((job) => job));
    signal?.addEventListener('abort', this.#stop);
  }

  /**
   * Adds a job. Workers begin with it when there is enough to do for them; the main thread only in
   * {@link drain}.
   */
  add(job: EncodeJob): void {
    this.#queue.add(job);
    this.#workMs += estimateMs(job);
    const isWorth = this.#workMs > WORK_MS_PER_WORKER * (this.#members.length + 1);
    if (isWorth) this.#addWorker();
    if (this.#queue.hasFullBatch) this.#feed();
  }

  /** There will be more than one thread can do: a worker gets ready. */
  expectMany(): void {
    if (this.#members.length === 0) this.#addWorker();
  }

  /**
   * Does what is left of all jobs added so far, main thread included.
   *
   * @throws {DrayerError} ABORTED when the signal says so; the rest of the jobs is not done then
   */
  async drain(): Promise<void> {
    const { settings, onResult, signal } = this.#options;
    checkSignal(signal);
    const slice = makeSlicer(signal);
    for (;;) {
      this.#feed();
      if (this.#failure !== undefined) throw this.#failure.error;
      const job = this.#queue.takeOne(this.#members.length > 0);
      if (job !== undefined) {
        onResult(encodeDiskFile(job, settings));
        if (slice.isOver()) await slice.pause();
      } else if (this.#members.some(({ batches }) => batches.length > 0)) {
        await this.#nextBatch();
      } else {
        return;
      }
    }
  }

  /** Signs a batch, together with the workers there are. */
  get beginSigning(): BeginSigning | undefined {
    if (this.#members.length === 0) return undefined;
    return signTogether((signing) => {
      for (const { worker } of this.#members) worker.postMessage({ kind: 'sign', signing });
    });
  }

  /** Ends the workers, in the middle of their work if need be. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#options.signal?.removeEventListener('abort', this.#stop);
    await Promise.all(this.#members.splice(0).map(({ worker }) => worker.terminate()));
  }

  // Hands every worker that could run dry its next batches.
  #feed(): void {
    for (const member of this.#members) {
      while (member.batches.length < BATCHES_AHEAD && this.#bytesAhead < BYTES_AHEAD) {
        const batch = this.#queue.takeBatch();
        if (batch.length === 0) return;
        const bytes = batch.reduce((sum, job) => sum + job.bytes, 0);
        this.#bytesAhead += bytes;
        member.batches.push(bytes);
        member.worker.postMessage({ kind: 'encode', jobs: batch });
      }
    }
  }

  #nextBatch(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }

  #addWorker(): void {
    const isWanted = !this.#isClosed && this.#members.length < this.#mostWorkers;
    if (isWanted) this.#members.push(this.#start());
  }

  #start(): Member {
    const worker = new Worker(workerUrl('./gzip-worker', import.meta.url), {
      workerData: this.#options.settings,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    const member: Member = { worker, batches: [] };
    worker.on('message', (results: readonly EncodeResult[]) => this.#take(member, results));
    worker.on('error', (cause) => {
      this.#fail(new DrayerError('INTERNAL', 'a thread that compresses files failed', { cause }));
    });
    return member;
  }

  #take(member: Member, results: readonly EncodeResult[]): void {
    this.#bytesAhead -= member.batches.shift() ?? 0;
    // Called by the event loop: what onResult throws must reach whoever drains the pool.
    try {
      for (const result of results) this.#options.onResult(result);
      this.#waiter?.resolve();
      this.#waiter = undefined;
    } catch (error) {
      this.#fail(error);
    }
  }
}

// Measured on one core: opening and reading 0.05 ms, gzip 50 MB/s, checksum and hash 400 MB/s.
function estimateMs({ key, bytes }: EncodeJob): number {
  return 0.05 + bytes / (shouldStore(key) ? 400_000 : 50_000);
}
