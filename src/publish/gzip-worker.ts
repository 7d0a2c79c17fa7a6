/**
 * The worker's end of gzip-pool.ts: batches of jobs in, results out; reads the files itself. At the end
 * it helps to sign.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { type EncodeJob, type EncodeSettings, encodeDiskFile } from './encode-disk-file.ts';
import type { WorkerOrder } from './gzip-pool.ts';
import { signSlice } from './shared-signing.ts';

const settings = workerData as EncodeSettings;

parentPort?.on('message', (order: WorkerOrder) => {
  if (order.kind === 'encode') encode(order.jobs);
  else while (signSlice(order.signing));
});

function encode(jobs: readonly EncodeJob[]): void {
  const results = jobs.map((job) => encodeDiskFile(job, settings));
  // Moved, not copied: a value belongs to the main thread from here on.
  const moved = results.flatMap((result) =>
    result.kind === 'encoded' ? [result.file.value.buffer] : [],
  );
  parentPort?.postMessage(results, moved);
}
