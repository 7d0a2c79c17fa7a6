/** `drayer recover` with a key from elsewhere, and of a stream of which only that key is left. */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/recover');

/** A site whose key lies elsewhere, published twice; a mirror of it is served at `url`. */
async function keyElsewhere(t: Scope): Promise<{ sh: Shell; url: string; id: string }> {
  const sh = shell(t);
  mkdirSync(t.path('site'));
  writeFileSync(t.path('site', 'index.html'), 'one');
  await sh.run('key', 'new', 'keys.privatekey');
  const first = await sh.run('publish', 'site', '--key-file', 'keys.privatekey', '--json');
  assert.is(first.status, 0, first.stderr);
  copyFileSync(t.path('site.stream'), t.path('backup'));
  writeFileSync(t.path('site', 'index.html'), 'two');
  await sh.run('publish', 'site', '--key-file', 'keys.privatekey');
  const author = sh.start('serve', 'site', '--port', '0');
  const [authorUrl] = await author.waitFor(SITE_URL);
  const friend = shell(t, { home: 'friend', directory: t.path('friend') });
  await friend.run('mirror', authorUrl);
  await author.stop();
  const mirror = friend.start('serve', '--port', '0');
  const [url] = await mirror.waitFor(SITE_URL);
  return { sh, url, id: JSON.parse(first.stdout).id };
}

function removeStream(t: Scope): void {
  for (const end of ['', '-wal', '-shm', '.mark'])
    rmSync(t.path(`site.stream${end}`), { force: true });
}

test(
  'recover --key-file :: a restored stream file comes forward, and signs on',
  scope(async (t) => {
    const { sh, url, id } = await keyElsewhere(t);
    removeStream(t);
    copyFileSync(t.path('backup'), t.path('site.stream'));
    writeFileSync(t.path('site', 'index.html'), 'three');
    const publish = ['publish', 'site', '--key-file', 'keys.privatekey', '--json'];

    const refused = await sh.run(...publish);
    assert.is(refused.status, 8, refused.stderr);
    assert.match(refused.stderr, 'hint: ');
    const recovered = await sh.run(
      'recover',
      'site',
      '--from',
      url,
      '--key-file',
      'keys.privatekey',
    );
    assert.is(recovered.status, 0, recovered.stderr);
    assert.match(recovered.stdout, /^recovered .*site\.stream from .*: generation 2/);

    const published = await sh.run(...publish);
    assert.equal([JSON.parse(published.stdout).id, JSON.parse(published.stdout).seq], [id, 3]);
  }),
);

for (const [what, flags, environment] of [
  ['--key-file', ['--key-file', 'keys.privatekey'], {}],
  ['DRAYER_KEY_FILE', [], { DRAYER_KEY_FILE: 'keys.privatekey' }],
  ['--key-stdin', ['--key-stdin'], {}],
] as const) {
  test(
    `recover :: of a stream of which only a key is left, given by ${what}`,
    scope(async (t) => {
      const { sh, url, id } = await keyElsewhere(t);
      removeStream(t);
      const key = readFileSync(t.path('keys.privatekey'));
      const given = sh.with(environment);

      // Its name ends in .stream: so it is meant, though nothing of it is here.
      const recovered = await given.pipe(
        key,
        'recover',
        'site.stream',
        '--from',
        url,
        ...flags,
        '--json',
      );

      assert.is(recovered.status, 0, recovered.stderr);
      const { id: recoveredId, seq, changed } = JSON.parse(recovered.stdout);
      assert.equal([recoveredId, seq, changed], [id, 2, true]);
      assert.is((await sh.run('cat', 'site', 'index.html')).stdout, 'two');
      writeFileSync(t.path('site', 'index.html'), 'three');
      const published = await given.pipe(key, 'publish', 'site', ...flags, '--json');
      assert.is(published.status, 0, published.stderr);
      assert.is(JSON.parse(published.stdout).seq, 3);
    }),
  );
}

test(
  'recover :: without any key, or with the key of something else, says so',
  scope(async (t) => {
    const { sh, url } = await keyElsewhere(t);
    removeStream(t);

    const none = await sh.run('recover', 'site.stream', '--from', url);
    assert.is(none.status, 4, none.stderr);
    assert.match(none.stderr, /no private key[\s\S]*hint: /);

    await sh.run('key', 'new', 'other.privatekey');
    const wrong = await sh.run(
      'recover',
      'site.stream',
      '--from',
      url,
      '--key-file',
      'other.privatekey',
    );
    assert.ok(wrong.status > 0);
    assert.match(wrong.stderr, /error: [\s\S]*hint: /);
    renameSync(t.path('other.privatekey'), t.path('x.privatekey'));
  }),
);

test.run();
