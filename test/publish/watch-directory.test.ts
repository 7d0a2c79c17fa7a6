/** `watchDirectory`: what is told and waited out, and what ends it; the edits are in watch-edits.test.ts. */
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DrayerError } from '../../src/core/errors.ts';
import type { PublishReport } from '../../src/publish/publisher.ts';
import {
  type Watch,
  type WatchOptions,
  watchDirectory,
  watchWith,
} from '../../src/publish/watch-directory.ts';
import { type HintOptions, type OpenHints, openHints } from '../../src/publish/watch-hints.ts';
import { keyPathOf } from '../../src/store/key-file.ts';
import { createStream, openStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';
import { makeWaiting } from '../helpers/waiting.ts';

const test = suite('publish/watch-directory');

/** Nothing is waited for by time; what takes longer has failed. */
const DEADLINE_MS = 30_000;

test(
  'watchDirectory :: a pattern that comes or goes is obeyed at once, for the whole site',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a', 'drafts/b.html': 'b' });

    put(rig, '.drayerignore', 'drafts/\n');
    await rig.until(() => rig.keys().join() === 'a.html');
    put(rig, 'drafts/c.html', 'c');
    rmSync(join(rig.root, '.drayerignore'));
    await rig.until(() => rig.keys().join() === 'a.html,drafts/b.html,drafts/c.html');
  }),
);

test(
  'watchDirectory :: litter of editors makes no generation',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a' });

    for (const name of ['.a.html.swp', 'a.html~', '#a.html#', '4913', 'a.html.tmp']) {
      put(rig, name, 'x');
    }
    symlinkSync('me@here', join(rig.root, '.#a.html'));
    put(rig, 'b.html', 'b');
    await rig.until(() => rig.reports.length === 1);

    assert.equal(rig.reports[0]?.added, ['b.html']);
  }),
);

test(
  'watchDirectory :: what is wrong with a file is told once, the last generation stays, mended it goes on',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a' });

    put(rig, 'key.txt', readFileSync(keyPathOf(rig.stream.path), 'utf8'));
    await rig.until(() => rig.words.includes('SECRET_IN_SITE'));
    put(rig, 'a.html', 'aa');
    put(rig, 'b.html', 'b');
    rmSync(join(rig.root, 'key.txt'));
    await rig.until(() => rig.reports.length === 1);

    assert.equal(rig.words, ['SECRET_IN_SITE', 'mended']);
    assert.equal(rig.reports[0]?.added, ['b.html']);
    assert.equal(rig.reports[0]?.changed, ['a.html']);
  }),
);

test(
  'watchDirectory :: a problem that turns into another one is told again',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a' }, { maxFileBytes: 10 });

    put(rig, 'b.html', 'more than ten bytes');
    await rig.until(() => rig.words.length === 1);
    put(rig, 'A.html', 'a');
    await rig.until(() => rig.words.length === 2);

    // The gravest is first among those of one rank by its path.
    assert.equal(rig.words, ['TOO_LARGE', 'PATH_INVALID']);
  }),
);

const asUser = process.getuid?.() === 0 ? test.skip : test;
asUser(
  'watchDirectory :: a file that cannot be read is published when its mode is mended',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a' });

    put(rig, 'b.html', 'b');
    chmodSync(join(rig.root, 'b.html'), 0);
    await rig.until(() => rig.words.includes('FILE_UNREADABLE'));
    chmodSync(join(rig.root, 'b.html'), 0o644);
    await rig.until(() => rig.keys().join() === 'a.html,b.html');
  }),
);

test(
  'watchDirectory :: a folder that is emptied is held back, and told once until it is whole again',
  scope(async (t) => {
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`p${i}.html`, `${i}`]));
    const rig = await watchFolder(t, files);

    for (const name of Object.keys(files)) rmSync(join(rig.root, name));
    await rig.until(() => rig.words.length === 1);
    for (const [name, content] of Object.entries(files)) put(rig, name, content);
    put(rig, 'p1.html', 'changed');
    await rig.until(() => rig.words.includes('mended'));

    assert.equal(rig.words, ['MASS_DELETE', 'mended']);
    assert.equal(
      rig.reports.map(({ changed, removed }) => [changed, removed]),
      [[['p1.html'], []]],
    );
  }),
);

test(
  'watchDirectory :: after a folder was emptied, one that still lacks files is given more time',
  scope(async (t) => {
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`p${i}.html`, `${i}`]));
    const rig = await watchFolder(t, files, { settleMs: 30 });

    for (const name of Object.keys(files)) rmSync(join(rig.root, name));
    await rig.until(() => rig.words.includes('MASS_DELETE'));
    const kept = Object.entries(files).slice(0, 20);
    const began = performance.now();
    for (const [name, content] of kept) put(rig, name, content);
    await rig.until(() => rig.reports.length === 1);

    assert.is(rig.reports[0]?.removed.length, 10);
    assert.ok(performance.now() - began >= 300);
  }),
);

test(
  'watchDirectory :: a folder that is gone is waited for',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a' });

    renameSync(rig.root, t.path('away'));
    await rig.until(() => rig.words.includes('DIRECTORY_NOT_FOUND'));
    mkdirSync(rig.root);
    put(rig, 'a.html', 'other');
    put(rig, 'deep/b.html', 'b');
    await rig.until(() => rig.keys().join() === 'a.html,deep/b.html');
    // The folder is another one; it is watched like the first.
    put(rig, 'deep/c.html', 'c');
    await rig.until(() => rig.keys().includes('deep/c.html'));

    assert.equal(rig.words, ['DIRECTORY_NOT_FOUND', 'mended']);
  }),
);

test(
  'watchDirectory :: never leads out of the site through a folder that became a link',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a', 'in/b.html': 'b' });
    mkdirSync(t.path('outside'));
    writeFileSync(t.path('outside', 'b.html'), 'not ours');

    renameSync(join(rig.root, 'in'), t.path('away'));
    symlinkSync(t.path('outside'), join(rig.root, 'in'));
    rig.hints().onHint('in', 'b.html');
    await rig.until(() => rig.reports.length === 1);

    assert.equal(rig.keys(), ['a.html']);
  }),
);

test(
  'watchDirectory :: looks at everything every so often, whatever was hinted at',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a/b/c.html': 'c' }, { rescanMs: 20 }, deaf);

    put(rig, 'a/b/c.html', 'other');
    await rig.until(() => rig.reports.length === 1);

    assert.equal(rig.reports[0]?.changed, ['a/b/c.html']);
  }),
);

test(
  'watchDirectory :: looks at everything when hints may have been lost',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a/b/c.html': 'c' }, {}, deaf);

    put(rig, 'a/b/d.html', 'd');
    rig.hints().onError(new Error('overflow'));
    await rig.until(() => rig.reports.length === 1);

    assert.equal(rig.words, []);
  }),
);

test(
  'watchDirectory :: without watches left it says so, and looks by itself from then on',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a' }, {}, deaf);
    const full = Object.assign(new Error('no watches'), { code: 'ENOSPC' });

    rig.hints().onError(full);
    rig.hints().onError(full);
    put(rig, 'b.html', 'b');
    await rig.until(() => rig.reports.length === 1);

    assert.equal(rig.words, ['warning STORAGE_FAILED']);
  }),
);

test(
  'watchDirectory :: sees a change inside a file where it has to poll',
  scope(async (t) => {
    process.env['CHOKIDAR_USEPOLLING'] = '1';
    t.defer(process.env, (env) => delete env['CHOKIDAR_USEPOLLING']);
    const rig = await watchFolder(t, { 'a/b.html': 'b', '.git/c': 'c' });

    put(rig, 'a/b.html', 'other');
    await rig.until(() => rig.reports.length === 1);

    assert.equal(rig.reports[0]?.changed, ['a/b.html']);
  }),
);

test(
  'watchDirectory :: a stream that others have changed is compared anew',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a', 'b.html': 'b' });
    const other = t.defer(openStream(rig.stream.path), (one) => one.close());

    other.deleteFile('a.html');
    other.set('apple', { planted: 2019 });
    put(rig, 'b.html', 'bb');
    await rig.until(() => rig.reports.length === 1);

    assert.equal(rig.reports[0]?.added, ['a.html']);
    assert.equal(rig.reports[0]?.changed, ['b.html']);
    assert.equal(rig.stream.get('apple'), { planted: 2019 });
  }),
);

test(
  'watchDirectory :: a stream that another process is writing is tried again',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a' });
    const commit = rig.stream.commit.bind(rig.stream);
    let refusals = 2;
    rig.stream.commit = (...args) => {
      refusals -= 1;
      if (refusals < 0) return commit(...args);
      throw new DrayerError('STREAM_BUSY', 'busy');
    };

    put(rig, 'b.html', 'b');
    await rig.until(() => rig.reports.length === 1);

    assert.equal(rig.words, ['STREAM_BUSY', 'mended']);
  }),
);

test(
  'watchDirectory :: what it cannot get over ends it',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a' });
    rig.stream.commit = () => {
      throw new DrayerError('STREAM_BEHIND_MARK', 'restored from a backup');
    };

    put(rig, 'b.html', 'b');
    await rejectsCode(rig.watch.closed, 'STREAM_BEHIND_MARK');

    assert.equal(rig.words, []);
    await rig.watch.close();
  }),
);

test(
  'watchDirectory :: a problem at the start is told, and published when it is mended',
  scope(async (t) => {
    const rig = await watchFolder(t, { 'a.html': 'a', 'A.html': 'a' });

    assert.is(rig.watch.first, undefined);
    rmSync(join(rig.root, 'A.html'));
    await rig.until(() => rig.reports.length === 1);

    assert.equal(rig.words, ['PATH_INVALID', 'mended']);
    assert.equal(rig.keys(), ['a.html']);
  }),
);

test(
  'watchDirectory :: refuses at once what can never work',
  scope(async (t) => {
    mkdirSync(t.path('site'));
    const stream = t.defer(createStream(t.path('own.stream')), (one) => one.close());
    await rejectsCode(watchDirectory(t.path('no'), stream), 'DIRECTORY_NOT_FOUND');
    await rejectsCode(
      watchDirectory(t.path('site'), stream, { signal: AbortSignal.abort() }),
      'ABORTED',
    );

    stream.set('apple', {});
    rmSync(keyPathOf(stream.path));
    const copy = t.defer(openStream(stream.path), (one) => one.close());
    await rejectsCode(watchDirectory(t.path('site'), copy), 'STREAM_READ_ONLY');
  }),
);

test(
  'watchDirectory :: ends with the signal, or when it is closed, twice if need be',
  scope(async (t) => {
    const stop = new AbortController();
    const rig = await watchFolder(t, { 'a.html': 'a' }, { signal: stop.signal });
    stop.abort();
    await rig.watch.closed;
    await rig.watch.close();
    await rig.watch.close();

    put(rig, 'b.html', 'b');
    // Whoever comes after has the folder to himself.
    const watch = await watchDirectory(rig.root, rig.stream);
    assert.equal(watch.first?.added, ['b.html']);
    await watch.close();
    assert.equal(rig.reports, []);
  }),
);

test(
  'watchDirectory :: what appears while it begins to watch is watched too',
  scope(async (t) => {
    const before: (() => void)[] = [];
    // A folder comes after the first look, and is hinted at before the first publish.
    const open: OpenHints = async (options) => {
      const source = await openHints(options);
      return {
        ...source,
        watch: async (...args) => {
          before.pop()?.();
          options.onHint('', 'late');
          await source.watch(...args);
        },
      };
    };
    mkdirSync(t.path('site'));
    before.push(() => put({ root: t.path('site') }, 'late/a.html', 'a'));
    const rig = await watchFolder(t, { 'a.html': 'a' }, {}, open);
    await rig.until(() => rig.keys().includes('late/a.html'));

    put(rig, 'late/b.html', 'b');
    await rig.until(() => rig.keys().includes('late/b.html'));
  }),
);

test(
  'watchDirectory :: signs anew what would be stale soon, and goes on from there (R20)',
  scope(async (t) => {
    const root = t.path('site');
    mkdirSync(root);
    put({ root }, 'a.html', 'one');
    let micros = Date.now() * 1000;
    const options = { now: () => micros, lifetimeMicros: 1_000_000 };
    const stream = t.defer(createStream(t.path('own.stream'), options), (one) => one.close());
    const told: string[] = [];
    const { wake, until } = makeWaiting(told, 20_000);
    const watch = await watchDirectory(root, stream, {
      rescanMs: 50,
      onGeneration: ({ added, changed, generation }) => {
        told.push(`${generation.snapshot?.seq}: ${[...added, ...changed]}`);
        wake();
      },
      onProblem: ({ code }) => {
        told.push(code);
        wake();
      },
    });
    t.defer(watch, (one) => one.close());

    micros += 600_000;
    await until('a new snapshot', () => told.includes('2: '));
    put({ root }, 'a.html', 'two');
    await until('the change', () => told.includes('3: a.html'));

    assert.is(stream.reader.generation().snapshot?.exp, micros + 1_000_000);
    assert.not(told.includes('STREAM_BUSY'), String(told));
  }),
);

/** Hears nothing but what the test says. */
const deaf: OpenHints = async () => ({ watch: async () => {}, close: async () => {} });

type Rig = {
  readonly root: string;
  readonly stream: Stream;
  readonly watch: Watch;
  /** Of the generations after the first. */
  readonly reports: PublishReport[];
  /** Codes of problems, and `mended`. */
  readonly words: string[];
  /** Paths in the stream. */
  keys(): string[];
  /** What hints are given to. */
  hints(): HintOptions;
  /** Resolves when it is so; looked at whenever something was told. */
  until(condition: () => boolean): Promise<void>;
};

async function watchFolder(
  t: Scope,
  files: Readonly<Record<string, string>>,
  options: WatchOptions = {},
  open: OpenHints = openHints,
): Promise<Rig> {
  const root = t.path('site');
  mkdirSync(root, { recursive: true });
  for (const [name, content] of Object.entries(files)) put({ root }, name, content);
  const stream = t.defer(createStream(t.path('own.stream')), (one) => one.close());
  const [reports, words]: [PublishReport[], string[]] = [[], []];
  const looks = new Set<() => void>();
  const wake = (): void => {
    for (const look of looks) look();
  };
  let hints: HintOptions | undefined;
  const opened: OpenHints = (given) => {
    hints = given;
    return open(given);
  };
  const watch = await watchWith(opened, root, stream, {
    rescanMs: 3_600_000,
    ...options,
    onGeneration: (report) => {
      if (report.generation.snapshot?.seq !== 1 || words.length > 0) reports.push(report);
      wake();
    },
    onProblem: ({ code }) => {
      words.push(code);
      wake();
    },
    onWarning: ({ code }) => void words.push(`warning ${code}`),
    onMended: () => {
      words.push('mended');
      wake();
    },
  });
  t.defer(watch, (one) => one.close());
  return {
    root,
    stream,
    watch,
    reports,
    words,
    keys: () => [...stream.keys({ type: 'file' })],
    hints: () => hints as HintOptions,
    until: (condition) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`not so: ${words}`)), DEADLINE_MS);
        const look = (): void => {
          if (!condition()) return;
          clearTimeout(timer);
          looks.delete(look);
          resolve();
        };
        looks.add(look);
        look();
      }),
  };
}

function put({ root }: { readonly root: string }, name: string, content: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), content);
}

test.run();
