/** The thread's side of {@link Background}. */
import { parentPort } from 'node:worker_threads';
import { DrayerError } from '../core/errors.ts';
import type { BackgroundAnswer, BackgroundJob } from './background.ts';
import { checkSlice } from './signatures.ts';

parentPort?.on('message', (job: BackgroundJob) => {
  void answer(job).then((reply) => parentPort?.postMessage(reply));
});

/** Loaded once there are many records: they are put in place here, and nobody is to wait for it then. */
let promoting: Promise<typeof import('../store/promote.ts')> | undefined;

function loadPromoting(): Promise<typeof import('../store/promote.ts')> {
  return import('../store/promote.ts');
}

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
    promoting ??= loadPromoting();
    return undefined;
  }
  promoting ??= loadPromoting();
  const { promoteStaged } = await promoting;
  return promoteStaged(job.job);
}
