/**
 * A watched folder under scripted edits of every kind: each settles into one generation that equals the
 * folder, and no generation ever holds half a file. DRAYER_TEST_SEED repeats a run.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inflateFile } from '../../src/files/file-record.ts';
import type { PublishReport } from '../../src/publish/publisher.ts';
import { type Watch, type WatchOptions, watchWith } from '../../src/publish/watch-directory.ts';
import { type OpenHints, openHints } from '../../src/publish/watch-hints.ts';
import { createStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import {
  EDITS,
  type EditedFolder,
  isWhole,
  sealed,
  writeShadow,
} from '../helpers/scripted-edits.ts';

const test = suite('publish/watch-edits');

const SETTLE_MS = 100;
/** Nothing is waited for by time; what takes longer has failed. */
const DEADLINE_MS = 30_000;
/** So many edits are 1,000 in the slow run. */
const EDIT_COUNT = 20;

test(
  'watchDirectory :: every scripted edit settles into one generation without half a file',
  scope(async (t) => {
    const rig = await watchFolder(t, { settleMs: SETTLE_MS });
    const { folder } = rig;
    const names = Object.keys(EDITS);
    let order: string[] = [];
    const surplus: string[] = [];

    for (
      let i = 0;
      i < Math.max(names.length, scaled(EDIT_COUNT) * (scaled(1) > 1 ? 2 : 1));
      i += 1
    ) {
      if (order.length === 0) order = shuffled(folder, names);
      const name = order.pop() ?? '';
      const before = JSON.stringify([...folder.shadow].sort());
      await EDITS[name]?.(folder);
      if (JSON.stringify([...folder.shadow].sort()) !== before) rig.expected += 1;
      await rig.settled(`edit ${i}, ${name}`);
      // A second one may still come; it is then seen at the next edit.
      if (rig.generations > rig.expected) surplus.push(`${i}: ${name}`);
    }

    assert.equal(rig.halves, []);
    const counted = `seed ${rig.seed}: generations, too many after ${surplus.slice(0, 3)}`;
    assert.is(rig.generations, rig.expected, counted);
    assert.equal(
      rig.problems.filter((code) => code !== 'MASS_DELETE' && code !== 'DIRECTORY_NOT_FOUND'),
      [],
    );
  }),
);

test(
  'watchDirectory :: without settling the same rig sees half a file',
  scope(async (t) => {
    const rig = await watchFolder(t, { settleMs: 0 });

    for (let i = 0; i < 20 && rig.halves.length === 0; i += 1) {
      await EDITS['a file that grows']?.(rig.folder);
      await rig.settled(`edit ${i}`);
    }

    assert.ok(rig.halves.length > 0, `seed ${rig.seed}: no half file was published`);
  }),
);

type Rig = {
  readonly seed: number;
  readonly folder: EditedFolder;
  readonly watch: Watch;
  readonly problems: string[];
  /** Files that were half written in a generation. */
  readonly halves: string[];
  readonly generations: number;
  /** How many generations there should have been. */
  expected: number;
  /** Resolves when the stream equals the folder. */
  settled(what: string): Promise<void>;
};

async function watchFolder(t: Scope, options: WatchOptions): Promise<Rig> {
  const seed = freshSeed();
  const random = randomFrom(seed);
  const paths = Array.from({ length: 24 }, (_, i) =>
    i % 2 === 0 ? `p${i}.html` : `d${i % 6}/p${i}.html`,
  );
  const shadow = new Map(paths.map((path) => [path, sealed(random)]));
  const folder: EditedFolder = { root: t.path('site'), random, shadow, pauseMs: 40, isDeaf: false };
  writeShadow(folder);
  const stream = t.defer(createStream(t.path('site.stream')), (one) => one.close());
  const [problems, halves]: string[][] = [[], []];
  let generations = 0;
  let wake: () => void = () => {};
  const watch = await watchWith(deafOpen(folder), folder.root, stream, {
    // Nothing that a hint should have told is to be found by chance.
    rescanMs: 3_600_000,
    ...options,
    onGeneration: (report) => {
      generations += 1;
      halves?.push(...halvesIn(stream, report));
      wake();
    },
    onProblem: ({ code }) => void problems?.push(code),
  });
  t.defer(watch, (one) => one.close());
  const settled = (what: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const why = `${difference(stream, shadow)}; problems ${problems}`;
        reject(new Error(`seed ${seed}, ${what}: never settled: ${why}`));
      }, DEADLINE_MS);
      wake = () => {
        if (difference(stream, shadow) !== undefined) return;
        clearTimeout(timer);
        resolve();
      };
      wake();
    });
  return {
    seed,
    folder,
    watch,
    problems: problems ?? [],
    halves: halves ?? [],
    get generations() {
      return generations;
    },
    // The first was made before anybody listened, and was heard of all the same.
    expected: 1,
    settled,
  };
}

/** Chokidar; while the folder is deaf its hints are lost, and then it says that it has lost some. */
function deafOpen(folder: EditedFolder): OpenHints {
  return (options) =>
    openHints({
      ...options,
      onHint: (...hint) => {
        if (!folder.isDeaf) return options.onHint(...hint);
        folder.isDeaf = false;
        options.onError(new Error('events were lost'));
      },
    });
}

function halvesIn(stream: Stream, { added, changed }: PublishReport): string[] {
  return [...added, ...changed].filter((key) => !isWhole(contentOf(stream, key) ?? ''));
}

function contentOf(stream: Stream, key: string): string | undefined {
  const value = stream.getBytes('file', key);
  return value && Buffer.from(inflateFile(value, 1_000_000)).toString();
}

/** The first path in which they differ. */
function difference(stream: Stream, shadow: ReadonlyMap<string, string>): string | undefined {
  const keys = new Set([...stream.keys({ type: 'file' }), ...shadow.keys()]);
  return [...keys].find((key) => contentOf(stream, key) !== shadow.get(key));
}

function shuffled({ random }: EditedFolder, names: readonly string[]): string[] {
  const left = [...names];
  return names.map(() => left.splice(random.below(left.length), 1)[0] ?? '');
}

test.run();
