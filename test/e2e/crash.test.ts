/**
 * kill -9 in the middle, of the publisher and of the mirror, over and over: what is visible is the old
 * generation or the new one, never a mixture; the next run goes on; the owner is never locked out.
 * The slow run does it some 50 times each. Prints its seed, and where the kills hit.
 */
import {
  existsSync,
  type FSWatcher,
  mkdirSync,
  readdirSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inflateFile } from '../../src/files/file-record.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { type Running, type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { get, readFolder } from '../helpers/fetch-site.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/crash');

const FILES = 120;
const FILE_BYTES = 20_000;

type Site = ReadonlyMap<string, Buffer>;

/** Writes version `v` into the folder: every file is another one, one came, one went. */
function writeVersion(folder: string, v: number): Site {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const random = randomFrom(v);
  for (let i = 0; i < FILES; i += 1) {
    const noise = Buffer.from(Array.from({ length: FILE_BYTES / 2 }, () => random.below(256)));
    writeFileSync(`${folder}/page-${i}.html`, `version ${v}\n${noise.toString('hex')}`);
  }
  writeFileSync(`${folder}/only-in-${v}.txt`, `version ${v}\n`);
  return readFolder(folder);
}

/** What a reader of the stream file sees; undefined while there is no stream. */
function visible(path: string): Site | undefined {
  if (!existsSync(path)) return undefined;
  const reader = openReader(path);
  try {
    return reader.reading(() => {
      const site = new Map<string, Buffer>();
      for (const record of reader.entries({ type: 'file' })) {
        const value = reader.readValue(record);
        assert.ok(value, `${record.key}: its value is held`);
        site.set(record.key, Buffer.from(inflateFile(value)));
      }
      return site;
    });
  } finally {
    reader.close();
  }
}

function isSame(a: Site | undefined, b: Site | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.size !== b.size) return false;
  return [...a].every(([key, content]) => b.get(key)?.equals(content));
}

/**
 * Kills a process at some moment of its work: at the n-th sign of life of its files, or some time
 * after its start. Whichever moment it is, what is asserted afterwards holds.
 */
async function killSomewhere(
  running: Running,
  { folder, random, lengthMs }: { folder: string; random: Random; lengthMs: number },
): Promise<'killed' | 'finished'> {
  let watcher: FSWatcher | undefined;
  let timer: NodeJS.Timeout | undefined;
  if (random.oneIn(2)) {
    let events = 1 + random.below(12);
    watcher = watch(folder, () => {
      events -= 1;
      if (events === 0) running.child.kill('SIGKILL');
    });
  } else {
    timer = setTimeout(() => running.child.kill('SIGKILL'), random.below(Math.ceil(lengthMs)));
  }
  const { status, stderr } = await running.ended;
  watcher?.close();
  clearTimeout(timer);
  assert.ok(status === 137 || status === 0, stderr);
  return status === 0 ? 'finished' : 'killed';
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

async function assertSound(sh: Shell, stream: string): Promise<void> {
  const { status, stdout, stderr } = await sh.run('verify', stream, '--json');
  assert.is(status, 0, stdout + stderr);
  const { snapshot, wanted } = JSON.parse(stdout);
  assert.is(snapshot, 'proved');
  assert.is(wanted, 0);
}

/** Asserts that a running server shows exactly this site. */
async function assertShown(url: string, site: Site): Promise<void> {
  for (const [key, content] of site) {
    const { status, body } = await get(url + key, { 'accept-encoding': 'identity' });
    assert.is(status, 200, key);
    assert.ok(body.equals(content), key);
  }
}

function leftovers(folder: string): string[] {
  return readdirSync(folder).filter((name) => /\.(part|tmp|lock)|-journal/.test(name));
}

test(
  'publish, killed :: old or new, sound, shown as such, and the next publish succeeds',
  scope(async (t: Scope) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const sh = shell(t);
    const folder = t.path('site');
    const stream = t.path('site.stream');
    let current = writeVersion(folder, 0);
    const lengthMs = await timed(() => sh.run('publish', 'site'));
    const server = sh.start('serve', 'site', '--port', '0');
    const [url] = await server.waitFor(SITE_URL);
    const hits = { killed: 0, finished: 0, old: 0, new: 0 };

    for (let v = 1; v <= scaled(2); v += 1) {
      const next = writeVersion(folder, v);
      const end = await killSomewhere(sh.start('publish', 'site'), {
        folder: t.directory,
        random,
        lengthMs,
      });
      hits[end] += 1;

      const seen = visible(stream);
      const isNew = isSame(seen, next);
      assert.ok(isNew || (end === 'killed' && isSame(seen, current)), `seed ${seed}: a mixture`);
      hits[isNew ? 'new' : 'old'] += 1;
      await assertSound(sh, 'site');
      await assertShown(url, isNew ? next : current);

      const published = await sh.run('publish', 'site', '--json');
      assert.is(published.status, 0, `seed ${seed}: ${published.stderr}`);
      assert.is(JSON.parse(published.stdout).seq, v + 1, `seed ${seed}`);
      assert.ok(isSame(visible(stream), next), `seed ${seed}`);
      current = next;
    }
    await assertShown(url, current);
    assert.equal(leftovers(t.directory), []);
    console.log(`\n  publisher, seed ${seed}: ${JSON.stringify(hits)}`);
  }),
);

test(
  'publish, killed at its very first run :: the owner is not locked out',
  scope(async (t: Scope) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const lengths: number[] = [];
    for (let i = 0; i <= scaled(2); i += 1) {
      const directory = t.path(`first-${i}`);
      mkdirSync(directory);
      const site = writeVersion(`${directory}/site`, i);
      const sh = shell(t, { directory });
      if (i > 0) {
        const [lengthMs = 0] = lengths;
        await killSomewhere(sh.start('publish', 'site'), { folder: directory, random, lengthMs });
      }

      let published = { status: -1, stdout: '', stderr: '' };
      const lengthMs = await timed(async () => {
        published = await sh.run('publish', 'site', '--json');
      });

      lengths.push(lengthMs);
      assert.is(published.status, 0, `seed ${seed}: ${published.stderr}`);
      assert.ok(isSame(visible(`${directory}/site.stream`), site), `seed ${seed}`);
      assert.is(JSON.parse(published.stdout).seq, 1, `seed ${seed}: one generation, one history`);
      assert.ok(existsSync(`${directory}/site.stream.privatekey`));
    }
  }),
);

test(
  'mirror, killed :: nothing, old or new, sound, shown as such, and the next run gets there',
  scope(async (t: Scope) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const author = shell(t);
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });
    const folder = t.path('site');
    let current: Site | undefined;
    let next = writeVersion(folder, 0);
    await author.run('publish', 'site');
    const server = author.start('serve', 'site', '--port', '0');
    const [url, label = ''] = await server.waitFor(SITE_URL);
    const stream = t.path('friend', 'share', 'drayer', `${label}.stream`);
    mkdirSync(dirname(stream), { recursive: true, mode: 0o700 });
    const measure = shell(t, { home: 'measure' });
    const lengthMs = await timed(() => measure.run('mirror', url));
    let shown: string | undefined;
    const hits = { killed: 0, finished: 0, none: 0, old: 0, new: 0 };

    for (let v = 1; v <= scaled(2); v += 1) {
      const end = await killSomewhere(friend.start('mirror', url), {
        folder: dirname(stream),
        random,
        lengthMs,
      });
      hits[end] += 1;

      const seen = visible(stream);
      const isNew = isSame(seen, next);
      assert.ok(isNew || (end === 'killed' && isSame(seen, current)), `seed ${seed}: a mixture`);
      if (seen === undefined) hits.none += 1;
      else hits[isNew ? 'new' : 'old'] += 1;
      if (seen !== undefined) await assertSound(friend, stream);
      if (shown !== undefined) await assertShown(shown, (isNew ? next : current) ?? next);

      const mirrored = await friend.run('mirror', url);
      assert.is(mirrored.status, 0, `seed ${seed}: ${mirrored.stderr}`);
      assert.ok(isSame(visible(stream), next), `seed ${seed}`);
      await assertSound(friend, stream);
      if (shown === undefined) {
        // By its name: a server of all mirrors would follow this one by itself.
        const mirror = friend.start('serve', stream, '--port', '0');
        [shown] = await mirror.waitFor(SITE_URL);
      }
      await assertShown(shown, next);

      current = next;
      next = writeVersion(folder, v);
      await author.run('publish', 'site');
    }
    assert.equal(leftovers(dirname(stream)), []);
    console.log(`\n  mirror, seed ${seed}: ${JSON.stringify(hits)}`);
  }),
);

test.run();
