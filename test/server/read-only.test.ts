/** Streams that are served from where nothing can be written: of another user, on a read-only disk. */
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withReader } from '../../src/daemon/stream-facts.ts';
import { openStream } from '../../src/store/open-stream.ts';
import { type Child, runHelper } from '../helpers/child.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { breakSignature, factOf, makeStream, setUnchecked } from '../helpers/set-unchecked.ts';

const test = suite('server/read-only');

const FROM = 'http://192.168.1.20:33125';
const NOBODY = 65_534;

for (const who of ['own', 'left']) {
  test(
    `openStreamSet :: what is checked and cannot be noted is given all the same, as long as it is the same file (${who})`,
    scope(async (t) => {
      const path = makeShut(t);
      setUnchecked(path, { from: FROM });
      shut(t);

      const child = serveShut(t, path, who);

      await isGiven(child);
      assert.is(child.lines[0], 'unchecked true 2');
      await end(child);
      open(t);
      assert.equal(factOf(path), { from: FROM, fault: undefined });
    }),
  );
}

test(
  'openStreamSet :: a wrong signature that cannot be noted is known all the same, until somebody has mended it',
  scope(async (t) => {
    const path = makeShut(t);
    setUnchecked(path, { from: FROM });
    const right = withReader(path, (reader) => reader.findRecord('obj', 'a')?.signature);
    breakSignature(t, path);
    shut(t);
    const child = serveShut(t, path);
    assert.is(await child.line('wrong'), 'wrong true 2');

    open(t);
    breakSignature(t, path, right);
    setUnchecked(path, undefined);
    shut(t);

    await isGiven(child);
    await end(child);
    open(t);
  }),
);

test(
  'openStreamSet :: a stream of another user, which can only be copied, is followed as its owner changes it',
  scope(async (t) => {
    const path = makeShut(t);
    shut(t);
    const child = serveShut(t, path);
    await child.line('checked false 2');

    for (const seq of [3, 4]) {
      open(t);
      const owner = openStream(path, { secretKey: KEY_A.secretKey });
      owner.set('a', seq);
      owner.close();
      shut(t);
      await child.line(`checked false ${seq}`);
    }
    await end(child);
    open(t);
  }),
);

/** A stream of somebody else's, in a folder of theirs. */
function makeShut(t: Scope): string {
  mkdirSync(t.path('shut'));
  return makeStream(t, 'shut/a.stream');
}

function shut(t: Scope): void {
  for (const name of readdirSync(t.path('shut'))) chmodSync(t.path('shut', name), 0o444);
  chmodSync(t.path('shut'), 0o555);
  chmodSync(t.directory, 0o755);
}

function open(t: Scope): void {
  chmodSync(t.path('shut'), 0o755);
  for (const name of readdirSync(t.path('shut'))) chmodSync(t.path('shut', name), 0o644);
}

function serveShut(t: Scope, path: string, who = 'own'): Child {
  const user = process.getuid?.() === 0 ? NOBODY : undefined;
  const child = runHelper('checked-set-child.ts', [path, who], { user });
  return t.defer(child, (one) => one.process.kill('SIGKILL'));
}

/** Waits until it is given, which before it was checked it never was. */
async function isGiven(child: Child): Promise<void> {
  // It prints what it has looked at in two steps: in between it may have been checked.
  await child.line('checked false 2');
  assert.not(child.lines.some((line) => /^(unchecked|wrong) false/.test(line)));
}

async function end(child: Child): Promise<void> {
  child.process.stdin?.end();
  assert.is(await child.ended, 0);
}

test.run();
