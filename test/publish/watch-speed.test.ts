/**
 * What an edit costs in a watched site of 10,000 files, beside a publish of the same edit without a
 * watch, in the same process: figures of a machine mean nothing, their ratio does.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { publishDirectory } from '../../src/publish/publisher.ts';
import { watchDirectory } from '../../src/publish/watch-directory.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('publish/watch-speed');

const FILES = 10_000;
const SETTLE_MS = 60;
/** The quickest of so many counts: what else the machine does only ever adds. */
const ROUNDS = 6;

test(
  'watchDirectory :: from quiet to the generation takes a part of a publish, and reads no list of files',
  scope(async (t) => {
    const root = makeSite(t);
    const stream = t.defer(createStream(t.path('own.stream')), (one) => one.close());
    let heard: () => void = () => {};
    const onGeneration = (): void => heard();
    const watch = await watchDirectory(root, stream, { settleMs: SETTLE_MS, onGeneration });
    t.defer(watch, (one) => one.close());
    let lists = 0;
    const { entries } = stream.reader;
    stream.reader.entries = (...args) => {
      lists += 1;
      return entries.apply(stream.reader, args);
    };

    const watched = await quickest(async (round) => {
      const done = new Promise<void>((resolve) => {
        heard = resolve;
      });
      appendFileSync(pathOf(root, round), 'edited');
      const from = performance.now() + SETTLE_MS;
      await done;
      return performance.now() - from;
    });
    assert.is(lists, 0);
    await watch.close();
    const whole = await quickest(async (round) => {
      appendFileSync(pathOf(root, round), 'edited');
      const from = performance.now();
      await publishDirectory(root, stream);
      return performance.now() - from;
    });

    assert.ok(lists > 0);
    const figures = `${watched.toFixed(1)} ms watched, ${whole.toFixed(1)} ms whole`;
    assert.ok(watched < whole / 2, figures);
  }),
);

async function quickest(measure: (round: number) => Promise<number>): Promise<number> {
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) took.push(await measure(round));
  return Math.min(...took);
}

function makeSite(t: Scope): string {
  const root = t.path('site');
  for (let i = 0; i < FILES; i += 1) {
    const path = pathOf(root, i);
    if (i < 100) mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `<p>${i}</p>\n`);
  }
  return root;
}

function pathOf(root: string, i: number): string {
  return `${root}/section-${i % 20}/topic-${i % 100}/page-${i}.html`;
}

test.run();
