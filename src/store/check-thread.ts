/**
 * The signatures of a file checked in a thread of its own: 0.4 s for 10,000 records, in which everybody
 * else is answered. Who asks for a file that is being checked waits for the same check. Of many files two at a
 * time are checked, the others wait.
 */
import { Worker } from 'node:worker_threads';
import { DrayerError, type ErrorCode } from '../core/errors.ts';
import type { SignatureCheck } from './check-signatures.ts';
import { workerUrl } from './worker-url.ts';

/** What the thread answers. */
export type CheckAnswer =
  | { readonly kind: 'done'; readonly check: SignatureCheck }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

type Settle = { resolve(check: SignatureCheck): void; reject(error: unknown): void };

type Job = {
  readonly path: string;
  /** Undefined until it has its turn. */
  worker: Worker | undefined;
  readonly asked: Set<Settle>;
};

/** A thread takes some 10 MB, and a hundred mirrors may be there at once. */
const AT_ONCE = 2;

/** By path, those that wait too, in the order in which they came. */
const jobs = new Map<string, Job>();
let running = 0;

/**
 * Checks the signatures of a stream file, as checkSignatures.
 *
 * @param signal - who asked does not want to know any more, and is told so at once; the thread ends with the
 *   last of them
 * @throws {DrayerError} ABORTED by the signal; what checkSignatures throws
 */
export async function checkInThread(path: string, signal?: AbortSignal): Promise<SignatureCheck> {
  signal?.throwIfAborted();
  const job = jobs.get(path) ?? enter(path);
  let leave = (): void => {};
  try {
    return await new Promise<SignatureCheck>((resolve, reject) => {
      const one = { resolve, reject };
      job.asked.add(one);
      leave = () => {
        job.asked.delete(one);
        if (job.asked.size === 0) stop(job);
        reject(stopped(path));
      };
      signal?.addEventListener('abort', leave, { once: true });
      beginNext();
    });
  } finally {
    signal?.removeEventListener('abort', leave);
  }
}

function enter(path: string): Job {
  const job: Job = { path, worker: undefined, asked: new Set() };
  jobs.set(path, job);
  return job;
}

function beginNext(): void {
  for (const job of jobs.values()) {
    if (running >= AT_ONCE) return;
    if (job.worker === undefined) begin(job);
  }
}

function begin(job: Job): void {
  const { path } = job;
  const worker = new Worker(workerUrl('./check-worker', import.meta.url), { workerData: path });
  job.worker = worker;
  running += 1;
  worker.once('message', (answer: CheckAnswer) => {
    if (answer.kind === 'done') settle(job, (one) => one.resolve(answer.check));
    else settle(job, (one) => one.reject(new DrayerError(answer.code, answer.message)));
  });
  worker.once('error', (cause) => {
    const error = new DrayerError('INTERNAL', 'the thread that checks signatures failed', {
      cause,
    });
    settle(job, (one) => one.reject(error));
  });
  worker.once('exit', () => {
    running -= 1;
    settle(job, (one) => one.reject(stopped(path)));
    beginNext();
  });
}

/** Nobody wants to know any more. Who asks from now on is not to be told that it was stopped. */
function stop(job: Job): void {
  forget(job);
  void job.worker?.terminate();
}

function settle(job: Job, tell: (one: Settle) => void): void {
  forget(job);
  for (const one of job.asked) tell(one);
  job.asked.clear();
}

/** Unless another one is under way by now. */
function forget(job: Job): void {
  if (jobs.get(job.path) === job) jobs.delete(job.path);
}

function stopped(path: string): DrayerError {
  return new DrayerError('ABORTED', `${path}: its signatures were not checked to the end`);
}
