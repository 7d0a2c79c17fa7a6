/** The jobs of a publish, in portions: what a worker takes at a time, and what the main thread takes. */
import type { EncodeJob } from './encode-disk-file.ts';

/** From this size on a file is a batch of its own, and not for a main thread that has workers. */
const LARGE_BYTES = 512 * 1024;
/** Most of a batch: enough work that a worker does not run dry while its next batch is on the way. */
const BATCH_FILES = 64;
const BATCH_BYTES = 512 * 1024;
/** Towards the end batches get shorter, down to one file, so that all threads finish together. */
const REMAINING_SHARE = 16;

/** Hands out every job once. The large ones go first: the last to finish should be short. */
export class JobQueue {
  readonly #large: EncodeJob[] = [];
  readonly #small: EncodeJob[] = [];
  readonly #onTake: (job: EncodeJob) => EncodeJob;

  /** @param onTake - called for each job when it is taken; may add to it */
  constructor(onTake: (job: EncodeJob) => EncodeJob) {
    this.#onTake = onTake;
  }

  /** Whether there is as much as a worker takes at a time, of what may become more. */
  get hasFullBatch(): boolean {
    return this.#large.length > 0 || this.#small.length >= BATCH_FILES * REMAINING_SHARE;
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
    const most = Math.min(BATCH_FILES, Math.ceil(this.#small.length / REMAINING_SHARE));
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
