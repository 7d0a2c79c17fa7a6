/**
 * `npm run bench`: every figure as a ratio to a baseline of the same run. Machines are noisy; only
 * the ratios mean something.
 *
 *   npm run bench                 everything
 *   npm run bench -- publish      only: crypto, store, publish, mirror, live, many, serve, push,
 *                                 watch, media
 *
 * Five minutes after the last run at the earliest: see freshFolder in measure.ts.
 *
 * DRAYER_BENCH_DIR names a directory to work in (default: a folder in the system's own).
 * Exits with 1 when a goal is missed.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeHtmlSite, makeMediaSite } from './corpus.ts';
import { benchLive } from './live.ts';
import { removeLeft } from './measure.ts';
import { benchMirror, benchMirrorMedia } from './mirror.ts';
import { benchMirrorMany } from './mirror-many.ts';
import { type Bench, benchMedia, benchPublish } from './publish.ts';
import { benchPush } from './push.ts';
import { holds, printHeading, printRow, type Row } from './report.ts';
import { benchServe } from './serve.ts';
import { benchCrypto, benchStore } from './store.ts';
import { benchWatch } from './watch.ts';

const here = dirname(fileURLToPath(import.meta.url));
const wanted = new Set(process.argv.slice(2));
const root = process.env['DRAYER_BENCH_DIR'] ?? join(tmpdir(), 'drayer-bench');
const bench: Bench = {
  root,
  cli: join(here, '..', 'dist', 'cli', 'bin.cjs'),
  baselines: join(here, 'baselines'),
  rounds: 3,
};
mkdirSync(root, { recursive: true });

let missed = 0;
const isWanted = (...names: string[]) =>
  wanted.size === 0 || names.some((name) => wanted.has(name));

printHeading();
if (isWanted('crypto')) await show(benchCrypto());
if (isWanted('store')) await show(benchStore(bench));
if (isWanted('publish', 'mirror', 'live', 'serve')) {
  const site = makeHtmlSite(root, 10_000);
  const stream = await show(benchPublish(bench, site));
  if (isWanted('mirror')) await show(benchMirror(bench, stream, site));
  if (isWanted('live')) await show(benchLive(bench, stream));
  if (isWanted('serve')) await show(benchServe(bench, stream, site));
}
if (isWanted('many')) await show(benchMirrorMany(bench));
if (isWanted('push')) await show(benchPush(bench, makeHtmlSite(root, 10_000)));
if (isWanted('watch')) await show(benchWatch(bench, makeHtmlSite(root, 10_000)));
if (isWanted('media')) {
  const stream = await show(benchMedia(bench, makeMediaSite(root, 60)));
  await show(benchMirrorMedia(bench, stream));
}
removeLeft(root);
if (missed > 0) {
  console.error(`${missed} goals missed`);
  process.exitCode = 1;
}

async function show<T>(rows: AsyncGenerator<Row, T> | Generator<Row, T>): Promise<T> {
  for (;;) {
    const next = await rows.next();
    if (next.done) return next.value;
    printRow(next.value);
    if (!holds(next.value)) missed += 1;
  }
}
