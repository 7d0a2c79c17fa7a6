import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FileHints } from '../../src/server/file-hints.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('server/file-hints');

/** Hints whose looks are noted, and how to wait for the first look at a path. */
function make(t: Scope): { hints: FileHints; looked: string[]; seen(path: string): Promise<void> } {
  const looked: string[] = [];
  let wake: () => void = () => {};
  const hints = new FileHints((path) => {
    looked.push(path);
    wake();
  });
  const seen = async (path: string): Promise<void> => {
    // Looks are on timers that keep no process alive.
    const alive = setInterval(() => {}, 1000);
    while (!looked.includes(path)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    clearInterval(alive);
  };
  return { hints: t.defer(hints, (one) => one.close()), looked, seen };
}

test(
  'FileHints :: looks at a file when it, its log or its mark is written, and at no other',
  scope(async (t) => {
    for (const end of ['', '-wal', '.mark', '.mark.123.part']) {
      const { hints, looked, seen } = make(t);
      hints.add(t.path('a.stream'));
      hints.add(t.path('last.stream'));
      for (const name of ['other', 'a.streams', 'aa.stream', 'b.stream-wal']) {
        writeFileSync(t.path(name), 'x');
      }
      writeFileSync(t.path(`a.stream${end}`), 'x');
      await seen(t.path('a.stream'));
      writeFileSync(t.path('last.stream'), 'x');
      await seen(t.path('last.stream'));
      assert.equal([...new Set(looked)], [t.path('a.stream'), t.path('last.stream')]);
    }
  }),
);

test(
  'FileHints :: looks at it more than once, for a write comes before the commit it is of',
  scope(async (t) => {
    const { hints, looked, seen } = make(t);
    hints.add(t.path('a.stream'));
    writeFileSync(t.path('a.stream-wal'), 'x');
    await seen(t.path('a.stream'));
    const before = looked.length;
    looked.length = 0;
    await seen(t.path('a.stream'));
    assert.ok(before >= 1);
  }),
);

test(
  'FileHints :: a log that is made anew by who reads, and what is remembered of sources, are not looked at for long',
  scope(async (t) => {
    mock.timers.enable({ apis: ['setInterval'] });
    t.defer(mock.timers, (timers) => timers.reset());
    const { hints, looked } = make(t);
    const names = ['read', 'told', 'asked', 'written', 'moved'];
    for (const name of names) hints.add(t.path(`${name}.stream`));
    const times = (name: string): number =>
      looked.filter((path) => path === t.path(`${name}.stream`)).length;

    writeFileSync(t.path('read.stream-wal'), '');
    writeFileSync(t.path('read.stream-shm'), 'x');
    writeFileSync(t.path('asked.stream.sources.12.part'), 'x');
    renameSync(t.path('asked.stream.sources.12.part'), t.path('asked.stream.sources'));
    writeFileSync(t.path('moved.stream'), 'x');
    writeFileSync(t.path('moved.stream-wal'), '');
    // In the order in which it was written, and this last.
    writeFileSync(t.path('written.stream-wal'), 'x');
    while (times('written') === 0) {
      await turn();
      mock.timers.tick(4);
    }
    mock.timers.tick(10 * 4);

    assert.ok(times('written') > 10, `${times('written')} looks at what was written`);
    assert.ok(times('moved') > 10, `${times('moved')} looks where only the log is empty`);
    assert.ok(times('read') > 0 && times('read') <= 3, `${times('read')} looks`);
    assert.is(times('asked'), 0);
    assert.is(times('told'), 0);
  }),
);

test(
  'FileHints :: a file that was removed, and a folder that is not there, are looked at no more',
  scope(async (t) => {
    const { hints, looked, seen } = make(t);
    mkdirSync(t.path('sub'));
    hints.add(t.path('none/c.stream'));
    hints.add(t.path('sub/b.stream'));
    hints.add(t.path('a.stream'));
    hints.add(t.path('last.stream'));
    hints.remove(t.path('a.stream'));
    hints.remove(t.path('sub/b.stream'));
    hints.remove(t.path('none/c.stream'));
    writeFileSync(t.path('a.stream'), 'x');
    writeFileSync(t.path('sub/b.stream'), 'x');
    writeFileSync(t.path('last.stream'), 'x');
    await seen(t.path('last.stream'));
    assert.equal([...new Set(looked)], [t.path('last.stream')]);
  }),
);

test(
  'FileHints :: are trusted as long as one comes of each change that is seen otherwise',
  scope(async (t) => {
    const { hints, seen } = make(t);
    hints.add(t.path('a.stream'));
    hints.add(t.path('b.stream'));
    writeFileSync(t.path('a.stream'), 'x');
    await seen(t.path('a.stream'));
    mock.timers.enable({ apis: ['setTimeout'] });
    t.defer(mock.timers, (timers) => timers.reset());

    hints.expect(t.path('a.stream'));
    mock.timers.tick(10_000);
    await turn();
    assert.is(hints.isTrusted, true);

    hints.expect(t.path('b.stream'));
    mock.timers.tick(999);
    await turn();
    assert.is(hints.isTrusted, true);
    mock.timers.tick(1);
    await turn();
    assert.is(hints.isTrusted, false);
  }),
);

test(
  'FileHints :: are not trusted where a folder cannot be watched',
  scope((t) => {
    const { hints } = make(t);
    hints.add(t.path('a.stream'));
    assert.is(hints.isTrusted, true);
    hints.add(t.path('none/c.stream'));
    assert.is(hints.isTrusted, false);
  }),
);

test.run();
