import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BuildWatchers, watchBuilds } from '../../src/daemon/watch-build.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('daemon/watch-build');

function watch(t: Scope, ...commands: (string | undefined)[]): BuildWatchers {
  const sites = commands.map((command) => ({
    directory: t.path('out'),
    build: { command: 'true', watch: command, folder: t.directory },
  }));
  const environment = { PATH: process.env['PATH'], DRAYER_KEY: 'secret' };
  return t.defer(watchBuilds(sites, { environment, output: 'kept' }), (one) => one.close());
}

/** Resolves when the file is there and has something in it. */
async function written(path: string): Promise<string> {
  for (;;) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (text.endsWith('\n')) return text;
    await new Promise(setImmediate);
  }
}

test(
  'watchBuilds :: a watcher that several sites share runs once, without the key, until it is closed',
  scope(async (t) => {
    const command =
      'echo "$DRAYER_KEY" >> started; trap "echo TERM > ended; exit" TERM; while true; do sleep 0.02; done';
    const watchers = watch(t, command, undefined, command);
    assert.is(await written(t.path('started')), '\n');

    await watchers.close();
    await watchers.close();

    assert.is(await written(t.path('ended')), 'TERM\n');
    assert.is(readFileSync(t.path('started'), 'utf8'), '\n');
    await watchers.closed;
  }),
);

test(
  'watchBuilds :: one that ends by itself is an error, whatever its status',
  scope(async (t) => {
    for (const [status, end] of [
      [0, 'ended with exit status 0'],
      [3, 'ended with exit status 3'],
    ] as const) {
      const { closed } = watch(t, 'sleep 60', `echo last words; exit ${status}`);

      const error = await rejectsCode(closed, 'BUILD_FAILED');

      assert.is(
        error.message,
        `build.watch: "echo last words; exit ${status}" ${end}; nothing builds any more. Its last lines:\nlast words`,
      );
    }
  }),
);

test(
  'watchBuilds :: an abort ends it and all it started',
  scope(async (t) => {
    const abort = new AbortController();
    const command =
      'trap "echo TERM > ended; exit" TERM; echo 1 > started; while true; do sleep 0.02; done';
    const site = {
      directory: t.path('out'),
      build: { command: 'true', watch: `sh -c '${command}'; true`, folder: t.directory },
    };
    const { closed } = watchBuilds([site], {
      environment: { PATH: process.env['PATH'] },
      output: 'kept',
      signal: abort.signal,
    });
    await written(t.path('started'));

    abort.abort();

    await closed;
    assert.is(await written(t.path('ended')), 'TERM\n');
  }),
);

test.run();
