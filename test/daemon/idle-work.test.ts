/** What a daemon with many streams does while nothing happens: counted, in a minute of a clock of our own. */
import fs, { mkdirSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { withDht } from '../../src/daemon/dht.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { StreamReader } from '../../src/store/reader.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('daemon/idle-work');

const STREAMS = 24;
const SECONDS = 60;

type Work = {
  /** Looks at the change counter of a database. */
  readonly polls: number;
  readonly generations: number;
  readonly stats: number;
  /** Whether there is a key. */
  readonly exists: number;
  /** Reads of a folder. */
  readonly folders: number;
  /** How often it wakes up by timers, a second. */
  readonly wakes: number;
};

/** What a daemon in LAN and DHT does in a minute, after a first one. */
async function workOf(t: Scope): Promise<Work> {
  const streams = Array.from({ length: STREAMS }, (_, at) => {
    const path = t.path(`${at}.stream`);
    createStream(path).close();
    return { path };
  });
  const dataDir = t.path('data');
  mkdirSync(dataDir);
  mock.timers.enable({ apis: ['setInterval'] });
  t.defer(mock.timers, (timers) => timers.reset());
  const rhythm = countIntervals(t);
  const start = withDht(startDaemon, { bootstrap: [], anyAddress: true, dataDir });
  t.defer(await start({ streams, port: 0, lan: true, dataDir, operator: { dataDir } }), (one) =>
    one.close(),
  );
  await pass();

  const methods = [
    mock.method(StreamReader.prototype, 'changeCounter'),
    mock.method(StreamReader.prototype, 'generation'),
    mock.method(fs, 'statSync'),
    mock.method(fs, 'existsSync'),
    mock.method(fs.promises, 'readdir'),
  ];
  syncBuiltinESMExports();
  await pass();
  const counts = methods.map((method) => method.mock.callCount());
  for (const method of methods) method.mock.restore();
  syncBuiltinESMExports();
  const [polls = 0, generations = 0, stats = 0, exists = 0, folders = 0] = counts;
  return { polls, generations, stats, exists, folders, wakes: rhythm() };
}

/** Returns how often all intervals that were begun since, and not ended, come in a second. */
function countIntervals(t: Scope): () => number {
  const { setInterval: begin, clearInterval: end } = globalThis;
  const going = new Map<unknown, number>();
  globalThis.setInterval = ((call: () => void, ms: number) => {
    const timer = begin(call, ms);
    going.set(timer, ms);
    return timer;
  }) as typeof setInterval;
  globalThis.clearInterval = (timer) => {
    going.delete(timer);
    end(timer);
  };
  t.defer(undefined, () => Object.assign(globalThis, { setInterval: begin, clearInterval: end }));
  return () => [...going.values()].reduce((sum, ms) => sum + 1000 / ms, 0);
}

async function pass(): Promise<void> {
  for (let second = 0; second < SECONDS; second += 1) {
    mock.timers.tick(1000);
    // What was asked for in this second is done in it.
    await access('.');
    await turn();
  }
}

test(
  'a daemon :: with many streams, in LAN and DHT, looks seldom where the system tells of changes',
  scope(async (t) => {
    const { polls, generations, stats, exists, folders, wakes } = await workOf(t);

    // As many open files as one turn of 50 ms has in each of 800 ms, and five in a second whether they are the same;
    // the list of what is denied once for LAN and once for names.
    assert.ok(polls > 0 && polls <= 20 * SECONDS, `${polls} polls`);
    assert.ok(stats > 0 && stats <= (2 * 5 + 2) * SECONDS, `${stats} stats`);
    assert.is(generations, 0);
    assert.ok(exists <= STREAMS, `${exists} looks for a key`);
    assert.ok(folders <= 4, `${folders} reads of the folder`);
    // One for LAN, names and networks, files at 800 ms, connections at 2,500, the DHT at 5,000; signs of life and less.
    assert.ok(wakes > 1 && wakes <= 1 + 1.25 + 0.4 + 2 * 0.2 + 0.25, `${wakes} in a second`);
  }),
);

test(
  'a daemon :: where the system tells of nothing it looks often: the count is one of looks',
  scope(async (t) => {
    const deaf = mock.method(fs, 'watch', () => {
      throw new Error('the system watches no more');
    });
    syncBuiltinESMExports();
    t.defer(deaf.mock, (one) => {
      one.restore();
      syncBuiltinESMExports();
    });
    const { polls, generations, stats, folders, wakes } = await workOf(t);

    assert.ok(polls >= 16 * 20 * SECONDS, `${polls} polls`);
    assert.ok(stats >= 2 * 20 * SECONDS, `${stats} stats`);
    assert.is(generations, 0);
    assert.ok(folders > 4, `${folders} reads of the folder`);
    assert.ok(wakes >= 20, `${wakes} in a second`);
  }),
);

test.run();
