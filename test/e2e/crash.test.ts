/**
 * kill -9 in the middle, of the publisher and of the mirror, over and over: what is visible is the old
 * generation or the new one, never a mixture; the next run goes on; the owner is never locked out.
 * The slow run does it some 50 times each. Prints its seed, and where the kills hit.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Running, SITE_URL, shell } from '../helpers/drayer.ts';
import { get } from '../helpers/fetch-site.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { assertSound, isSame, type Site, visible, writeVersion } from '../helpers/site-versions.ts';
import { type Moments, someMoment, timed } from '../helpers/some-moment.ts';

const test = suite('e2e/crash');

/** Kills a process at some moment. Whichever it is, what is asserted afterwards holds. */
async function killSomewhere(running: Running, moments: Moments): Promise<'killed' | 'finished'> {
  await someMoment(running, moments);
  const { status, stderr } = await running.stop('SIGKILL');
  assert.ok(status === 137 || status === 0, stderr);
  return status === 0 ? 'finished' : 'killed';
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
