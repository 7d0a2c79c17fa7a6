/** What this user may not read or write is said by its name, and what to do; as root these are no errors. */
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeSecretWords } from '../../src/core/secret-words.ts';
import { type Run, type Shell, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
// A user without rights is one that only root can become.
const test = suite('e2e/permissions');
const asRoot = isRoot ? test : test.skip;

/** A site published by root, in a folder everybody may read, and a shell of somebody else. */
async function othersSite(t: Scope): Promise<{ sh: Shell; nobody: Shell }> {
  const sh = shell(t);
  chmodSync(t.directory, 0o755);
  mkdirSync(t.path('home'), { recursive: true });
  if (isRoot) chownSync(t.path('home'), NOBODY, NOBODY);
  mkdirSync(t.path('site'));
  writeFileSync(t.path('site', 'index.html'), 'hello');
  assert.is((await sh.run('publish', 'site')).status, 0);
  return { sh, nobody: isRoot ? sh.as(NOBODY) : sh };
}

function assertRefused(run: Run, message: RegExp): void {
  assert.ok(run.status > 0 && run.status < 10, run.stderr);
  assert.match(run.stderr, message);
  assert.match(run.stderr, /\ndrayer: hint: /);
  assert.not.match(run.stderr, / {4}at |undefined|fault of drayer/);
}

test(
  'a key this user may not read :: stops every command that needs it',
  scope(async (t) => {
    const { sh, nobody } = await othersSite(t);
    const user = isRoot ? nobody : sh;
    if (!isRoot) chmodSync(t.path('site.stream.privatekey'), 0);
    writeFileSync(t.path('site', 'index.html'), 'changed');

    for (const args of [
      ['publish', 'site'],
      ['key', 'show', 'site'],
      ['key', 'show', 'site.stream.privatekey'],
      ['key', 'backup', 'site'],
      ['post', 'site', 'hello'],
      ['rm', 'site', 'index.html'],
      ['put', 'site', 'x', 'site/index.html'],
      ['servers', 'site', 'add', 'https://example.org'],
      ['publish', 'site', '--key-file', 'site.stream.privatekey'],
    ]) {
      const run = await user.run(...args);
      assertRefused(run, /site\.stream\.privatekey: .*permission denied/);
    }
  }),
);

asRoot(
  'a folder of somebody else :: nothing is written into it, and nothing is left half written',
  scope(async (t) => {
    const { nobody } = await othersSite(t);
    mkdirSync(t.path('own'));
    writeFileSync(t.path('own', 'index.html'), 'x');
    const words = encodeSecretWords(new Uint8Array(32));
    const before = readdirSync(t.directory);

    assertRefused(await nobody.run('publish', 'own'), /own\.stream.*permission denied/);
    assertRefused(await nobody.run('key', 'new', 'new.key'), /new\..*permission denied/);
    assertRefused(
      await nobody.pipe(words, 'key', 'restore', 'new.key'),
      /new\..*permission denied/,
    );
    assertRefused(
      await nobody.run('export', 'site', 'out'),
      /out: cannot write the site: permission denied/,
    );

    assert.equal(readdirSync(t.directory), before);
  }),
);

asRoot(
  'a file of somebody else :: is named where it cannot be read',
  scope(async (t) => {
    const { sh, nobody } = await othersSite(t);
    const folder = t.path('mine');
    mkdirSync(t.path('mine', 'site'), { recursive: true });
    for (const path of [folder, t.path('mine', 'site')]) chownSync(path, NOBODY, NOBODY);
    writeFileSync(t.path('mine', 'site', 'secret.html'), 'x', { mode: 0o600 });
    const mine = shell(t, { directory: folder }).as(NOBODY);

    assertRefused(await mine.run('publish', 'site'), /secret\.html: .*(permission|cannot be read)/);
    chownSync(t.path('mine', 'site', 'secret.html'), NOBODY, NOBODY);
    assert.is((await mine.run('publish', 'site')).status, 0);
    writeFileSync(t.path('mine', 'other'), 'x', { mode: 0o600 });
    assertRefused(await mine.run('put', 'site', 'other'), /other: permission denied/);
    assertRefused(
      await mine.run('key', 'restore', 'k', '--input', 'other'),
      /other: permission denied/,
    );

    chmodSync(t.path('site.stream'), 0o600);
    assertRefused(
      await nobody.run('ls', 'site'),
      /site\.stream: cannot read the stream: permission denied/,
    );
    assert.is((await sh.run('ls', 'site')).status, 0, 'the rig: root may');
    assert.is(readFileSync(t.path('site.stream')).length > 0, true);
  }),
);

test.run();
