/** The secret key is never printed: with proof that the check every e2e test runs under can fail. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createStream } from '../../src/store/open-stream.ts';
import { filesWithSecrets, type Shell, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/canary');

async function withKey(t: Scope): Promise<{ sh: Shell; key: string }> {
  const sh = shell(t);
  mkdirSync(t.path('site'));
  writeFileSync(t.path('site', 'index.html'), 'hello');
  await sh.run('publish', 'site');
  return { sh, key: readFileSync(t.path('site.stream.privatekey'), 'utf8').trim() };
}

test(
  'a key typed in the place of something else :: is not echoed, on a terminal, in JSON or in a stack',
  scope(async (t) => {
    const { sh, key } = await withKey(t);
    const hex = Buffer.from(key, 'base64').toString('hex');

    for (const form of [
      key,
      key.replaceAll('+', '-').replaceAll('/', '_').replace('==', ''),
      hex,
    ]) {
      for (const args of [
        ['publish', 'site', '--key-file', form],
        ['publish', form],
        ['mirror', 'http://127.0.0.1:1', form],
        ['ls', form],
        ['key', 'show', form],
        ['cat', 'site', form],
        [form],
        ['serve', '--port', form],
        ['serve', `--${form}`],
      ]) {
        // Each of these runs rejects when the key is in its output.
        assert.ok((await sh.run(...args)).status > 0, args[0]);
        assert.ok((await sh.run(...args, '--json')).status > 0, args[0]);
      }
    }
    const debug = sh.with({ DRAYER_DEBUG: '1' });
    assert.ok((await debug.run('publish', 'site', '--key-file', key)).status > 0);
  }),
);

test(
  'a key typed in the place of something else :: becomes the name of nothing',
  scope(async (t) => {
    const { sh, key } = await withKey(t);
    const before = readdirSync(t.directory);

    for (const args of [
      ['key', 'new', `./${Buffer.from(key, 'base64').toString('base64url')}.key`],
      ['init', 'new', '--name', key],
      ['put', 'site', key, t.path('site', 'index.html')],
      ['servers', 'site', 'add', `https://example.org/${key}`],
      ['publish', 'site', '--stream', `${Buffer.from(key, 'base64').toString('hex')}.stream`],
    ]) {
      const { status, stderr } = await sh.run(...args);

      assert.is(status, 8, stderr);
      assert.match(stderr, 'a secret key was given on the command line');
    }
    assert.equal(readdirSync(t.directory), before);
    // A name as long as a key is none.
    assert.is((await sh.run('key', 'new', `${'long-name_'.repeat(9)}.key`)).status, 0);
    assert.is((await sh.run('key', 'new', 'e0'.repeat(64))).status, 0);
  }),
);

test(
  'key show, info, publish :: with the key at hand, none of its forms is printed or stored',
  scope(async (t) => {
    const { sh, key } = await withKey(t);

    for (const args of [
      ['key', 'show', 'site'],
      ['info', 'site'],
      ['publish', 'site'],
      ['verify', 'site'],
    ]) {
      assert.is((await sh.with({ DRAYER_KEY: key, DRAYER_DEBUG: '1' }).run(...args)).status, 0);
    }
    assert.equal(filesWithSecrets(t.directory), []);
  }),
);

test(
  'the canary itself :: notices a key that is printed, and one that is stored',
  scope(async (t) => {
    const { sh, key } = await withKey(t);
    // The library does not ask what a file contains; only publishing a folder does.
    const leak = createStream(t.path('leak.stream'));
    leak.putFile('key.txt', Buffer.from(key));
    leak.close();

    const outcome = await sh.run('cat', 'leak.stream', 'key.txt').catch((error: Error) => error);

    assert.instance(outcome, Error);
    assert.is((outcome as Error).message, 'a secret key was printed');
    writeFileSync(t.path('stored.bin'), Buffer.from(key, 'base64'));
    assert.equal(filesWithSecrets(t.directory), [t.path('stored.bin')]);
  }),
);

test.run();
