/** Many streams in one process (T118): served by one daemon, mirrored and followed by another. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeKept } from '../../src/daemon/kept-mirrors.ts';
import { mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { type Child, runHelper } from '../helpers/child.ts';
import type { Taken } from '../helpers/crowd-child.ts';
import { scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('daemon/crowd');

/** 500 in the slow run. */
const STREAMS = scaled(20);
const FILES = 200;
const START_MS = 10_000;
/** Far more than it takes to ask each source once. */
const LATE_MS = 100_000;
const MOST_RSS_MB = 400;
const MOST_DESCRIPTORS = 1_200;

test(
  `runDaemon :: ${STREAMS} streams of ${FILES} files, served and followed, within bounds (T118)`,
  scope(async (t) => {
    if (process.platform !== 'linux') return;
    const folder = t.path('own');
    const ids = makeStreams(folder);
    const source = start(t, [t.path('none'), folder]);
    const port = (await source.child.line('ready')).split(' ')[1];
    const startMs = performance.now() - source.sinceMs;
    // As they are after having been mirrored.
    const dataDir = t.path('data');
    mkdirSync(dataDir);
    for (const { id, publicKey, file } of ids) {
      const path = mirrorPathOf(publicKey, dataDir);
      copyFileSync(file, path);
      writeKept({
        path,
        id,
        urls: [`http://127.0.0.1:${port}`],
        isHidden: false,
        quota: undefined,
      });
    }

    const mirror = start(t, [dataDir]);
    await mirror.child.line('ready');
    const mirrorStartMs = performance.now() - mirror.sinceMs;
    const following = await untilFollowed(mirror.child);
    const serving = await taken(source.child, 1);

    const figures = { startMs, mirrorStartMs, serving, following };
    if (process.env['DRAYER_TEST_FIGURES'] !== undefined) console.log(figures);
    for (const one of [serving, following]) {
      assert.equal(one.errors, []);
      assert.is(one.served, STREAMS);
      // Of the processor, all that came after the start included: what else this machine does is not in it.
      assert.ok(one.cpuMs <= START_MS, JSON.stringify(figures));
      assert.ok(one.rssMb <= MOST_RSS_MB, JSON.stringify(figures));
      assert.ok(one.descriptors <= MOST_DESCRIPTORS, JSON.stringify(figures));
    }
  }),
);

function start(t: Scope, args: string[]): { child: Child; sinceMs: number } {
  const sinceMs = performance.now();
  const child = runHelper('crowd-child.ts', args);
  t.defer(child, async ({ process: { stdin }, ended }) => {
    stdin?.end();
    await ended;
  });
  return { child, sinceMs };
}

function makeStreams(folder: string) {
  mkdirSync(folder);
  return Array.from({ length: STREAMS }, (_, n) => {
    const file = join(folder, `${n}.stream`);
    const stream = createStream(file);
    try {
      stream.transaction((tx) => {
        for (let f = 0; f < FILES; f += 1) tx.putFile(`${f}.html`, Buffer.from(`<p>${n} ${f}`));
      });
      return { id: stream.id, publicKey: stream.publicKey, file };
    } finally {
      stream.close();
    }
  });
}

/** Asks until each mirror has heard of its source; bounded. */
async function untilFollowed(child: Child): Promise<Taken> {
  const lateMs = performance.now() + LATE_MS;
  for (let n = 1; ; n += 1) {
    const state = await taken(child, n);
    if (state.followed === STREAMS || state.errors.length > 0) return state;
    assert.ok(performance.now() < lateMs, JSON.stringify(state));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function taken({ process: { stdin }, line }: Child, n: number): Promise<Taken> {
  stdin?.write('\n');
  const answer = await line(`taken ${n} `);
  return JSON.parse(answer.slice(`taken ${n} `.length));
}

test.run();
