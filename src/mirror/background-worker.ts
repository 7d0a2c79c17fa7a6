/** The thread's side of {@link Background}. */
import { parentPort } from 'node:worker_threads';
import { DrayerError } from '../core/errors.ts';
import type { BackgroundAnswer, BackgroundJob } from './background.ts';
import { checkSlice } from './signatures.ts';

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
  if (job.kind === 'verify') {
    while (checkSlice(job.signatures));
    return undefined;
  }
  // Loaded when asked for: a thread that only verifies needs no SQLite.
  const { promoteStaged } = await import('../store/promote.ts');
  return promoteStaged(job.job);
}
