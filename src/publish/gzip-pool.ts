/**
 * Reads and encodes many files, on worker threads beside the main one. Everybody takes the next files
 * from one queue, so that nobody waits while there is work, and little is in flight at any moment, so
 * that memory does not grow with the site.
 */
import { Worker } from 'node:worker_threads';
import { DrayerError } from '../core/errors.ts';
import {
  type EncodeJob,
  type EncodeResult,
  type EncodeSettings,
  encodeDiskFile,
} from './encode-disk-file.ts';
import { JobQueue } from './job-queue.ts';
import { abortError, checkSignal, makeSlicer } from './slicer.ts';

/** Options of {@link encodeDiskFiles}. */
export type EncodePoolOptions = {
  readonly settings: EncodeSettings;
  /** Threads beside the main one; 0 for none. */
  readonly workers: number;
  /** Called once for every job, in any order, on the main thread. */
  readonly onResult: (result: EncodeResult) => void;
  /** Called on the main thread for a job that is about to be done. */
  readonly onTake?: ((job: EncodeJob) => EncodeJob) | undefined;
  readonly signal?: AbortSignal | undefined;
};

// Under tsx the sources run as they are; in dist the extension is the other one.
const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? './gzip-worker.ts' : './gzip-worker.js',
  import.meta.url,
);
/** Batches a worker has at a time: one it works on, one to go on with. */
const BATCHES_AHEAD = 2;

/**
 * Does all jobs.
 *
 * @throws {DrayerError} ABORTED when the signal says so; the rest of the jobs is not done then
 */
export async function encodeDiskFiles(
  jobs: readonly EncodeJob[],
  { settings, workers, onResult, onTake = (job) => job, signal }: EncodePoolOptions,
): Promise<void> {
  const queue = new JobQueue(jobs, onTake);
  const pool = new WorkerPool({ size: workers, settings, onResult });
  const stop = () => pool.fail(abortError(signal));
  signal?.addEventListener('abort', stop);
  try {
    checkSignal(signal);
    await shareWork(queue, pool, { settings, onResult, signal });
  } finally {
    signal?.removeEventListener('abort', stop);
    await pool.close();
  }
}

async function shareWork(
  queue: JobQueue,
  pool: WorkerPool,
  { settings, onResult, signal }: Omit<EncodePoolOptions, 'workers'>,
): Promise<void> {
  const slice = makeSlicer(signal);
  for (;;) {
    pool.feed(queue);
    const job = queue.takeOne(pool.size > 0);
    if (job !== undefined) {
      onResult(encodeDiskFile(job, settings));
      if (slice.isOver()) await slice.pause();
    } else if (pool.isBusy) {
      await pool.nextBatch();
    } else {
      return;
    }
  }
}

type PoolOptions = Pick<EncodePoolOptions, 'settings' | 'onResult'> & { readonly size: number };

type Member = { readonly worker: Worker; batches: number };

/** The worker threads of one {@link encodeDiskFiles}, and who waits for them. */
class WorkerPool {
  readonly size: number;
  readonly #members: Member[];
  readonly #onResult: (result: EncodeResult) => void;
  #waiter: { resolve(): void; reject(error: unknown): void } | undefined;
  #failure: { error: unknown } | undefined;

  constructor({ size, settings, onResult }: PoolOptions) {
    this.size = size;
    this.#onResult = onResult;
    this.#members = Array.from({ length: size }, () => this.#start(settings));
  }

  get isBusy(): boolean {
    return this.#members.some((member) => member.batches > 0);
  }

  /** Hands every worker that could run dry its next batches. */
  feed(queue: JobQueue): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    for (const member of this.#members) {
      while (member.batches < BATCHES_AHEAD) {
        const batch = queue.takeBatch();
        if (batch.length === 0) return;
        member.batches += 1;
        member.worker.postMessage(batch);
      }
    }
  }

  /** Resolves when the results of the next batch have come in. One waits at a time. */
  nextBatch(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  /** Makes whoever waits, now or later, fail with `error`. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
  }

  #start(settings: EncodeSettings): Member {
    const worker = new Worker(WORKER_URL, { workerData: settings });
    const member: Member = { worker, batches: 0 };
    worker.on('message', (results: readonly EncodeResult[]) => this.#take(member, results));
    worker.on('error', (cause) => {
      this.fail(new DrayerError('INTERNAL', 'a thread that compresses files failed', { cause }));
    });
    return member;
  }

  #take(member: Member, results: readonly EncodeResult[]): void {
    member.batches -= 1;
    // Called by the event loop: what onResult throws must reach whoever runs the pool.
    try {
      for (const result of results) this.#onResult(result);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.#waiter?.resolve();
    this.#waiter = undefined;
  }
}
