/** The thread's side of {@link Background}. */
import { parentPort } from 'node:worker_threads';
import { verify } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import { SIGNATURE_BYTES } from '../core/record.ts';
import { SIGNED_BYTES } from '../core/signing.ts';
import type { BackgroundAnswer, BackgroundJob } from './background.ts';

const STEP = SIGNED_BYTES + SIGNATURE_BYTES;

parentPort?.on('message', (job: BackgroundJob) => {
  void answer(job).then((reply) => parentPort?.postMessage(reply));
});

async function answer(job: BackgroundJob): Promise<BackgroundAnswer> {
  try {
    return { kind: 'done', result: await run(job) };
  } catch (error) {
    const known = error instanceof DrayerError ? error : new DrayerError('INTERNAL', String(error));
    const { code, message, hint } = known;
    return { kind: 'failed', error: { code, message, hint } };
  }
}

async function run(job: BackgroundJob): Promise<unknown> {
  if (job.kind === 'verify') return findWrong(job.packed, job.publicKey);
  // Loaded when asked for: a thread that only verifies needs no SQLite.
  const { promoteStaged } = await import('../store/promote.ts');
  return promoteStaged(job.job);
}

function findWrong(packed: Uint8Array, publicKey: Uint8Array): number {
  for (let at = 0; at < packed.length; at += STEP) {
    const signature = packed.subarray(at + SIGNED_BYTES, at + STEP);
    if (!verify(signature, packed.subarray(at, at + SIGNED_BYTES), publicKey)) return at / STEP;
  }
  return -1;
}
