/** `drayer mirror`, then `drayer serve`: who serves a mirror first checks its signatures, and then passes it on. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { type Running, shell } from '../helpers/drayer.ts';
import { noise, type Published, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { changeRecords, wronglySigned } from '../helpers/tampered-records.ts';

const test = suite('e2e/unchecked');

test(
  'mirror, info, list, serve :: shown at once, checked by who serves it, then given to peers',
  scope(async (t) => {
    const { stream, peer } = await publishMany(t);
    const { run, start } = shell(t, { directory: t.path('work') });

    const mirrored = await run('mirror', peer.url, '--json');
    assert.is(mirrored.status, 0, mirrored.stderr);
    assert.is(JSON.parse(mirrored.stdout).signatures, 'unchecked');
    const before = await run('info', stream.id, '--json');
    assert.is(JSON.parse(before.stdout).signatures, 'unchecked');
    assert.match((await run('info', stream.id)).stdout, /signatures +not checked yet/);
    assert.match((await run('list')).stdout, /signatures +not checked yet/);

    const serving = start('serve', stream.id, '--port', '0');
    const base = await baseOf(serving, stream.publicKey);
    await until(async () => (await fetch(`${base}/newRecords/0?limit=1`)).status === 200);
    assert.is((await fetch(`${base}/webAccess/f7`)).status, 200);
    assert.is((await fetch(`${base}/record/file/f7`)).status, 200);

    const after = await run('info', stream.id, '--json');
    assert.is(JSON.parse(after.stdout).signatures, 'checked');
    assert.not.match((await run('list')).stdout, /signatures/);
    // And a mirror of the mirror.
    const second = shell(t, { directory: t.path('second'), home: 'second-home' });
    const copied = await second.run('mirror', base.slice(0, base.lastIndexOf('/')), stream.id);
    assert.is(copied.status, 0, copied.stderr);
    assert.match(copied.stderr, 'signatures not checked yet');
    await serving.stop();
  }),
);

test(
  'mirror, serve, verify :: of a liar alone: visitors are served, no peer; beside an honest source all is well',
  scope(async (t) => {
    const { stream, peer, port } = await publishMany(t);
    peer.tamper(
      changeRecords(stream.publicKey, (one) => (one.id === 50 ? wronglySigned(one) : one)),
    );
    const { run, start } = shell(t, { directory: t.path('work') });

    assert.is((await run('mirror', peer.url)).status, 0);
    const serving = start('serve', stream.id, '--port', '0');
    const base = await baseOf(serving, stream.publicKey);
    await serving.waitForStderr(/wrong signatures/);
    assert.is((await fetch(`${base}/newRecords/0`)).status, 503);
    assert.is((await fetch(`${base}/webAccess/f7`)).status, 200);
    assert.is((await run('verify', stream.id)).status, 6);

    const alone = await run('mirror', peer.url);
    assert.is(alone.status, 6, alone.stderr);
    assert.match(alone.stderr, `${peer.url}: record 50: signature is not of this key`);
    assert.match((await run('info', stream.id)).stdout, /signatures +wrong/);

    const honest = `http://127.0.0.1:${port}`;
    const mended = await run('mirror', honest, '--json');
    assert.is(mended.status, 0, mended.stderr);
    assert.is(JSON.parse(mended.stdout).signatures, 'checked');
    // It is given to peers by the process that has withheld it till now.
    await until(async () => (await fetch(`${base}/newRecords/0`)).status === 200);
    assert.is((await run('verify', stream.id)).status, 0);
    await serving.stop();
  }),
);

async function publishMany(t: Scope): Promise<Published> {
  const published = await publish(t);
  published.stream.transaction((tx) => {
    for (let i = 0; i < 400; i += 1) tx.putFile(`f${i}`, noise(200, i));
  });
  return published;
}

async function baseOf(serving: Running, publicKey: Uint8Array): Promise<string> {
  const [, port] = await serving.waitFor(/:(\d+)\//);
  return `http://127.0.0.1:${port}/${formatStreamId(publicKey, 'base64url')}`;
}

/** Waits for a condition; the test's own time limit ends a wait in vain. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}

test.run();
