/** The worker's end of gzip-pool.ts: batches of jobs in, results out. Reads the files itself. */
import { parentPort, workerData } from 'node:worker_threads';
import { type EncodeJob, type EncodeSettings, encodeDiskFile } from './encode-disk-file.ts';

const settings = workerData as EncodeSettings;

parentPort?.on('message', (jobs: readonly EncodeJob[]) => {
  const results = jobs.map((job) => encodeDiskFile(job, settings));
  // Moved, not copied: a value belongs to the main thread from here on.
  const moved = results.flatMap((result) =>
    result.kind === 'encoded' ? [result.file.value.buffer] : [],
  );
  parentPort?.postMessage(results, moved);
});
