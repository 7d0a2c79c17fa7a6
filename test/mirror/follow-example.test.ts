/** The program of docs/MIRRORING.md, run as it stands there. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { publish } from '../helpers/published.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('mirror/follow-example');
const root = fileURLToPath(new URL('../..', import.meta.url));

test(
  'followStream :: the example copies, follows, and ends with Ctrl-C',
  scope(async (t) => {
    const source = await publish(t);
    source.stream.set('apple', { seq: 1 });
    const program = t.path('follow.mts');
    const text = exampleIn(readFileSync(`${root}/docs/MIRRORING.md`, 'utf8'));
    writeFileSync(program, text.replace(`'drayer'`, JSON.stringify(`${root}/src/index.ts`)));
    const node = ['--conditions=source', '--import', import.meta.resolve('tsx')];
    const child = spawn(process.execPath, [...node, program, source.peer.url], {
      env: { ...process.env, XDG_DATA_HOME: t.path('share') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.defer(child, (one) => one.kill('SIGKILL'));
    const ended = new Promise((resolve) => child.once('close', resolve));

    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (line.startsWith('following')) source.stream.set('apple', { seq: 2 });
      else child.kill('SIGINT');
    }

    assert.equal(lines, [`following ${source.stream.id}`, 'generation 2']);
    assert.is(await ended, 0);
  }),
);

function exampleIn(text: string): string {
  const [, block] = /```ts follow\n([\s\S]*?)```/.exec(text) ?? [];
  assert.ok(block);
  return block;
}

test.run();
