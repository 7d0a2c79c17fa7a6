/** An own stream that fell behind its mark, brought back from a mirror (R11). */
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { recoverStream } from '../../src/mirror/recover.ts';
import { readKeyFile } from '../../src/store/key-file.ts';
import { readMark } from '../../src/store/mark.ts';
import { createStream, openStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { KEY_A } from '../helpers/keys.ts';
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

test(
  'recoverStream :: a server with another history is told of, also where its time is behind (R16)',
  scope(async (t) => {
    const { path, stream, key, url } = await twoMachines(t);
    // This machine signs one generation, later; the other one had signed three.
    stream.set('mine', 1);
    stream.close();

    await rejectsCode(recoverStream(path, url, { secretKey: key }), 'TWO_HISTORIES');
  }),
);

for (const [what, text] of [
  ['garbage', 'no mark at all'],
  ['empty', ''],
] as const) {
  test(
    `recoverStream :: a mark that is ${what} is written anew`,
    scope(async (t) => {
      const { path, url, rows } = await loseWrites(t);
      writeFileSync(`${path}.mark`, text);
      assert.throws(() => openStream(path).set('x', 1), throwsCode('STREAM_BEHIND_MARK'));

      await recoverStream(path, url);

      assert.equal(streamRows(path), rows);
      assert.is(readMark(`${path}.mark`)?.seq, 3);
      const stream = t.defer(openStream(path), (one) => one.close());
      stream.set('after', 1);
    }),
  );
}

for (const [what, damage] of [
  ['empty', (path: string) => writeFileSync(path, '')],
  ['no stream any more', (path: string) => writeFileSync(path, 'x'.repeat(5000))],
  ['signed by nobody in one record', breakSignature],
] as const) {
  test(
    `recoverStream :: a stream file that is ${what} is fetched anew`,
    scope(async (t) => {
      const { path, url, oldUrl, rows } = await loseWrites(t);
      await recoverStream(path, url);
      for (const end of ['-wal', '-shm']) rmSync(path + end, { force: true });
      damage(path);
      const before = readFileSync(path);

      await rejectsCode(recoverStream(path, oldUrl), 'PEER_INCOMPLETE');
      if (what !== 'empty') assert.equal(readFileSync(path), before, 'put back');
      const { damagedPath } = await recoverStream(path, url);

      assert.equal(streamRows(path), rows);
      assert.is(damagedPath, what === 'empty' ? undefined : `${path}.damaged`);
      if (damagedPath !== undefined) assert.equal(readFileSync(damagedPath), before);
      const stream = t.defer(openStream(path), (one) => one.close());
      stream.set('after', 1);
    }),
  );
}

test(
  'recoverStream :: with a key from elsewhere, whose own mark counts too',
  scope(async (t) => {
    const { path, url, oldUrl } = await loseWrites(t);
    const secretKey = readKeyFile(`${path}.privatekey`);
    const keyPath = t.path('my.key');
    renameSync(`${path}.privatekey`, keyPath);
    renameSync(`${path}.mark`, `${keyPath}.mark`);

    await rejectsCode(recoverStream(path, oldUrl, { secretKey, keyPath }), 'PEER_INCOMPLETE');
    const report = await recoverStream(path, url, { secretKey, keyPath });

    assert.is(report.generation.snapshot?.seq, 3);
    assert.is(readMark(`${path}.mark`)?.seq, 3);
  }),
);

/** An own stream at generation 1, and a server of a copy to which its key was taken and signed three. */
async function twoMachines(
  t: Scope,
): Promise<{ path: string; stream: Stream; key: Uint8Array; url: string }> {
  const secretKey = KEY_A.secretKey;
  const path = t.path('here.stream');
  const stream = t.defer(createStream(path, { secretKey }), (one) => one.close());
  stream.set('a', 1);
  stream.compact();
  const there = t.path('there.stream');
  for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, there + end);
  const other = t.defer(openStream(there, { secretKey }), (one) => one.close());
  other.set('b', 1).set('b', 2).set('b', 3);
  const { port } = await serve(t, [{ path: there }]);
  return { path, stream, key: secretKey, url: `http://127.0.0.1:${port}` };
}

function breakSignature(path: string): void {
  const database = new Database(path);
  database.exec("UPDATE record SET signature = zeroblob(64) WHERE key = 'b'");
  database.close();
}

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
