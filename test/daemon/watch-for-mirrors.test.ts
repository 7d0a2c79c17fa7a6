import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { watchForMirrors } from '../../src/daemon/watch-for-mirrors.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('daemon/watch-for-mirrors');

function watching(t: Scope, folder: string, known: readonly string[] = []) {
  const found: string[] = [];
  const errors: string[] = [];
  const stop = watchForMirrors(folder, {
    known,
    everyMs: 5,
    onMirror: (path) => found.push(path),
    onError: (error) => errors.push(String(error)),
  });
  t.defer(stop, (end) => end());
  // Looking around keeps no process alive.
  const alive = setInterval(() => {}, 1000);
  t.defer(alive, clearInterval);
  return { found, errors };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

test(
  'watchForMirrors :: tells once of each stream file that comes, and of none that is known',
  scope(async (t) => {
    mkdirSync(t.path('data'));
    writeFileSync(t.path('data/known.stream'), '');
    writeFileSync(t.path('data/first.stream'), '');
    const { found } = watching(t, t.path('data'), [t.path('data/known.stream')]);

    await until(() => found.length === 1);
    for (const name of ['second.stream', 'second.stream-wal', 'third.stream.part']) {
      writeFileSync(t.path(`data/${name}`), '');
    }
    await until(() => found.length === 2);
    writeFileSync(t.path('data/first.stream'), 'more');
    writeFileSync(t.path('data/last.stream'), '');
    await until(() => found.length === 3);
    assert.equal(
      found,
      ['first', 'second', 'last'].map((name) => t.path(`data/${name}.stream`)),
    );
  }),
);

test(
  'watchForMirrors :: a folder that cannot be read is told of once, and looked at again',
  scope(async (t) => {
    writeFileSync(t.path('data'), 'a file, for the time being');
    const { found, errors } = watching(t, t.path('data'));

    await until(() => errors.length > 0);
    rmSync(t.path('data'));
    mkdirSync(t.path('data'));
    writeFileSync(t.path('data/a.stream'), '');
    await until(() => found.length > 0);
    assert.equal(found, [t.path('data/a.stream')]);
    assert.is(errors.length, 1);
    assert.match(errors[0] ?? '', 'ENOTDIR');
  }),
);

test(
  'watchForMirrors :: a folder that comes later, or another one in its place, is looked at',
  scope(async (t) => {
    const { found, errors } = watching(t, t.path('data'));
    for (const name of ['a', 'b', 'c']) {
      mkdirSync(t.path('data'));
      writeFileSync(t.path(`data/${name}.stream`), '');
      await until(() => found.includes(t.path(`data/${name}.stream`)));
      rmSync(t.path('data'), { recursive: true });
    }
    assert.is(found.length, 3);
    assert.equal(errors, []);
  }),
);

test.run();
