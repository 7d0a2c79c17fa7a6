/** The examples that are programs, run as their comments say. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { get } from '../helpers/fetch-site.ts';
import { runNode } from '../helpers/run-node.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/examples');
const root = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = ['--conditions=source', '--import', 'tsx'];

test('library-as-map.ts :: prints what became of the garden', async () => {
  const run = await runNode([...SOURCES, 'examples/library-as-map.ts'], root);

  assert.is(run.status, 0, run.stderr);
  assert.match(run.stdout, /^stream [\w+/]{43}=\n/);
  assert.match(run.stdout, 'quince false\n');
  assert.match(run.stdout, 'apple { planted: 2019, kilos: 44 }\n');
  assert.match(run.stdout, 'medlar { planted: 2026, kilos: 0 }\n');
});

/** Runs a program of this repository; `line` waits for the next line that matches. */
function start(t: Scope, args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [...SOURCES, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.defer(child, (one) => one.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`ended without ${pattern}`);
      const match = pattern.exec(value);
      if (match !== null) return match;
    }
  };
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, line, ended };
}

test(
  'publish-and-serve.ts :: publishes, serves, follows an edit, and stops when told to',
  scope(async (t) => {
    mkdirSync(t.path('site'));
    writeFileSync(t.path('site', 'index.html'), 'first');
    const program = start(t, ['examples/publish-and-serve.ts', t.path('site')], { PORT: '0' });

    await program.line(/^made a key, copy it to a safe place: .*site\.stream\.privatekey$/);
    const [, url = ''] = await program.line(/^open (http:\S+)$/);
    assert.is((await get(url)).body.toString(), 'first');

    writeFileSync(t.path('site', 'index.html'), 'second');
    await program.line(/^generation 2 .*changed: \[ 'index\.html' \]/);
    assert.is((await get(url)).body.toString(), 'second');

    program.child.kill('SIGTERM');
    await program.line(/^stopped$/);
    assert.is(await program.ended, 0);
  }),
);

test.run();
