/** An own stream that fell behind its mark, brought back from a mirror (R11). */
import { copyFileSync, rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { recoverStream } from '../../src/mirror/recover.ts';
import { openStream } from '../../src/store/open-stream.ts';
import { noise, type Published, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode, throwsCode } from '../helpers/throws.ts';

const test = suite('mirror/recover');

test(
  'recoverStream :: a restored backup comes back to its mark, and can be written again (R11)',
  scope(async (t) => {
    const { path, url, rows } = await loseWrites(t);
    assert.throws(() => openStream(path).set('x', 1), throwsCode('STREAM_BEHIND_MARK'));

    const report = await recoverStream(path, url);

    assert.is(report.changed, true);
    assert.equal(streamRows(path), rows);
    const stream = t.defer(openStream(path), (one) => one.close());
    stream.set('after', 1);
    assert.is(stream.reader.generation().snapshot?.seq, 4);
  }),
);

test(
  'recoverStream :: a lost stream file is made anew where key and mark are left',
  scope(async (t) => {
    const { path, url, rows } = await loseWrites(t);
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });

    await recoverStream(path, url);

    assert.equal(streamRows(path), rows);
    const stream = t.defer(openStream(path), (one) => one.close());
    assert.is(stream.writable, true);
  }),
);

test(
  'recoverStream :: a server that is behind the mark too changes nothing',
  scope(async (t) => {
    const { path, oldUrl, url } = await loseWrites(t);
    const before = streamRows(path);

    const error = await rejectsCode(recoverStream(path, oldUrl), 'PEER_INCOMPLETE');

    assert.match(error.message, 'is behind what the key of');
    assert.equal(streamRows(path), before);
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
    await rejectsCode(recoverStream(path, oldUrl), 'PEER_INCOMPLETE');
    await recoverStream(path, url);
  }),
);

test(
  'recoverStream :: a stream without its key is not recovered but mirrored',
  scope(async (t) => {
    const { url, path } = await loseWrites(t);
    rmSync(`${path}.privatekey`);

    await rejectsCode(recoverStream(path, url), 'KEY_NOT_FOUND');
  }),
);

/** An own stream set back to generation 1 of 3, with a server at 3 and one at 1. */
async function loseWrites(
  t: Scope,
): Promise<{ path: string; url: string; oldUrl: string; rows: string[] }> {
  const { stream, path, peer }: Published = await publish(t);
  const { publicKey } = stream;
  stream.set('a', 1);
  const backup = t.path('backup.stream');
  await mirrorStream({ url: peer.url, publicKey, path: backup });
  stream.set('b', noise(300_000));
  stream.set('a', 2);
  const mirror = t.path('mirror.stream');
  await mirrorStream({ url: peer.url, publicKey, path: mirror });
  stream.close();
  const own = t.path('restored.stream');
  copyFileSync(backup, own);
  for (const end of ['.privatekey', '.mark']) copyFileSync(path + end, own + end);
  const now = await serve(t, [{ path: mirror }]);
  const old = await serve(t, [{ path: backup }]);
  return {
    path: own,
    url: `http://127.0.0.1:${now.port}`,
    oldUrl: `http://127.0.0.1:${old.port}`,
    rows: streamRows(mirror),
  };
}

test.run();
