/** The jobs of a publish, in portions: what a worker takes at a time, and what the main thread takes. */
import type { EncodeJob } from './encode-disk-file.ts';

/** From this size on a file is a batch of its own, and not for a main thread that has workers. */
const LARGE_BYTES = 512 * 1024;
/** Most of a batch: enough work that a worker does not run dry while its next batch is on the way. */
const BATCH_FILES = 64;
const BATCH_BYTES = 512 * 1024;
/**
 * Towards the end batches get shorter, down to one file, so that all threads finish together: this part of what is
 * left, for one worker. Much shorter, and it runs dry while the main thread is at a file and does not hear it.
 */
const REMAINING_SHARE = 4;

/** Hands out every job once. The large ones go first: the last to finish should be short. */
export class JobQueue {
  readonly #large: EncodeJob[] = [];
  readonly #small: EncodeJob[] = [];
  readonly #onTake: (job: EncodeJob) => EncodeJob;
  readonly #share: number;

  /**
   * @param onTake - called for each job when it is taken; may add to it
   * @param workers - how many take batches, besides the main thread
   */
  constructor(onTake: (job: EncodeJob) => EncodeJob, workers: number) {
    this.#onTake = onTake;
    this.#share = REMAINING_SHARE * Math.max(1, workers);
  }

  /** Whether there is as much as a worker takes at a time, of what may become more. */
  get hasFullBatch(): boolean {
    return this.#large.length > 0 || this.#small.length >= BATCH_FILES * this.#share;
  }

  /** Adds a job. */
  add(job: EncodeJob): void {
    if (job.bytes >= LARGE_BYTES) this.#large.push(job);
    else this.#small.push(job);
  }

  /** Takes jobs for a worker; none when there are none left. */
  takeBatch(): EncodeJob[] {
    const large = this.#large.pop();
    if (large !== undefined) return [this.#onTake(large)];
    const batch: EncodeJob[] = [];
    const most = Math.min(BATCH_FILES, Math.ceil(this.#small.length / this.#share));
    let bytes = 0;
    while (batch.length < most && bytes < BATCH_BYTES) {
      const job = this.#small.pop();
      if (job === undefined) break;
      bytes += job.bytes;
      batch.push(this.#onTake(job));
    }
    return batch;
  }

  /**
   * Takes one job for the main thread.
   *
   * @param isSmall - leave the large ones to the workers
   */
  takeOne(isSmall: boolean): EncodeJob | undefined {
    const job = this.#small.pop() ?? (isSmall ? undefined : this.#large.pop());
    return job === undefined ? undefined : this.#onTake(job);
  }
}
