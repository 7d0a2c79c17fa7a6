/**
 * The signatures of a file checked in a thread of its own: 0.4 s for 10,000 records, in which everybody
 * else is answered. Who asks for a file that is being checked waits for the same check.
 */
import { Worker } from 'node:worker_threads';
import { DrayerError, type ErrorCode } from '../core/errors.ts';
import type { SignatureCheck } from './check-signatures.ts';
import { workerUrl } from './worker-url.ts';

/** What the thread answers. */
export type CheckAnswer =
  | { readonly kind: 'done'; readonly check: SignatureCheck }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

type UnderWay = { readonly worker: Worker; readonly check: Promise<SignatureCheck>; asked: number };

/** By path. */
const underWay = new Map<string, UnderWay>();

/**
 * Checks the signatures of a stream file, as checkSignatures.
 *
 * @param signal - who asked does not want to know any more; the thread ends with the last of them
 * @throws {DrayerError} ABORTED by the signal; what checkSignatures throws
 */
export async function checkInThread(path: string, signal?: AbortSignal): Promise<SignatureCheck> {
  signal?.throwIfAborted();
  const job = underWay.get(path) ?? start(path);
  job.asked += 1;
  const leave = (): void => {
    job.asked -= 1;
    if (job.asked > 0) return;
    // Who asks from now on is not to be told that it was stopped.
    forget(path, job);
    void job.worker.terminate();
  };
  signal?.addEventListener('abort', leave, { once: true });
  try {
    return await job.check;
  } finally {
    signal?.removeEventListener('abort', leave);
  }
}

function start(path: string): UnderWay {
  const worker = new Worker(workerUrl('./check-worker', import.meta.url), { workerData: path });
  const check = new Promise<SignatureCheck>((resolve, reject) => {
    worker.once('message', (answer: CheckAnswer) => {
      if (answer.kind === 'done') resolve(answer.check);
      else reject(new DrayerError(answer.code, answer.message));
    });
    worker.once('error', (cause) => {
      reject(new DrayerError('INTERNAL', 'the thread that checks signatures failed', { cause }));
    });
    worker.once('exit', () => {
      forget(path, job);
      reject(new DrayerError('ABORTED', `${path}: its signatures were not checked to the end`));
    });
  });
  // Whoever waits for it is told; nobody may.
  check.catch(() => {});
  const job = { worker, check, asked: 0 };
  underWay.set(path, job);
  return job;
}

/** Unless another one is under way by now. */
function forget(path: string, job: UnderWay): void {
  if (underWay.get(path) === job) underWay.delete(path);
}
