/** `drayer key ci`: what a CI job needs, and a key that no log shows. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/key-ci');

const bin = fileURLToPath(new URL('../../dist/cli/bin.cjs', import.meta.url));

test(
  'key ci --new :: makes a key for its owner alone, and says what to type, never the key',
  scope(async (t) => {
    const sh = shell(t);

    const run = await sh.run('key', 'ci', '--new', 'ci.privatekey');

    assert.is(run.status, 0, run.stderr);
    assert.is(statSync(t.path('ci.privatekey')).mode & 0o777, 0o600);
    assert.match(run.stdout, 'gh secret set DRAYER_KEY < ci.privatekey');
    assert.match(run.stdout, 'glab variable set DRAYER_KEY --masked --protected < ci.privatekey');
    const shown = JSON.parse((await sh.run('key', 'show', 'ci.privatekey', '--json')).stdout);
    assert.match(run.stdout, `drayer allow ${shown.base64url}`);
    const again = await sh.run('key', 'ci', '--new', 'ci.privatekey');
    assert.is(again.status, 1);
    assert.match(again.stderr, 'there is a private key already');
  }),
);

test(
  'key ci :: the key of a site that is published stays where it is',
  scope(async (t) => {
    const sh = shell(t);
    makeSite(t);
    assert.is((await sh.run('publish', 'site')).status, 0);

    const run = await sh.run('key', 'ci', 'site', '--json');
    const both = await sh.run('key', 'ci', 'site', '--new', 'b.privatekey');

    assert.is(run.status, 0, run.stderr);
    const { keyPath, isNew, github } = JSON.parse(run.stdout);
    assert.is(keyPath, t.path('site.stream.privatekey'));
    assert.is(isNew, false);
    assert.is(github, 'gh secret set DRAYER_KEY < site.stream.privatekey');
    assert.is(both.status, 2, both.stderr);
  }),
);

test(
  'key ci --print :: shows the key on a terminal, and nowhere else',
  scope(async (t) => {
    const sh = shell(t);
    // A name that the check for printed keys does not look at.
    assert.is((await sh.run('key', 'new', 'my.key')).status, 0);
    const key = readFileSync(t.path('my.key'), 'utf8');

    const piped = await sh.run('key', 'ci', 'my.key', '--print');
    const typed = await sh.startOnTerminal('key', 'ci', 'my.key', '--print').ended;

    assert.is(piped.status, 8);
    assert.not(piped.stdout.includes(key));
    assert.is(typed.status, 0, typed.stdout);
    assert.ok(typed.stdout.includes(key));
  }),
);

test(
  'DRAYER_KEY on GitHub :: is masked before anything else is said, also where the command fails',
  scope(async (t) => {
    const sh = shell(t);
    makeSite(t);
    const key = await makeKey(t);
    const ci = { CI: 'true', DRAYER_KEY: key };

    const elsewhere = await sh.with(ci).run('publish', 'site', '--unused-key');
    const github = sh.with({ ...ci, GITHUB_ACTIONS: 'true' });
    const published = await github.run('publish', 'site');
    const failed = await github.run('publish', 'nowhere');

    assert.is(elsewhere.status, 0, elsewhere.stderr);
    assert.not(`${elsewhere.stdout}${elsewhere.stderr}`.includes(key));
    for (const { stdout, stderr } of [published, failed]) {
      assert.ok(stderr.startsWith(`::add-mask::${key}\n`), stderr);
      assert.is(stderr.split(key).length, 2);
      assert.not(stdout.includes(key));
    }
    assert.is(failed.status, 8);
  }),
);

test(
  'DRAYER_KEY on GitHub :: is written into no file that stderr goes to',
  scope(async (t) => {
    makeSite(t);
    const key = await makeKey(t);
    const log = openSync(t.path('log'), 'w');

    const { status } = spawnSync(process.execPath, [bin, 'publish', 'site', '--unused-key'], {
      cwd: t.directory,
      env: { HOME: t.path('home'), GITHUB_ACTIONS: 'true', DRAYER_KEY: key },
      stdio: ['ignore', 'ignore', log],
    });
    closeSync(log);

    assert.is(status, 0);
    assert.not(readFileSync(t.path('log'), 'utf8').includes(key));
  }),
);

function makeSite(t: Scope): void {
  mkdirSync(t.path('site'));
  writeFileSync(t.path('site', 'index.html'), '<h1>Hello</h1>');
}

/** The text of a key that lies nowhere in the test's folder under the name of a key. */
async function makeKey(t: Scope): Promise<string> {
  assert.is((await shell(t).run('key', 'new', 'ci.key')).status, 0);
  return readFileSync(t.path('ci.key'), 'utf8');
}

test.run();
