/**
 * A power cut at any moment, of the publisher and of the mirror: what a reader could see before is there
 * afterwards, or what came next; the next run goes on, and no second history begins. The slow run cuts the
 * power some 300 times. Prints its seed, and where the cuts hit.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DrayerError } from '../../src/core/errors.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { type Disk, plugIn, whereThereIsADisk } from '../helpers/disk-power.ts';
import { type Running, type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { assertSound, isSame, type Site, visible, writeVersion } from '../helpers/site-versions.ts';
import { type Moments, someMoment, timed } from '../helpers/some-moment.ts';

const test = suite('e2e/power-cut');
const testOnDisk = whereThereIsADisk(test);

const FILES = 25;
/** Of each; the last are so many in all that the stream is written by another way than its log. */
const BYTES = [2_000, 20_000, 700_000];
const NO_SYNC = new URL('../helpers/no-sync.cjs', import.meta.url).pathname;

/** A machine of its own: all it keeps is on the disk. */
function machineOn(t: Scope, disk: Disk): Shell {
  const home = disk.path('home');
  return shell(t, { directory: disk.path('work') }).with({ HOME: home, XDG_DATA_HOME: home });
}

/** Whether a reader sees anything in this moment, or waits until a journal is played back or gone. */
function isReadable(stream: string): boolean {
  if (!existsSync(stream) || existsSync(`${stream}-journal`)) return false;
  const database = new Database(stream, { readonly: true, timeout: 0 });
  try {
    database.prepare('SELECT count(*) FROM record').get();
    return true;
  } catch {
    return false;
  } finally {
    database.close();
  }
}

/** Cuts the power at some moment of a command, or right after it; `seen` is what anybody saw of the stream then. */
async function cutSomewhere(
  disk: Disk,
  running: Running,
  { stream, ...moments }: Moments & { readonly stream: string },
): Promise<{ readonly end: 'cut' | 'finished'; readonly seen: Site | undefined }> {
  const { random } = moments;
  const end = random.oneIn(4) ? await running.ended : await someMoment(running, moments);
  if (end !== 'now') assert.is(end.status, 0, end.stderr);
  const seen = disk.cut(running.child, () => (isReadable(stream) ? visible(stream) : undefined));
  return { end: end === 'now' ? 'cut' : 'finished', seen };
}

/** A publisher on a disk of its own, with version 0 published; the site's folder lies elsewhere. */
async function publisher(t: Scope, random: Random) {
  const disk = plugIn(t, random.pick);
  const folder = t.path('site');
  const stream = disk.path('work', 'site.stream');
  const sh = machineOn(t, disk);
  const args = ['publish', folder, '--stream', stream] as const;
  const current = writeVersion(folder, 0, FILES);
  const lengthMs = await timed(async () => {
    const { status, stderr } = await sh.run(...args);
    assert.is(status, 0, stderr);
  });
  const moments = { folder: dirname(stream), stream, random, lengthMs };
  return { disk, folder, stream, sh, args, current, moments };
}

testOnDisk(
  'publish :: what was seen is there after a power cut, and the next publish goes on with it (T088)',
  scope(async (t: Scope) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const rig = await publisher(t, random);
    const { disk, stream, sh, args, moments } = rig;
    // Another machine, whose power stays on: it would know of two histories.
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });
    let { current } = rig;
    const hits = { cut: 0, finished: 0, old: 0, new: 0 };

    for (let v = 1; v <= scaled(2); v += 1) {
      const next = writeVersion(rig.folder, v, FILES, random.pick(BYTES));
      const { end, seen } = await cutSomewhere(disk, sh.start(...args), moments);
      hits[end] += 1;

      const found = visible(stream);
      const isNew = isSame(found, next);
      assert.ok(isNew || isSame(found, current), `seed ${seed}, ${v}: a mixture`);
      const mustBeNew = end === 'finished' || isSame(seen, next);
      assert.ok(isNew || !mustBeNew, `seed ${seed}, ${v}: seen, and gone`);
      hits[isNew ? 'new' : 'old'] += 1;
      await assertSound(sh, stream);

      const published = await sh.run(...args, '--json');
      assert.is(published.status, 0, `seed ${seed}, ${v}: ${published.stderr}`);
      assert.is(JSON.parse(published.stdout).seq, v + 1, `seed ${seed}, ${v}`);
      assert.ok(isSame(visible(stream), next), `seed ${seed}, ${v}`);
      current = next;
      const server = sh.start('serve', stream, '--port', '0');
      const [url] = await server.waitFor(SITE_URL);
      const mirrored = await friend.run('mirror', url);
      assert.is(mirrored.status, 0, `seed ${seed}, ${v}: ${mirrored.stderr}`);
      await server.stop();
    }
    console.log(`\n  publisher, seed ${seed}: ${JSON.stringify(hits)}`);
  }),
);

testOnDisk(
  'publish :: without waiting for the disk what was seen would be gone (T089)',
  scope(async (t: Scope) => {
    const seed = freshSeed();
    const { disk, folder, stream, sh, args } = await publisher(t, randomFrom(seed));
    const careless = sh.with({ NODE_OPTIONS: `--require=${NO_SYNC}` });
    let gone = 0;

    for (let v = 1; v <= 3 && gone === 0; v += 1) {
      const next = writeVersion(folder, v, FILES);
      const running = careless.start(...args);
      const { status, stderr } = await running.ended;
      if (status !== 0) {
        // Its file is behind its mark already.
        assert.match(stderr, /older than what its key has signed/);
        gone += 1;
        continue;
      }
      const seen = disk.cut(running.child, () => visible(stream));
      assert.ok(isSame(seen, next));
      if (!isSame(visibleOrBroken(stream), next)) gone += 1;
    }
    assert.ok(gone > 0, `seed ${seed}: the rig loses nothing of what the disk was not waited for`);
  }),
);

function visibleOrBroken(stream: string): Site | undefined {
  try {
    return visible(stream);
  } catch (error) {
    if (error instanceof DrayerError) return undefined;
    throw error;
  }
}

testOnDisk(
  'publish, the very first :: whenever the power is cut, the owner goes on with one history (T088)',
  scope(async (t: Scope) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const folder = t.path('site');
    const site = writeVersion(folder, 0, FILES);
    let lengthMs = 500;
    for (let i = 0; i < scaled(2); i += 1) {
      await scope(async (inner: Scope) => {
        const disk = plugIn(inner, random.pick);
        const stream = disk.path('work', 'site.stream');
        const sh = machineOn(inner, disk);
        const args = ['publish', folder, '--stream', stream, '--json'] as const;
        const moments = { folder: dirname(stream), stream, random, lengthMs };
        const { seen } = await cutSomewhere(disk, sh.start(...args), moments);
        const key = seen && publicKeyOf(stream);

        let published = { status: -1, stdout: '', stderr: '' };
        mkdirSync(dirname(stream), { recursive: true });
        lengthMs = await timed(async () => {
          published = await sh.run(...args);
        });
        assert.is(published.status, 0, `seed ${seed}, ${i}: ${published.stderr}`);
        assert.is(JSON.parse(published.stdout).seq, 1, `seed ${seed}, ${i}: one history`);
        assert.ok(isSame(visible(stream), site), `seed ${seed}, ${i}`);
        if (key !== undefined) assert.equal(publicKeyOf(stream), key, `seed ${seed}, ${i}`);
      })();
    }
  }),
);

function publicKeyOf(stream: string): Uint8Array {
  const reader = openReader(stream);
  try {
    return reader.publicKey;
  } finally {
    reader.close();
  }
}

testOnDisk(
  'mirror :: nothing, old or new after a power cut, sound, and the next run gets there (T088)',
  scope(async (t: Scope) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const author = shell(t);
    const folder = t.path('site');
    let next = writeVersion(folder, 0, FILES);
    let current: Site | undefined;
    await author.run('publish', 'site');
    const server = author.start('serve', 'site', '--port', '0');
    const [url, label = ''] = await server.waitFor(SITE_URL);
    const disk = plugIn(t, random.pick);
    const home = { HOME: disk.path('home'), XDG_DATA_HOME: disk.path('home') };
    const sh = shell(t, { directory: t.path('elsewhere') }).with(home);
    const stream = disk.path('home', 'drayer', `${label}.stream`);
    mkdirSync(dirname(stream), { recursive: true, mode: 0o700 });
    const moments = { folder: dirname(stream), stream, random, lengthMs: 400 };
    const hits = { cut: 0, finished: 0, none: 0, old: 0, new: 0 };

    for (let v = 1; v <= scaled(2); v += 1) {
      const { end } = await cutSomewhere(disk, sh.start('mirror', url), moments);
      hits[end] += 1;

      const found = visible(stream);
      const isNew = isSame(found, next);
      assert.ok(isNew || end === 'cut', `seed ${seed}, ${v}: what was reported is gone`);
      assert.ok(isNew || isSame(found, current), `seed ${seed}, ${v}: a mixture`);
      if (found === undefined) hits.none += 1;
      else hits[isNew ? 'new' : 'old'] += 1;
      if (found !== undefined) await assertSound(sh, stream);

      moments.lengthMs = await timed(async () => {
        const mirrored = await sh.run('mirror', url);
        assert.is(mirrored.status, 0, `seed ${seed}, ${v}: ${mirrored.stderr}`);
      });
      assert.ok(isSame(visible(stream), next), `seed ${seed}, ${v}`);
      await assertSound(sh, stream);
      // At times from nothing: a first generation takes another way than the next.
      if (random.oneIn(2)) {
        const removed = await sh.run('unmirror', stream);
        assert.is(removed.status, 0, removed.stderr);
        current = undefined;
      } else current = next;
      next = writeVersion(folder, v, FILES, random.pick(BYTES));
      await author.run('publish', 'site');
    }
    await sh.run('mirror', url);
    const removal = sh.start('unmirror', stream);
    assert.is((await removal.ended).status, 0);
    disk.cut(removal.child, () => undefined);
    assert.not(existsSync(stream), `seed ${seed}: a mirror that was removed is back`);
    console.log(`\n  mirror, seed ${seed}: ${JSON.stringify(hits)}`);
  }),
);

test.run();
