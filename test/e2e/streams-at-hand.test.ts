/** Which stream is meant where none is named, and where what is named is not here. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { forkProofOf } from '../helpers/fork-proof.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/streams-at-hand');

/** A folder with a published site in it and no config. */
async function published(t: Scope): Promise<Shell> {
  const sh = shell(t);
  mkdirSync(t.path('site'));
  writeFileSync(t.path('site', 'index.html'), '<h1>Hello</h1>');
  assert.is((await sh.run('publish', 'site')).status, 0);
  return sh;
}

test(
  'a stream in this folder :: is what info, ls, cat and serve mean, also beside a mirror',
  scope(async (t) => {
    const sh = await published(t);
    const { id } = JSON.parse((await sh.run('info', '--json')).stdout);
    mkdirSync(t.path('other'));
    writeFileSync(t.path('other', 'index.html'), 'other');
    mkdirSync(t.path('home', 'share', 'drayer'), { recursive: true });
    await sh.run('publish', 'other', '--stream', 'home/share/drayer/other.stream');

    assert.is(JSON.parse((await sh.run('info', '--json')).stdout).id, id);
    assert.is((await sh.run('cat', 'index.html')).stdout, '<h1>Hello</h1>');
    const list = JSON.parse((await sh.run('ls', '--json')).stdout);
    assert.is(list.stream, t.path('site.stream'));
    assert.equal(
      list.files.map(({ key }: { key: string }) => key),
      ['index.html'],
    );
    const server = sh.start('serve', '--site', 'site', '--port', '0');
    const [, , port] = await server.waitFor(SITE_URL);
    const { stdout } = await server.waitForStderr(/Ctrl-C/).then(() => server.stop());

    assert.match(stdout, 'serving 2 streams');
    assert.is(stdout.match(new RegExp(SITE_URL, 'g'))?.length, 2);
    assert.is(stdout.match(new RegExp(`http://127.0.0.1:${port}/.*/webAccess/`, 'g'))?.length, 1);
  }),
);

test(
  'cat drayer://ID/x :: without a copy, the hint is --from',
  scope(async (t) => {
    const sh = shell(t);
    const link = 'drayer://yK3usCBaCLkRCEKWpj-IIjB1efeQ3RN2NuNCcHFlp6c/index.html';

    const { status, stderr } = await sh.run('cat', link);

    assert.is(status, 1);
    assert.match(stderr, /error: there is no copy of yK3us.* here\n/);
    assert.match(stderr, /hint: .*--from URL/);
  }),
);

test(
  'mirror :: takes the host name that serve prints as an id',
  scope(async (t) => {
    const sh = await published(t);
    const [, label, port] = await sh.start('serve', 'site', '--port', '0').waitFor(SITE_URL);
    const friend = shell(t, { home: 'friend' });

    const mirrored = await friend.run('mirror', `http://127.0.0.1:${port}`, `${label}.localhost`);

    assert.is(mirrored.status, 0, mirrored.stderr);
  }),
);

test(
  'info :: of a stream that was restored says so',
  scope(async (t) => {
    const sh = await published(t);
    copyFileSync(t.path('site.stream'), t.path('backup'));
    writeFileSync(t.path('site', 'new.txt'), 'new');
    await sh.run('publish', 'site');
    copyFileSync(t.path('backup'), t.path('site.stream'));
    const secretKey = Buffer.from(
      readFileSync(t.path('site.stream.privatekey'), 'latin1'),
      'base64',
    );
    const keys = { secretKey, publicKey: secretKey.subarray(32) };
    writeFileSync(t.path('site.stream.fork'), forkProofOf(keys));

    const { status, stderr } = await sh.run('info', 'site');

    assert.is(status, 5);
    assert.match(stderr, /warning: .* has signed two histories/);
    assert.match(stderr, /warning: .*site\.stream is older than what its key has signed/);
    assert.match(stderr, /hint: drayer recover .*site\.stream --from URL/);
  }),
);

test(
  'key new :: in a folder that is not there says so, and what to do',
  scope(async (t) => {
    const { status, stderr } = await shell(t).run('key', 'new', 'no/such/key');

    assert.is(status, 1);
    assert.match(stderr, /no\/such\/key: cannot write the private key: its folder is missing/);
    assert.match(stderr, 'hint: make the folder first');
  }),
);

test.run();
