/**
 * A thread's end of publish-thread.ts: it looks for the files of a site, reads and compresses them, and in
 * the end helps to sign. What only one of these needs is loaded when it is asked for.
 */
import { parentPort } from 'node:worker_threads';
import type { WalkOrder } from './begun-walk.ts';
import type { EncodeJob, EncodeSettings } from './encode-disk-file.ts';
import type { ThreadAnswer, ThreadOrder } from './publish-thread.ts';
import type { SharedSigning } from './shared-signing.ts';

let settings: EncodeSettings | undefined;

parentPort?.on('message', async (order: ThreadOrder) => {
  if (order.kind === 'walk') await walk(order.walk);
  else if (order.kind === 'settings') settings = order.settings;
  else if (order.kind === 'encode') await encode(order.jobs);
  else await sign(order.signing);
});

async function walk({ root, ignore }: WalkOrder): Promise<void> {
  const { makeIgnoreRules } = await import('./ignore-rules.ts');
  const { listDirectory } = await import('./walk.ts');
  const rest = await listDirectory(root, {
    rules: makeIgnoreRules(ignore),
    onPart: (part) => answer({ kind: 'found', part }, [part.numbers.buffer]),
  });
  answer({ kind: 'walked', rest });
  // Before it is asked for: the first jobs come in a moment.
  await import('./encode-disk-file.ts');
}

async function encode(jobs: readonly EncodeJob[]): Promise<void> {
  const { encodeDiskFile } = await import('./encode-disk-file.ts');
  const given = settings;
  if (given === undefined) throw new Error('there are jobs, and no settings');
  const results = jobs.map((job) => encodeDiskFile(job, given));
  // Moved, not copied: a value belongs to the main thread from here on.
  const moved = results.flatMap((result) =>
    result.kind === 'encoded' ? [result.file.value.buffer] : [],
  );
  answer({ kind: 'encoded', results }, moved);
}

async function sign(signing: SharedSigning): Promise<void> {
  const { signSlice } = await import('./shared-signing.ts');
  while (signSlice(signing));
}

function answer(message: ThreadAnswer, moved: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, moved);
}
