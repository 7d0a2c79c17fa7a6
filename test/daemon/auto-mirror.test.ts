/** What is taken unasked: as much as there is room for, and never more. */
import { existsSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { type AutoLimits, AutoMirror, type AutoOptions } from '../../src/daemon/auto-mirror.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { listKept, readKept, writeKept } from '../../src/daemon/kept-mirrors.ts';
import { MirrorKeeper } from '../../src/daemon/mirror-keeper.ts';
import type { NearbyStream } from '../../src/discovery/discovery.ts';
import { makeDataDir, mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('daemon/auto-mirror');

type Shelf = { readonly heard: NearbyStream[]; readonly ids: string[] };

/** A machine that serves so many streams of so many bytes. */
async function shelf(t: Scope, host: string, streams: number, bytes = 10): Promise<Shelf> {
  const made = Array.from({ length: streams }, (_, at) => {
    const path = t.path(`${host}-${bytes}-${at}.stream`);
    const stream = t.defer(createStream(path), (one) => one.close());
    stream.set('text', 'x'.repeat(bytes));
    return { path, stream };
  });
  const daemon = await startDaemon({ streams: made.map(({ path }) => ({ path })), port: 0, host });
  t.defer(daemon, (one) => one.close());
  const url = `http://${host}:${daemon.port}`;
  return {
    heard: made.map(({ stream }) => heard(stream.publicKey, url)),
    ids: made.map(({ stream }) => stream.id),
  };
}

function heard(publicKey: Uint8Array, url: string, isSigned = true): NearbyStream {
  return { publicKey, modified: 1, urls: [url], isSigned, firstHeardMs: 0, lastHeardMs: 0 };
}

type Rig = {
  readonly auto: AutoMirror;
  readonly keeper: MirrorKeeper;
  readonly taken: string[];
  readonly failed: string[];
  readonly full: string[];
  /** Ids that are kept, sorted. */
  kept(): string[];
  later(ms: number): void;
};

const NEVER = { streamBytes: 100_000, freeBytes: 1 };

async function rig(
  t: Scope,
  nearby: readonly NearbyStream[],
  limits: AutoLimits = {},
  more: Partial<AutoOptions> = {},
): Promise<Rig> {
  const dataDir = t.path('data');
  makeDataDir(dataDir);
  const keeper = t.defer(new MirrorKeeper({ dataDir }), (one) => one.close());
  for (const one of await listKept(dataDir, (error) => assert.unreachable(String(error)))) {
    keeper.add(one);
  }
  const [taken, failed, full]: [string[], string[], string[]] = [[], [], []];
  let nowMs = 0;
  const auto = new AutoMirror({
    dataDir,
    keeper,
    limits: { ...NEVER, ...limits },
    nearby: () => nearby,
    isDenied: () => false,
    onPath: () => {},
    onGone: () => {},
    onError: (error) => assert.unreachable(String(error)),
    clockMs: () => nowMs,
    events: {
      onTaken: (id) => taken.push(id),
      onFailed: (id, _, { code }) => failed.push(`${id} ${code}`),
      onFull: (reason) => full.push(reason),
    },
    ...more,
  });
  t.defer(auto, (one) => one.close());
  auto.look();
  await auto.idle();
  const kept = () =>
    keeper
      .list()
      .map(({ id }) => id)
      .sort();
  const later = (ms: number): void => {
    nowMs += ms;
  };
  return { auto, keeper, taken, failed, full, kept, later };
}

test(
  'AutoMirror :: takes what is heard, notes that nobody has asked for it, and has it after a restart',
  scope(async (t) => {
    const { heard: streams, ids } = await shelf(t, '127.0.0.2', 3);
    const first = await rig(t, streams);

    const notes = ids.map((id) =>
      readKept(first.keeper.list().find((one) => one.id === id)?.path ?? ''),
    );
    await first.auto.close();
    await first.keeper.close();
    const second = await rig(t, []);

    assert.equal(first.taken.sort(), ids.toSorted());
    assert.ok(notes.every((note) => note?.isAuto === true && note.quota?.bytes === 100_000));
    assert.equal(second.kept(), ids.toSorted());
    assert.ok(second.keeper.list().every(({ isAuto }) => isAuto));
  }),
);

test(
  'AutoMirror :: so many streams and no more; what is here gives way to nothing, also after a restart',
  scope(async (t) => {
    const good = await shelf(t, '127.0.0.2', 2);
    const flood = await shelf(t, '127.0.0.3', 12);
    const first = await rig(t, good.heard, { streams: 6 });
    await first.auto.close();
    await first.keeper.close();

    const second = await rig(t, [...flood.heard, ...good.heard], { streams: 6 });
    await second.auto.close();
    await second.keeper.close();
    const third = await rig(t, (await shelf(t, '127.0.0.4', 3)).heard, { streams: 6 });

    assert.ok(good.ids.every((id) => second.kept().includes(id)));
    // One machine gets half of the places.
    assert.is(second.kept().length, 5);
    assert.is(third.kept().length, 6);
    assert.ok(good.ids.every((id) => third.kept().includes(id)));
    assert.equal(third.full, ['there are 6 of 6 streams']);
  }),
);

test(
  'AutoMirror :: bytes are reserved before they come: one machine or many, the sum is never more',
  scope(async (t) => {
    const machines = await Promise.all(
      ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'].map((host) => shelf(t, host, 3)),
    );
    const all = machines.flatMap((one) => one.heard);

    const { keeper, full } = await rig(t, all, { totalBytes: 350_000 });

    const reserved = keeper.list().reduce((sum, { quota }) => sum + (quota?.bytes ?? 0), 0);
    assert.is(reserved, 300_000);
    assert.is(full.length, 1);
    assert.match(full[0] ?? '', '300000 of 350000 bytes are reserved');
  }),
);

test(
  'AutoMirror :: what is too large, away or not what it says leaves no file behind, and is not asked again at once',
  scope(async (t) => {
    const large = await shelf(t, '127.0.0.2', 1, 300_000);
    const small = await shelf(t, '127.0.0.3', 1);
    const fakes = Array.from({ length: 20 }, (_, at) => {
      const key = createStream(t.path(`fake-${at}.stream`));
      key.close();
      return heard(key.publicKey, small.heard[0]?.urls[0]?.replace('127.0.0.3', '127.0.0.4') ?? '');
    });
    const streams = [...fakes, ...large.heard];

    const { auto, failed, later } = await rig(t, streams);
    const asked = failed.length;
    auto.look();
    await auto.idle();

    // One of twenty of the machine that is away, and then it rests.
    assert.is(asked, 2);
    assert.ok(failed.includes(`${large.ids[0]} TOO_LARGE`), failed.join());
    assert.is(failed.length, 2);
    const left = readdirSync(t.path('data'));
    assert.equal(
      left.filter((name) => name.includes('.stream')),
      [],
    );
    later(31_000);
    auto.look();
    await auto.idle();
    assert.is(failed.length, 4);
  }),
);

test(
  'AutoMirror :: who says last that he has a stream, and has not, does not keep it from coming from another',
  scope(async (t) => {
    const { heard: streams, ids } = await shelf(t, '127.0.0.2', 3);
    const liar = 'http://127.0.0.9:9';
    const claimed = streams.map((stream) => ({ ...stream, urls: [liar, ...stream.urls] }));

    const { auto, taken, failed } = await rig(t, claimed);

    assert.equal(taken.sort(), ids.toSorted());
    // He was asked once, and rests.
    assert.is(failed.length, 1);
    await auto.close();
    const [only] = (await shelf(t, '127.0.0.3', 1, 20)).heard;
    const lost = await rig(t, [{ ...heard(only?.publicKey ?? new Uint8Array(), liar) }]);
    lost.later(20_000);
    lost.auto.look();
    await lost.auto.idle();
    assert.is(lost.failed.length, 1, 'where nobody else has it, it is left alone');
  }),
);

test(
  'AutoMirror :: nothing is taken that could fill the disk',
  scope(async (t) => {
    const { heard: streams } = await shelf(t, '127.0.0.2', 1);
    let free = 1_199_999;
    const { auto, kept, full } = await rig(
      t,
      streams,
      { freeBytes: 1_000_000 },
      { freeBytes: () => Promise.resolve(free) },
    );

    const before = kept().length;
    free += 1;
    auto.look();
    await auto.idle();

    assert.is(before, 0);
    assert.equal(full, ['1199999 bytes are free on the disk, 1200000 are to be']);
    assert.is(kept().length, 1);
  }),
);

test(
  'AutoMirror :: denied keys are not taken, and let go of when they are denied later; what somebody asked for stays',
  scope(async (t) => {
    const { heard: streams, ids } = await shelf(t, '127.0.0.2', 3);
    const denied = new Set([ids[0]]);
    const isDenied = (publicKey: Uint8Array): boolean => denied.has(formatStreamId(publicKey));
    const { auto, keeper, kept } = await rig(t, streams, {}, { isDenied });
    const [, second = '', third = ''] = ids;
    const path = mirrorPathOf(streams[1]?.publicKey ?? new Uint8Array(), t.path('data'));

    const before = kept();
    // Somebody asks for the third one by hand: from now on it is theirs.
    await keeper.mirror({ id: third }, { signal: new AbortController().signal });
    denied.add(second).add(third);
    auto.look();
    await auto.idle();

    assert.equal(before, [second, third].sort());
    assert.equal(kept(), [third]);
    assert.not(existsSync(path));
  }),
);

test(
  'AutoMirror :: a note without the mark is a mirror somebody has asked for',
  scope((t) => {
    const path = t.path('a.stream');
    const id = 'L9pJKFI6LhYN2t81nBmRJQCjcjH0xsY/5j1r6W7X2L0=';
    const note = { path, id, urls: ['http://h/'], isHidden: false, quota: undefined };

    writeKept(note);
    const plain = readKept(path);
    writeKept({ ...note, isAuto: true });

    assert.is(plain?.isAuto, undefined);
    assert.is(readKept(path)?.isAuto, true);
  }),
);

test.run();
