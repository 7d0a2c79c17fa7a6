/** Some moment of a process's work: at the n-th sign of life of its files, or some time after its start. */
import { type FSWatcher, watch } from 'node:fs';
import type { Run, Running } from './drayer.ts';
import type { Random } from './scale.ts';

/** Where to look, and how long it takes if nobody disturbs it. */
export type Moments = {
  readonly folder: string;
  readonly random: Random;
  readonly lengthMs: number;
};

/** Resolves at that moment, or with how the process ended before. */
export async function someMoment(
  running: Running,
  { folder, random, lengthMs }: Moments,
): Promise<'now' | Run> {
  let watcher: FSWatcher | undefined;
  let timer: NodeJS.Timeout | undefined;
  const moment = new Promise<'now'>((resolve) => {
    if (random.oneIn(2)) {
      let events = 1 + random.below(12);
      watcher = watch(folder, () => {
        events -= 1;
        if (events === 0) resolve('now');
      });
    } else {
      timer = setTimeout(() => resolve('now'), random.below(Math.ceil(lengthMs)));
    }
  });
  try {
    return await Promise.race([moment, running.ended]);
  } finally {
    watcher?.close();
    clearTimeout(timer);
  }
}

/** How long something takes, ms. */
export async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}
