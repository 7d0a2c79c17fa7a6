/** Watching: from quiet to the generation, in this process, on the real folder. */
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeIgnoreRules } from '../src/publish/ignore-rules.ts';
import { walkDirectory } from '../src/publish/walk.ts';
import { watchDirectory } from '../src/publish/watch-directory.ts';
import { createStream } from '../src/store/open-stream.ts';
import type { Bench } from './publish.ts';
import type { Row } from './report.ts';

const SETTLE_MS = 100;
const ROUNDS = 20;

/** Watches the HTML files and edits one after the other. */
export async function* benchWatch({ root }: Bench, site: string): AsyncGenerator<Row> {
  const path = join(root, 'watch.stream');
  for (const end of ['', '-wal', '-shm', '.privatekey', '.mark'])
    rmSync(path + end, { force: true });
  const stream = createStream(path);
  let heard: () => void = () => {};
  const onGeneration = (): void => heard();
  const watch = await watchDirectory(site, stream, { settleMs: SETTLE_MS, onGeneration });
  try {
    const took: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const done = new Promise<void>((resolve) => {
        heard = resolve;
      });
      const page = `section-${round % 20}/topic-${round}/page-${round}.html`;
      appendFileSync(join(site, page), `<!-- edit ${Date.now()} -->\n`);
      const quiet = performance.now() + SETTLE_MS;
      await done;
      took.push(performance.now() - quiet);
    }
    yield {
      what: 'watch, quiet to generation, 10,000 files',
      ours: medianOf(took),
      baseline: await timeWalk(site),
      unit: 'ms',
      baselineName: 'a look at every file, without reading',
      limit: 50,
    };
  } finally {
    await watch.close();
    stream.close();
  }
}

async function timeWalk(site: string): Promise<number> {
  const took: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const start = performance.now();
    await walkDirectory(site, { rules: makeIgnoreRules() });
    took.push(performance.now() - start);
  }
  return medianOf(took);
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
