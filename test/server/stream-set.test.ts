import { EventEmitter } from 'node:events';
import fs, { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { mock } from 'node:test';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type GenerationEvent,
  type OpenStreamSet,
  openStreamSet,
  type StreamSetOptions,
  type StreamSource,
} from '../../src/server/stream-set.ts';
import { generateKeyPair } from '../../src/store/key-file.ts';
import { createStream, openStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { KEY_A, KEY_B, KEY_C, type TestKey } from '../helpers/keys.ts';
import { inOtherProcess } from '../helpers/other-process.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('server/stream-set');

function make(t: Scope, name: string, key: TestKey = KEY_A): Stream {
  const stream = createStream(t.path(name), { secretKey: key.secretKey });
  return t.defer(stream, (one) => one.close()).set('a', 1);
}

function open(t: Scope, sources: StreamSource[], options: StreamSetOptions = {}): OpenStreamSet {
  // Polls are asked for, except where a test is about the timer.
  const set = openStreamSet(sources, { pollMs: 1_000_000, ...options });
  return t.defer(set, (one) => one.close());
}

function eventsOf(set: OpenStreamSet): GenerationEvent[] {
  const events: GenerationEvent[] = [];
  set.onGeneration((event) => events.push(event));
  return events;
}

test(
  'openStreamSet :: finds streams by key and lists them in order, with their names',
  scope((t) => {
    make(t, 'b.stream', KEY_B);
    make(t, 'a.stream');
    const set = open(t, [{ path: t.path('b.stream'), name: 'B' }, { path: t.path('a.stream') }]);

    assert.is(set.find(KEY_A.publicKey)?.path, t.path('a.stream'));
    assert.is(set.find(KEY_C.publicKey), undefined);
    assert.equal(
      set.list().map(({ name }) => name),
      ['B', undefined],
    );
  }),
);

test(
  'openStreamSet :: lists are the same until a file comes, goes or becomes another stream',
  scope((t) => {
    make(t, 'a.stream').close();
    make(t, 'b.stream', KEY_B).close();
    const set = open(t, [{ path: t.path('a.stream') }]);
    const lists: unknown[] = [];
    const isOther = (): boolean => {
      const [list, files] = [set.list(), set.files()];
      const isNew = !lists.includes(list) && !lists.includes(files);
      assert.is(isNew, !lists.includes(list));
      lists.push(list, files);
      return isNew;
    };

    assert.is(isOther(), true);
    set.poll();
    assert.is(isOther(), false);
    set.add({ path: t.path('c.stream'), optional: true });
    assert.is(isOther(), true);
    make(t, 'c.stream', KEY_C).close();
    set.poll();
    assert.is(isOther(), true);
    assert.is(set.find(KEY_C.publicKey)?.path, t.path('c.stream'));
    renameSync(t.path('b.stream'), t.path('c.stream'));
    for (const end of ['-wal', '-shm']) rmSync(`${t.path('c.stream')}${end}`, { force: true });
    set.poll();
    assert.is(isOther(), true);
    assert.is(set.find(KEY_C.publicKey), undefined);
    set.remove(t.path('c.stream'));
    assert.is(isOther(), true);
    assert.equal(
      set.list().map(({ publicKey }) => publicKey),
      [KEY_A.publicKey],
    );
  }),
);

test(
  'openStreamSet :: of two files of one stream the newest is served, each id is listed once',
  scope((t) => {
    make(t, 'own.stream').close();
    copyFileSync(t.path('own.stream'), t.path('copy.stream'));
    const own = openStream(t.path('own.stream'), { secretKey: KEY_A.secretKey });
    t.defer(own, (one) => one.close()).set('b', 2);
    const errors: string[] = [];
    const sources = [
      { path: t.path('copy.stream') },
      { path: t.path('own.stream'), name: 'own' },
      { path: t.path('own.stream') },
    ];
    const set = open(t, sources, { onError: (error) => errors.push(String(error)) });
    const events = eventsOf(set);

    assert.is(set.find(KEY_A.publicKey)?.path, t.path('own.stream'));
    assert.equal(
      set.list().map(({ name }) => name),
      ['own'],
    );
    assert.is(errors.length, 1);
    assert.match(errors[0] ?? '', t.path('own.stream'));
    assert.match(errors[0] ?? '', t.path('copy.stream'));

    own.set('c', 3);
    set.poll();
    assert.equal(
      events.map(({ generation }) => generation.tip),
      [own.reader.generation().tip],
    );
  }),
);

for (const [by, pollMs] of [
  ['by the timer', 5],
  ['by the writes, long before the timer', 1_000_000],
] as const) {
  test(
    `openStreamSet :: a generation of another process is noticed ${by}`,
    scope(async (t) => {
      make(t, 'a.stream').close();
      const path = t.path('a.stream');
      const set = open(t, [{ path }], { pollMs });
      const noticed = new Promise<GenerationEvent>((resolve) => set.onGeneration(resolve));
      // Looking around keeps no process alive.
      const alive = setInterval(() => {}, 1000);
      t.defer(alive, clearInterval);

      const key = Buffer.from(KEY_A.secretKey).toString('hex');
      const tip = await inOtherProcess(`
        const { openStream } = await import('\${SRC}store/open-stream.ts');
        const stream = openStream(${JSON.stringify(path)}, { secretKey: new Uint8Array(Buffer.from('${key}', 'hex')) });
        stream.set('b', 2);
        process.stdout.write(String(stream.reader.generation().tip));
        stream.close();
      `);

      const { id, generation } = await noticed;
      assert.is(id, Buffer.from(KEY_A.publicKey).toString('base64'));
      assert.is(generation.tip, Number(tip));
      assert.is(generation.snapshot?.seq, 2);
    }),
  );
}

test(
  'openStreamSet :: a file that was replaced without a hint is noticed within two seconds',
  scope((t) => {
    make(t, 'a.stream').close();
    make(t, 'b.stream', KEY_B).close();
    // Tells of nothing, as some network file systems, and does not say so.
    const deaf = mock.method(fs, 'watch', () =>
      Object.assign(new EventEmitter(), { close: () => {} }),
    );
    syncBuiltinESMExports();
    mock.timers.enable({ apis: ['setInterval'] });
    t.defer(mock.timers, (timers) => timers.reset());
    t.defer(deaf.mock, (one) => {
      one.restore();
      syncBuiltinESMExports();
    });
    const set = open(t, [{ path: t.path('a.stream') }], { pollMs: 50 });
    renameSync(t.path('b.stream'), t.path('a.stream'));

    mock.timers.tick(2000);

    const [listed] = set.list();
    assert.is(listed?.id, Buffer.from(KEY_B.publicKey).toString('base64'));
  }),
);

test(
  'openStreamSet :: of many files that nobody hints at each has its turn, open or closed',
  scope(async (t) => {
    // In more folders than are watched.
    const names = Array.from({ length: 24 }, (_, i) => `${i}/a.stream`);
    const streams = names.map((name, i) => {
      mkdirSync(t.path(`${i}`));
      const { publicKey, secretKey } = generateKeyPair();
      return make(t, name, { publicKey, secretKey });
    });
    const paths = names.map((name) => ({ path: t.path(name) }));
    const set = open(t, paths, { pollMs: 2, maxOpen: 20 });
    // Looking around keeps no process alive.
    t.defer(
      setInterval(() => {}, 1000),
      clearInterval,
    );
    const seen = new Set<string>();
    const all = new Promise<void>((resolve) => {
      set.onGeneration(({ id }) => {
        seen.add(id);
        if (seen.size === streams.length) resolve();
      });
    });

    for (const stream of streams) stream.set('b', 2);

    await all;
  }),
);

test(
  'openStreamSet :: one event for each generation, none where nothing changed, none after unsubscribing',
  scope((t) => {
    const stream = make(t, 'a.stream');
    const set = open(t, [{ path: t.path('a.stream') }]);
    const events = eventsOf(set);
    const more: unknown[] = [];
    const stop = set.onGeneration((event) => more.push(event));

    set.poll();
    stream.set('b', 1);
    set.poll();
    set.poll();
    stop();
    stream.set('b', 2);
    set.poll();

    assert.equal(
      events.map(({ generation }) => generation.snapshot?.seq),
      [2, 3],
    );
    assert.is(more.length, 1);
  }),
);

test(
  'openStreamSet :: holds at most so many connections, notices changes of the closed ones too',
  scope((t) => {
    const streams = [make(t, 'a.stream'), make(t, 'b.stream', KEY_B), make(t, 'c.stream', KEY_C)];
    const sources = streams.map(({ path }) => ({ path }));
    const set = open(t, sources, { maxOpen: 1 });
    const events = eventsOf(set);

    for (const { publicKey } of [KEY_A, KEY_B, KEY_C, KEY_A]) {
      assert.is(set.find(publicKey)?.generation().count, 2);
    }
    for (const stream of streams) stream.set('b', 1);
    set.poll();

    assert.equal(events.map(({ id }) => id).sort(), streams.map(({ id }) => id).sort());
    assert.is(set.find(KEY_B.publicKey)?.generation().count, 3);
  }),
);

test(
  'openStreamSet :: a missing file is an error, unless it may come later',
  scope((t) => {
    const path = t.path('later.stream');
    assert.throws(() => openStreamSet([{ path }]), throwsCode('STREAM_NOT_FOUND'));

    const set = open(t, [{ path, optional: true }]);
    const events = eventsOf(set);
    assert.equal(set.list(), []);

    make(t, 'made.stream').close();
    renameSync(t.path('made.stream'), path);
    set.poll();

    assert.is(set.find(KEY_A.publicKey)?.path, path);
    assert.is(events.length, 1);
  }),
);

test(
  'openStreamSet :: the first generation of a mirror in the making is not served (R15)',
  scope((t) => {
    make(t, 'a.stream.part');

    const set = open(t, [{ path: t.path('a.stream.part') }]);

    assert.equal(set.list(), []);
    assert.is(set.find(KEY_A.publicKey), undefined);
  }),
);

test(
  'openStreamSet :: another file in the place of one is opened anew; a deleted one is gone',
  scope((t) => {
    const first = make(t, 'a.stream');
    const set = open(t, [{ path: t.path('a.stream') }]);
    const events = eventsOf(set);
    first.close();
    make(t, 'new.stream', KEY_B).close();

    renameSync(t.path('new.stream'), t.path('a.stream'));
    set.poll();
    assert.is(set.find(KEY_A.publicKey), undefined);
    assert.is(set.find(KEY_B.publicKey)?.generation().count, 2);
    assert.is(events.length, 1);

    rmSync(t.path('a.stream'));
    set.poll();
    assert.is(set.find(KEY_B.publicKey), undefined);
    assert.equal(set.list(), []);
  }),
);

test(
  'openStreamSet :: a file that turns bad is reported and does not stop the others',
  scope((t) => {
    make(t, 'a.stream').close();
    const other = make(t, 'b.stream', KEY_B);
    const faults: string[] = [];
    const onError = (_: unknown, path: string): void => void faults.push(path);
    const set = open(t, [{ path: t.path('a.stream') }, { path: other.path }], { onError });
    const events = eventsOf(set);
    make(t, 'c.stream', KEY_C).close();

    renameSync(t.path('c.stream.mark'), t.path('a.stream'));
    other.set('b', 1);
    set.poll();

    assert.equal(faults, [t.path('a.stream')]);
    assert.equal(
      events.map(({ id }) => id),
      [other.id],
    );
  }),
);

test(
  'openStreamSet :: close() may be called twice, and closes what is open',
  scope((t) => {
    make(t, 'a.stream');
    const set = openStreamSet([{ path: t.path('a.stream') }]);
    set.find(KEY_A.publicKey);

    set.close();
    set.close();

    assert.equal(set.list(), []);
  }),
);

test.run();
