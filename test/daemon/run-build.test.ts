import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DrayerError } from '../../src/core/errors.ts';
import type { BuildOptions } from '../../src/daemon/build-command.ts';
import { buildSites } from '../../src/daemon/run-build.ts';
import { commandEnvironment } from '../../src/daemon/shell-command.ts';
import { isRunning } from '../helpers/process-state.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('daemon/run-build');

const PATH = process.env['PATH'];

/** Builds the folder `out` by `command`. */
function build(t: Scope, command: string, options: Partial<BuildOptions> = {}): Promise<void> {
  const site = {
    directory: t.path('out'),
    build: { command, watch: undefined, folder: t.directory },
  };
  return buildSites([site], { environment: { PATH }, output: 'kept', ...options });
}

test(
  'buildSites :: the shell runs the command in its folder, without a signing key in the environment',
  scope(async (t) => {
    const environment = {
      PATH,
      DRAYER_KEY: 'k'.repeat(88),
      DRAYER_KEY_FILE: '/secret/key',
      DRAYER_KEY_OTHER: 'x',
      COLOUR: 'red',
    };

    await build(
      t,
      'mkdir -p out && pwd -P > out/pwd && env > out/env && echo "$COLOUR" > out/colour',
      {
        environment,
      },
    );

    assert.is(readFileSync(t.path('out', 'pwd'), 'utf8').trim(), t.directory);
    assert.is(readFileSync(t.path('out', 'colour'), 'utf8'), 'red\n');
    assert.not.match(readFileSync(t.path('out', 'env'), 'utf8'), /DRAYER_KEY|\/secret\/key|kkkk/);
    assert.is(environment.DRAYER_KEY_FILE, '/secret/key');
  }),
);

test(
  'buildSites :: a tool of node_modules/.bin is found, in the folder or above it, before all others',
  scope(async (t) => {
    const inner = t.path('packages', 'web');
    for (const [folder, says] of [
      [t.directory, 'above'],
      [inner, 'own'],
    ] as const) {
      const bin = join(folder, 'node_modules', '.bin');
      mkdirSync(bin, { recursive: true });
      const names = says === 'above' ? ['make-site', 'only-above'] : ['make-site'];
      for (const name of names) {
        writeFileSync(join(bin, name), `#!/bin/sh\nmkdir -p out; echo ${says} > out/$1\n`);
        await chmod(join(bin, name), 0o755);
      }
    }
    const command = 'make-site first && only-above second';
    const site = {
      directory: join(inner, 'out'),
      build: { command, watch: undefined, folder: inner },
    };

    await buildSites([site], { environment: { PATH }, output: 'kept' });

    assert.is(readFileSync(join(inner, 'out', 'first'), 'utf8'), 'own\n');
    assert.is(readFileSync(join(inner, 'out', 'second'), 'utf8'), 'above\n');
  }),
);

test('commandEnvironment :: Path of Windows stays the one path', () => {
  const environment = commandEnvironment({ Path: '/a', drayer_key: 'x' }, '/b');

  assert.equal(environment, {
    Path: ['/b/node_modules/.bin', '/node_modules/.bin', '/a'].join(delimiter),
  });
});

test(
  'buildSites :: a command that several sites share runs once, others in the order of the sites',
  scope(async (t) => {
    const site = (name: string, command: string) => ({
      directory: t.path(name),
      build: { command, watch: undefined, folder: t.directory },
    });
    const both = 'echo both >> log; mkdir -p a c; echo 1 > a/x; echo 1 > c/x';
    const commands: string[] = [];

    await buildSites(
      [
        site('a', both),
        site('b', 'echo b >> log; mkdir -p b/deep; echo 1 > b/deep/x'),
        site('c', both),
        { directory: t.path('by hand') },
      ],
      { environment: { PATH }, output: 'kept', onCommand: (command) => commands.push(command) },
    );

    assert.is(readFileSync(t.path('log'), 'utf8'), 'both\nb\n');
    assert.is(commands.length, 2);
  }),
);

test(
  'buildSites :: a failure names the command, its status and its last lines, without colours',
  scope(async (t) => {
    const lines = Array.from({ length: 30 }, (_, i) => `echo line ${i};`).join(' ');
    const command = `${lines} printf '\\033[31mred\\033[0m\\n' >&2; exit 7`;

    const error = (await rejectsCode(build(t, command), 'BUILD_FAILED')) as DrayerError;

    const [first, ...rest] = error.message.split('\n');
    assert.is(
      first,
      `build: ${JSON.stringify(command)} ended with exit status 7; nothing was published. Its last lines:`,
    );
    assert.is(rest.length, 20);
    assert.equal([...rest].sort().slice(-1), ['red']);
    assert.ok(rest.includes('line 29'));
    assert.match(error.hint ?? '', '--no-build');
  }),
);

test(
  'buildSites :: an unknown command, one ended by a signal and a folder that is gone are told apart',
  scope(async (t) => {
    const unknown = (await rejectsCode(
      build(t, 'no-such-tool-here'),
      'BUILD_FAILED',
    )) as DrayerError;
    assert.match(unknown.message, /ended with exit status 127/);
    assert.match(unknown.hint ?? '', /install what it needs/);

    const killed = await rejectsCode(build(t, 'kill -9 $$'), 'BUILD_FAILED');
    assert.is(killed.message, 'build: "kill -9 $$" was ended by SIGKILL; nothing was published');

    const site = {
      directory: t.path('out'),
      build: { command: 'true', watch: undefined, folder: t.path('gone') },
    };
    const gone = buildSites([site], { environment: { PATH }, output: 'kept' });
    assert.is((await rejectsCode(gone, 'BUILD_FAILED')).message, 'build: cannot run "true"');
  }),
);

test(
  'buildSites :: a command that succeeds and leaves no file has failed',
  scope(async (t) => {
    const none = await rejectsCode(build(t, 'true'), 'BUILD_FAILED');
    assert.is(
      none.message,
      `build: "true" succeeded, but there is no ${t.path('out')}; nothing was published`,
    );

    const empty = await rejectsCode(build(t, 'mkdir -p out/a/b out/c'), 'BUILD_FAILED');
    assert.match(empty.message, `${t.path('out')} is empty`);

    await build(t, 'echo 1 > out/c/x');
  }),
);

test(
  'buildSites :: a build that calls its own publish is refused before it runs again, also by a detour',
  scope(async (t) => {
    const environment = { PATH, DRAYER_BUILD: [t.directory, '/elsewhere'].join(delimiter) };

    const error = await rejectsCode(build(t, 'touch ran', { environment }), 'USAGE');

    assert.match(error.message, 'would run it again');
    assert.not(existsSync(t.path('ran')));

    await build(t, 'mkdir out; echo "$DRAYER_BUILD" > out/x', {
      environment: { PATH, DRAYER_BUILD: '/elsewhere' },
    });
    assert.is(
      readFileSync(t.path('out', 'x'), 'utf8'),
      `${['/elsewhere', t.directory].join(delimiter)}\n`,
    );
  }),
);

test(
  'buildSites :: a background process that keeps the output open is not waited for',
  scope(async (t) => {
    const command = 'mkdir out; sleep 60 & echo $! > out/pid';

    await build(t, command);

    const pid = Number(readFileSync(t.path('out', 'pid'), 'utf8'));
    assert.ok(process.kill(pid, 'SIGKILL'));
  }),
);

test(
  'buildSites :: an abort ends the command with all it started, also what will not listen',
  scope(async (t) => {
    const abort = new AbortController();
    // The grandchild is deaf; only SIGKILL of the whole group ends it.
    const deaf = `sh -c 'trap "" TERM; echo $$ > pid; while true; do sleep 0.1; done'`;
    const building = build(t, `${deaf} & wait`, { signal: abort.signal });
    const rejected = rejectsCode(building, 'ABORTED');
    while (!existsSync(t.path('pid')) || readFileSync(t.path('pid'), 'utf8') === '')
      await new Promise(setImmediate);
    const pid = Number(readFileSync(t.path('pid'), 'utf8'));
    assert.ok(process.kill(pid, 0));

    abort.abort();

    await rejected;
    assert.not(isRunning(pid));
    await rejectsCode(build(t, 'touch ran', { signal: abort.signal }), 'ABORTED');
    assert.not(existsSync(t.path('ran')));
  }),
);

test.run();
