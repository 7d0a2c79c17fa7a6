/** The thread's side of {@link checkInThread}. */
import { parentPort, workerData } from 'node:worker_threads';
import { isDrayerError } from '../core/errors.ts';
import { checkSignatures } from './check-signatures.ts';
import type { CheckAnswer } from './check-thread.ts';

parentPort?.postMessage(answer(String(workerData)));

function answer(path: string): CheckAnswer {
  try {
    return { kind: 'done', check: checkSignatures(path) };
  } catch (error) {
    const code = isDrayerError(error) ? error.code : 'INTERNAL';
    return {
      kind: 'failed',
      code,
      message: error instanceof Error ? error.message : String(error),
    };
  }
}
