/** How what is printed reads, and what happens where it cannot be printed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shell } from '../helpers/drayer.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/output');
const bin = fileURLToPath(new URL('../../dist/cli/bin.cjs', import.meta.url));

test(
  'a list of faults :: one line for each file, whatever its name holds',
  scope(async (t) => {
    const sh = shell(t);
    mkdirSync(t.path('site'));
    writeFileSync(t.path('site', 'one\nerror: forged'), '1');
    writeFileSync(t.path('site', 'two\u001b[2J'), '2');

    const { status, stderr } = await sh.run('publish', 'site');

    assert.is(status, 1);
    const errors = stderr.slice(stderr.indexOf('drayer: error:'));
    const [head = '', one = '', two = '', hint = '', ...more] = errors.split('\n');
    assert.is(head, 'drayer: error: nothing was published because of 2 files:');
    assert.match(one, /^drayer: {3}.*one.*forged.*: /);
    assert.match(two, /^drayer: {3}.*two.*: /);
    assert.match(hint, /^drayer: hint: rename it/);
    assert.equal(more, ['']);
  }),
);

test(
  'publish :: says how to look at what was published, beside a config that names another site',
  scope(async (t) => {
    const sh = shell(t);
    for (const folder of ['site', 'other']) {
      mkdirSync(t.path(folder));
      writeFileSync(t.path(folder, 'index.html'), '<h1>Hello</h1>');
    }
    writeFileSync(t.path('drayer.config.mjs'), "export default { directory: 'site' };");

    assert.match((await sh.run('publish')).stdout, /look at it: drayer serve\n/);
    assert.match((await sh.run('publish', 'site')).stdout, /look at it: drayer serve\n/);
    assert.match((await sh.run('publish', 'other')).stdout, 'drayer serve other.stream\n');
    const elsewhere = await sh.run('publish', 'site', '--stream', 'copy.stream');
    assert.match(elsewhere.stdout, 'drayer serve copy.stream\n');
  }),
);

const onFullDevice = existsSync('/dev/full') ? test : test.skip;

onFullDevice(
  'stdout on a full device :: one line that says so, status 1',
  scope(async (t) => {
    const sh = shell(t);
    mkdirSync(t.path('site'));
    writeFileSync(t.path('site', 'index.html'), '<h1>Hello</h1>');
    assert.is((await sh.run('publish', 'site')).status, 0);

    for (const args of [
      ['info', 'site'],
      ['ls', 'site', '--json'],
      ['cat', 'site', 'index.html'],
    ]) {
      const full = t.defer(openSync('/dev/full', 'w'), closeSync);
      const child = spawn(process.execPath, [bin, ...args], {
        cwd: t.directory,
        env: { HOME: t.path('home'), NO_COLOR: '1' },
        stdio: ['ignore', full, 'pipe'],
      });
      let stderr = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      const [status] = await once(child, 'close');

      assert.is(status, 1, stderr);
      const errors = stderr.split('\n').filter((line) => line.startsWith('drayer: error: '));
      assert.equal(errors, [
        'drayer: error: cannot write the result to stdout: no space left on the device',
      ]);
      assert.not.match(stderr, /\bat .*\.js|node:internal/);
    }
  }),
);

test(
  'publish --json :: what was published before a site that cannot be is told',
  scope(async (t) => {
    const sh = shell(t);
    for (const folder of ['one', 'two']) {
      mkdirSync(t.path(folder));
      writeFileSync(t.path(folder, 'index.html'), '<h1>Hello</h1>');
    }
    writeFileSync(
      t.path('drayer.config.mjs'),
      "export default { streams: [{ directory: 'one' }, { directory: 'two' }] };",
    );
    const linesOf = (stdout: string) =>
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));

    const both = await sh.run('publish', '--json');
    writeFileSync(t.path('one', 'more.html'), 'more');
    writeFileSync(t.path('two', 'bad\nname'), 'bad');
    const half = await sh.run('publish', '--json');

    assert.equal([both.status, half.status], [0, 1]);
    assert.equal(
      linesOf(both.stdout).map(({ added }) => added),
      [['index.html'], ['index.html']],
    );
    const [first, second, ...more] = linesOf(half.stdout);
    assert.equal([first.added, second.error.code, more], [['more.html'], 'PATH_INVALID', []]);
  }),
);

test(
  'nearby :: says that nothing is sent only where that is so',
  scope(async (t) => {
    const sh = shell(t);

    const silent = await sh.run('nearby', '--seconds', '1');
    assert.match(silent.stderr, 'listening for 1.0 s; nothing is sent');
    const asking = await sh.run('nearby', '--seconds', '1', '--titles');
    assert.match(asking.stderr, 'listening for 1.0 s; then whoever is heard is asked for titles');
    assert.not.match(asking.stderr, 'nothing is sent');
  }),
);

test.run();
