/** A value that several sources put together wrongly is kept by who brought it: no liar costs what an honest source brought (R17). */
import { existsSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import type { DrayerError } from '../../src/core/errors.ts';
import type { Source } from '../../src/mirror/source.ts';
import { fetchFromAll } from '../../src/mirror/swarm.ts';
import { PartValues, partValuesPathOf } from '../../src/store/part-values.ts';
import { noise } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type ValuePeer, valuePeer } from '../helpers/value-peer.ts';

const test = suite('mirror/kept-doubt');

const MB = 1_000_000;
const FILM = noise(2 * MB);
const HASH = hash(FILM);
const OTHER = noise(2 * MB, 2);
const RATE = 4 * MB;

/** Thrown where a run is to end. */
const ENOUGH = new Error('enough');

/** One run, which is broken off after so many bytes; returns whether the film came, and who was named. */
async function run(
  t: Scope,
  peers: readonly ValuePeer[],
  mostBytes = Number.POSITIVE_INFINITY,
): Promise<{ isDone: boolean; excluded: readonly Source[]; bytes: number }> {
  const parts = t.defer(new PartValues(t.path('m.stream')), (one) => one.close());
  const excluded = new Map<Source, DrayerError>();
  let isDone = false;
  let bytes = 0;
  const fetching = fetchFromAll([HASH], {
    sources: peers.map(({ source }) => source),
    excluded,
    parts,
    onValue: (digest, value) => {
      assert.ok(Buffer.from(value).equals(FILM), 'other bytes');
      isDone = true;
      parts.remove(digest);
    },
    onBytes: (more) => {
      bytes += more;
      if (bytes > mostBytes) throw ENOUGH;
    },
  });
  await fetching.catch((error: unknown) => {
    if (error !== ENOUGH) throw error;
  });
  parts.close();
  return { isDone, excluded: [...excluded.keys()], bytes };
}

/** Spoils the last bytes of the film, and of nothing else. */
function spoilEnd(body: Buffer, start: number): Buffer {
  if (start + body.length < FILM.length) return body;
  return Buffer.concat([body.subarray(0, -1000), Buffer.alloc(Math.min(1000, body.length))]);
}

function filesOf(t: Scope): string[] {
  const folder = partValuesPathOf(t.path('m.stream'));
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function nameOf(source: Source): string {
  return Buffer.from(hash(Buffer.from(source.url))).toString('hex', 0, 8);
}

/** Keeps the beginning of what a source has brought alone, as a run before would have. */
function keepAlone(t: Scope, source: Source, bytes: Uint8Array): void {
  const parts = new PartValues(t.path('m.stream'));
  for (let at = 0; at < bytes.length; at += 100_000) {
    const piece = { at, bytes: bytes.subarray(at, at + 100_000) };
    parts.keep(HASH, FILM.length, [piece], nameOf(source));
  }
  parts.close();
}

for (const liarRate of [RATE, 4 * RATE]) {
  test(
    `fetchFromAll :: runs that are broken off get there beside a source that spoils the end each time (${liarRate / RATE} times as fast)`,
    scope(async (t) => {
      const honest = await valuePeer(t, { values: [FILM], bytesPerSecond: RATE });
      const falsify = spoilEnd;
      const liar = await valuePeer(t, { values: [FILM], bytesPerSecond: liarRate, falsify });
      let runs = 0;
      for (let isDone = false; !isDone; runs += 1) {
        assert.ok(runs < 10, `not there after ${runs} runs`);
        const ended = await run(t, [liar, honest], 1.3 * FILM.length);
        assert.not(ended.excluded.includes(honest.source));
        isDone = ended.isDone;
      }
      assert.equal(filesOf(t), []);
    }),
  );
}

test(
  'fetchFromAll :: what one brought alone is gone on with by that one',
  scope(async (t) => {
    const peers = [await valuePeer(t, { values: [FILM] }), await valuePeer(t, { values: [FILM] })];
    for (const { source } of peers) keepAlone(t, source, FILM.subarray(0, 1_900_000));
    assert.is(filesOf(t).length, 2);

    const { isDone, excluded, bytes } = await run(t, peers);

    assert.ok(isDone && bytes < 0.3 * MB, `${bytes} bytes`);
    assert.equal(excluded, []);
    assert.equal(filesOf(t), []);
  }),
);

test(
  'fetchFromAll :: what is kept of one alone may be wrong, or full of holes: it is done without, and nobody is named',
  scope(async (t) => {
    for (const count of [1, 2]) {
      const peers = await Promise.all(
        Array.from({ length: count }, () => valuePeer(t, { values: [FILM] })),
      );
      const [first] = peers;
      if (first === undefined) throw new Error('no peer');
      keepAlone(t, first.source, OTHER.subarray(0, 1_900_000));
      const wrong = await run(t, peers);
      assert.ok(wrong.isDone, `${count}`);
      assert.equal(wrong.excluded, []);

      const parts = new PartValues(t.path('m.stream'));
      for (const at of [0, 500_000, 1_500_000]) {
        const bytes = FILM.subarray(at, at + 100_000);
        parts.keep(HASH, FILM.length, [{ at, bytes }], nameOf(first.source));
      }
      parts.close();
      const holed = await run(t, peers);
      assert.ok(holed.isDone && holed.bytes <= 2.5 * FILM.length, `${holed.bytes}`);
      assert.equal(holed.excluded, []);
      assert.equal(filesOf(t), []);
    }
  }),
);

test(
  'PartValues :: a value that is doubted says so to the next run, and leaves nothing when it is done with',
  scope((t) => {
    const open = (): PartValues =>
      t.defer(new PartValues(t.path('m.stream')), (one) => one.close());
    const piece = { at: 0, bytes: FILM.subarray(0, 1000) };
    const parts = open();
    // Of what nothing is here nothing is noted.
    parts.doubt(HASH);
    assert.equal(filesOf(t), []);
    parts.keep(HASH, FILM.length, [piece]);
    assert.is(parts.isDoubted(HASH), false);
    parts.doubt(HASH);

    const next = open();
    assert.is(next.isDoubted(HASH), true);
    assert.is(next.find(HASH), undefined);
    next.keep(HASH, FILM.length, [piece], 'a'.repeat(16));
    assert.is(next.find(HASH, 'a'.repeat(16))?.bytes, 1000);
    assert.is(next.find(HASH, 'b'.repeat(16)), undefined);
    next.keepOnly((digest) => Buffer.from(digest).equals(HASH));
    assert.is(filesOf(t).length, 2);
    next.remove(HASH);
    assert.equal(filesOf(t), []);

    next.keep(HASH, FILM.length, [piece], 'a'.repeat(16));
    next.keepOnly(() => false);
    assert.equal(filesOf(t), []);
  }),
);

test.run();
