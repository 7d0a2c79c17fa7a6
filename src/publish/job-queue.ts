/** The jobs of a publish, in portions: what a worker takes at a time, and what the main thread takes. */
import type { EncodeJob } from './encode-disk-file.ts';

/** From this size on a file is a batch of its own, and not for a main thread that has workers. */
const LARGE_BYTES = 512 * 1024;
// Enough work that the answer is not waited for, little enough that the last batch is short.
const BATCH_FILES = 64;
const BATCH_BYTES = 512 * 1024;

/** Hands out every job once. The large ones go first: the last to finish should be short. */
export class JobQueue {
  readonly #large: EncodeJob[] = [];
  readonly #small: EncodeJob[] = [];
  readonly #onTake: (job: EncodeJob) => EncodeJob;

  /** @param onTake - called for each job when it is taken; may add to it */
  constructor(onTake: (job: EncodeJob) => EncodeJob) {
    this.#onTake = onTake;
  }

  /** Whether a worker can take as much as it can take at a time. */
  get hasFullBatch(): boolean {
    return this.#large.length > 0 || this.#small.length >= BATCH_FILES;
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
    let bytes = 0;
    while (batch.length < BATCH_FILES && bytes < BATCH_BYTES) {
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
