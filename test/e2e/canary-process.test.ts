/**
 * Where a process shows itself to others: its arguments, its environment, its reports, its children. The
 * secret key is in none of them once it has been read (T115).
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeSecretWords } from '../../src/core/secret-words.ts';
import { filesWithSecrets, type Running, type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/canary-process');
const onLinux = process.platform === 'linux' ? test : test.skip;
const FORMS = ['base64', 'base64url', 'hex', 'latin1'] as const;

/** A published site whose key was taken away, and that key. */
async function ownSite(t: Scope): Promise<{ sh: Shell; key: string }> {
  const sh = shell(t);
  mkdirSync(t.path('site'));
  writeFileSync(t.path('site', 'index.html'), 'hello');
  assert.is((await sh.run('publish', 'site')).status, 0);
  renameSync(t.path('site.stream.privatekey'), t.path('away.privatekey'));
  return { sh, key: readFileSync(t.path('away.privatekey'), 'utf8') };
}

/** Every form of the seed that a search must not find. */
function formsOf(key: string): string[] {
  const bytes = Buffer.from(key, 'base64');
  const seed = bytes.subarray(0, 32);
  return [
    key,
    ...FORMS.map((form) => seed.toString(form)),
    encodeSecretWords(new Uint8Array(seed)),
  ];
}

function shows(text: string, key: string): boolean {
  return formsOf(key).some((form) => text.includes(form));
}

function environmentOf({ child }: Running): string {
  return readFileSync(`/proc/${child.pid}/environ`, 'latin1');
}

/** Asks again until it is so; a wait that does not end is ended by the runner, and fails. */
async function eventually(what: () => boolean): Promise<void> {
  while (!what()) await delay(10);
}

onLinux(
  'DRAYER_KEY :: is gone from what /proc shows of the process, and never is among the arguments',
  scope(async (t) => {
    const { sh, key } = await ownSite(t);
    const given = sh.with({ DRAYER_KEY: key, AFTER: 'stays' });
    const server = given.start('serve', 'site', '--port', '0');
    await server.waitFor(SITE_URL);
    // Has read its key by the time it waits for the content.
    const put = given.start('put', 'site', 'x.txt', '-');
    await eventually(() => environmentOf(put).includes('DRAYER_KEY=\0'));

    for (const running of [server, put]) {
      const environment = environmentOf(running);
      assert.not.ok(shows(environment, key), 'the environment');
      assert.match(environment, 'AFTER=stays');
      const argv = readFileSync(`/proc/${running.child.pid}/cmdline`, 'latin1');
      assert.not.ok(shows(argv, key), 'the arguments');
    }
    put.child.stdin?.end('by hand');
    const { status, stderr } = await put.ended;
    assert.is(status, 0, `the key works all the same: ${stderr}`);
  }),
);

onLinux(
  'the rig :: finds a key in the environment of a process that does not take it out',
  scope(async (t) => {
    const { key } = await ownSite(t);
    const { spawn } = await import('node:child_process');
    const child = spawn('sleep', ['60'], { env: { PATH: '/usr/bin:/bin', DRAYER_KEY: key } });
    t.defer(child, () => child.kill('SIGKILL'));
    await eventually(() =>
      readFileSync(`/proc/${child.pid}/cmdline`, 'latin1').startsWith('sleep'),
    );

    assert.ok(shows(readFileSync(`/proc/${child.pid}/environ`, 'latin1'), key));
  }),
);

onLinux(
  'DRAYER_KEY :: is not in a diagnostic report of the engine, which lists the environment',
  scope(async (t) => {
    const { sh, key } = await ownSite(t);
    mkdirSync(t.path('reports'));
    const options = `--report-on-signal --report-directory=${t.path('reports')}`;
    const server = sh
      .with({ DRAYER_KEY: key, NODE_OPTIONS: options, AFTER: 'stays' })
      .start('serve', 'site', '--port', '0');
    await server.waitFor(SITE_URL);

    server.child.kill('SIGUSR2');
    const report = (): string => {
      const [name] = readdirSync(t.path('reports')).filter((one) => one.endsWith('.json'));
      return name === undefined ? '' : readFileSync(t.path('reports', name), 'utf8');
    };
    await eventually(() => report().trimEnd().endsWith('}'));

    assert.match(report(), 'AFTER');
    assert.not.ok(shows(report(), key));
  }),
);

onLinux(
  'DRAYER_KEY :: is not inherited by what a config starts',
  scope(async (t) => {
    const { sh, key } = await ownSite(t);
    // A config is a program: whatever it starts gets the environment of drayer.
    writeFileSync(
      t.path('drayer.config.ts'),
      `import { execFileSync } from 'node:child_process';
       import { writeFileSync } from 'node:fs';
       writeFileSync('child.txt', execFileSync('env'));
       export default { directory: 'site' };`,
    );
    writeFileSync(t.path('site', 'index.html'), 'changed');

    const { status, stderr } = await sh.with({ DRAYER_KEY: key, AFTER: 'stays' }).run('publish');

    assert.is(status, 0, stderr);
    const child = readFileSync(t.path('child.txt'), 'utf8');
    assert.match(child, 'AFTER=stays');
    assert.not.match(child, 'DRAYER_KEY');
  }),
);

test(
  'every command :: with the key at hand in every way, prints and stores none of its forms (T115)',
  scope(async (t) => {
    const { sh, key } = await ownSite(t);
    writeFileSync(t.path('x.txt'), 'x');
    const given = sh.with({ DRAYER_KEY: key, DRAYER_DEBUG: '1' });
    const file = sh.with({ DRAYER_KEY_FILE: t.path('away.privatekey'), DRAYER_DEBUG: '1' });
    const words = encodeSecretWords(new Uint8Array(Buffer.from(key, 'base64').subarray(0, 32)));

    // Each of these runs rejects when a form of the key is in its output.
    for (const [one, args] of [
      [given, ['post', 'site', 'hello']],
      [file, ['put', 'site', 'x.txt', '--json']],
      [given, ['rm', 'site', 'x.txt']],
      [file, ['servers', 'site', 'add', 'https://example.org']],
      [given, ['servers', 'site']],
      [given, ['posts', 'site', '--json']],
      [given, ['export', 'site', 'out']],
      [given, ['info', 'site', '--json']],
      [given, ['ls', 'site']],
      [given, ['verify', 'site', '--json']],
      [given, ['cat', 'site', 'index.html']],
      [file, ['publish', 'site', '--json']],
      [given, ['publish', 'site', '--dry-run']],
      [file, ['key', 'show', 'away.privatekey', '--json']],
      [sh, ['key', 'new', 'new.privatekey', '--json']],
      [sh, ['key', 'backup', 'away.privatekey', '--json']],
    ] as const) {
      const { status, stderr } = await one.run(...args);
      assert.is(status, 0, `${args.join(' ')}: ${stderr}`);
    }
    for (const input of [key, words]) {
      const to = `${input.length}.privatekey`;
      assert.is((await sh.pipe(input, 'key', 'restore', to, '--json')).status, 0);
      const wrong = input.replace(/.{3}$/, 'xyz');
      assert.ok((await sh.pipe(wrong, 'key', 'restore', 'no.privatekey')).status > 0);
    }
    assert.not.ok(existsSync(t.path('no.privatekey')));
    assert.equal(filesWithSecrets(t.directory), []);
  }),
);

test.run();
