import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { verifyStream } from '../../src/store/audit.ts';
import { readMark } from '../../src/store/mark.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream, openStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { runHelper } from '../helpers/child.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { newStream } from '../helpers/store.ts';

const test = suite('store/crash');

const seed = freshSeed();
const random = randomFrom(seed);

/** Some of the numbers 1 … `end`, both ends and `count` between them, ascending. */
function sample(end: number, count: number): number[] {
  const picked = new Set([1, end]);
  while (picked.size < Math.min(end, count)) picked.add(1 + random.below(end));
  return [...picked].sort((a, b) => a - b);
}

/** Runs a job to its end, to learn how many actions it takes. */
async function actionsOf(job: string, path: string): Promise<number> {
  const child = runHelper('store-child.ts', [job, path, '0']);
  assert.is(await child.ended, 0);
  return Number((await child.line('actions')).split(' ')[1]);
}

/**
 * What must hold of a stream after any crash: sound, proved, as far as was acknowledged, writable.
 */
async function checkRecovered(stream: Stream, acked: number, at: string): Promise<number> {
  const { snapshot, tip, idTip } = stream.reader.generation();
  const seq = snapshot?.seq ?? 0;
  assert.ok(seq >= acked, `${at}: generation ${seq}, acknowledged was ${acked}`);
  const mark = readMark(`${stream.path}.mark`);
  // Opening has raised it to the stream.
  if (seq > 0) assert.equal([mark?.modified, mark?.id, mark?.seq], [tip, idTip, seq], at);
  const report = await verifyStream(stream.path);
  assert.equal(report.findings, [], at);
  stream.set('after the crash', at);
  assert.is(stream.reader.generation().snapshot?.seq, seq + 1, at);
  assert.is((await verifyStream(stream.path)).faults, 0, at);
  return seq;
}

function ackedOf(lines: readonly string[]): number {
  return Math.max(0, ...lines.map((line) => Number(/^acked (\d+)$/.exec(line)?.[1] ?? 0)));
}

/** A stream with a past: updates, deletes, five live records. */
function seeded(t: Scope, name: string): number {
  const stream = createStream(t.path(name));
  stream.transaction((tx) => {
    for (const key of ['a', 'b', 'c', 'd', 'e']) tx.set(key, key.repeat(2000));
  });
  stream.set('b', 2).delete('d');
  const seq = stream.reader.generation().snapshot?.seq ?? 0;
  stream.close();
  return seq;
}

test(
  `commit :: killed before any of its actions leaves the old generation or the new, seed ${seed} (R11, T086)`,
  scope(async (t) => {
    seeded(t, 'probe.stream');
    const actions = await actionsOf('change', t.path('probe.stream'));
    assert.ok(actions > 30, `only ${actions} actions`);
    const seen = { old: 0, new: 0 };

    const points = sample(actions, scaled(8));
    for (let first = 0; first < points.length; first += 2) {
      await Promise.all(
        points.slice(first, first + 2).map(async (point) => {
          const name = `${point}.stream`;
          const before = seeded(t, name);
          const child = runHelper('store-child.ts', ['change', t.path(name), String(point)]);
          assert.is(await child.ended, 'SIGKILL');

          const stream = openStream(t.path(name));
          const isNew = stream.has('new 0');
          for (const key of ['new 1', 'new 2']) assert.is(stream.has(key), isNew);
          for (const key of ['b', 'c']) assert.is(stream.has(key), !isNew);
          assert.is(stream.get('a'), isNew ? 'changed' : 'a'.repeat(2000));
          seen[isNew ? 'new' : 'old'] += 1;
          const acked = Math.max(before, ackedOf(child.lines));
          const seq = await checkRecovered(stream, acked, `action ${point}`);
          assert.is(seq, before + (isNew ? 1 : 0));
          stream.close();
        }),
      );
    }

    // Both ends are always tried, so both outcomes must have been seen.
    assert.ok(seen.old > 0 && seen.new > 0, JSON.stringify(seen));
  }),
);

test(
  `createStream :: killed before any of its actions never locks the owner out, seed ${seed}`,
  scope(async (t) => {
    const actions = await actionsOf('create', t.path('probe.stream'));

    const points = sample(actions, scaled(4));
    for (let first = 0; first < points.length; first += 2) {
      await Promise.all(
        points.slice(first, first + 2).map(async (point) => {
          const path = t.path(`${point}.stream`);
          const child = runHelper('store-child.ts', ['create', path, String(point)]);
          assert.is(await child.ended, 'SIGKILL');

          // What a publisher does: open it, or make it where there is none.
          const stream = openOrCreate(path);
          assert.is(stream.writable, true);
          await checkRecovered(stream, ackedOf(child.lines), `action ${point}`);
          if (child.lines.includes('created')) assert.ok(existsSync(`${path}.privatekey`));
          stream.close();
        }),
      );
    }
  }),
);

test(
  `commit :: killed in the middle of large values, seed ${seed} (T086)`,
  scope(async (t) => {
    seeded(t, 'probe.stream');
    const actions = await actionsOf('publish', t.path('probe.stream'));

    for (const point of sample(actions, scaled(5))) {
      const name = `${point}.stream`;
      const before = seeded(t, name);
      const child = runHelper('store-child.ts', ['publish', t.path(name), String(point)]);
      assert.is(await child.ended, 'SIGKILL');

      // What serves the stream meanwhile can open it first.
      const reader = openReader(t.path(name));
      const seen = reader.generation().snapshot?.seq;
      reader.close();
      const stream = openStream(t.path(name));
      const isNew = stream.reader.findRecord('file', 'new 1') !== undefined;
      assert.equal([stream.has('b'), seen], [!isNew, before + (isNew ? 1 : 0)]);
      await checkRecovered(stream, Math.max(before, ackedOf(child.lines)), `action ${point}`);
      stream.close();
    }
  }),
);

test(
  `commit :: killed at random moments, again and again, loses nothing acknowledged, seed ${seed} (T086)`,
  scope(async (t) => {
    newStream(t).close();
    let acked = 0;

    for (let round = 0; round < scaled(3); round += 1) {
      const until = 1 + random.below(40);
      let spins = random.below(200_000);
      const child = runHelper('store-child.ts', ['stream', t.path('a.stream'), '1000'], {
        onLine: () => {
          if (child.lines.length !== until) return;
          // A little later than the line, so that it dies anywhere in its next commits.
          while (spins > 0) spins -= 1;
          child.process.kill('SIGKILL');
        },
      });
      assert.is(await child.ended, 'SIGKILL');
      acked = Math.max(acked, ackedOf(child.lines));

      const stream = openStream(t.path('a.stream'));
      acked = (await checkRecovered(stream, acked, `round ${round}`)) + 1;
      stream.close();
    }
  }),
);

function openOrCreate(path: string): Stream {
  try {
    return openStream(path);
  } catch (error) {
    if (!isDrayerError(error, 'STREAM_NOT_FOUND')) throw error;
    return createStream(path);
  }
}

test.run();
