/** What a mirror has seen complete, against the file and the sources: older, newer, garbage, gone (R20, R22). */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type MirrorReport, mirrorStream } from '../../src/mirror/mirror.ts';
import { openStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { readTrust, trustPathOf, writeTrust } from '../../src/store/trust.ts';
import { type Published, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/trust-state');

const YEAR = 365 * 24 * 3_600_000_000;

type Rig = { readonly path: string; run(url?: string): Promise<MirrorReport> };

/** A stream of one generation, and a mirror of it. */
async function mirrored(t: Scope): Promise<{ source: Published; mirror: Rig }> {
  const source = await publish(t);
  source.stream.set('a', 1);
  const path = t.path('mirror.stream');
  const { publicKey } = source.stream;
  const run = (url = source.peer.url) => mirrorStream({ url, publicKey, path });
  await run();
  return { source, mirror: { path, run } };
}

/** Serves a copy of a stream file as it is now. */
async function serveCopy(t: Scope, from: string, name: string): Promise<string> {
  const path = t.path(name);
  copyFileSync(from, path);
  const { port } = await serve(t, [{ path }]);
  return `http://127.0.0.1:${port}`;
}

test(
  'mirrorStream :: a file that was restored from a backup is brought up to date, and by nothing older',
  scope(async (t) => {
    const { source, mirror } = await mirrored(t);
    copyFileSync(mirror.path, t.path('backup'));
    source.stream.set('a', 2);
    await mirror.run();
    const older = await serveCopy(t, mirror.path, 'older.stream');
    source.stream.set('a', 3);
    await mirror.run();
    const trust = readFileSync(trustPathOf(mirror.path));
    for (const end of ['-wal', '-shm']) rmSync(mirror.path + end, { force: true });
    copyFileSync(t.path('backup'), mirror.path);
    const restored = streamRows(mirror.path);

    const fromOlder = await mirror.run(older);

    assert.is(fromOlder.source, 'behind');
    assert.equal(streamRows(mirror.path), restored);
    assert.equal(readFileSync(trustPathOf(mirror.path)), trust);
    assert.is((await mirror.run()).generation.snapshot?.seq, 3);
    assert.equal(streamRows(mirror.path), streamRows(source.path));
  }),
);

test(
  'mirrorStream :: a trust state that is missing or older than the file is made good',
  scope(async (t) => {
    const { source, mirror } = await mirrored(t);
    const old = readFileSync(trustPathOf(mirror.path));
    source.stream.set('a', 2);
    await mirror.run();
    const right = readFileSync(trustPathOf(mirror.path));
    for (const before of [undefined, old]) {
      rmSync(trustPathOf(mirror.path));
      if (before !== undefined) writeFileSync(trustPathOf(mirror.path), before);

      await mirror.run();

      assert.equal(readFileSync(trustPathOf(mirror.path)), right);
    }
  }),
);

test(
  'mirrorStream :: a trust state from the future keeps what is visible, and takes nothing for newer than it',
  scope(async (t) => {
    const { source, mirror } = await mirrored(t);
    const before = streamRows(mirror.path);
    const trust = readTrust(trustPathOf(mirror.path));
    writeTrust(trustPathOf(mirror.path), { tip: (trust?.tip ?? 0) + 10 * YEAR });
    source.stream.set('a', 2);

    assert.is((await mirror.run()).source, 'behind');
    assert.equal(streamRows(mirror.path), before);

    rmSync(mirror.path);
    const { hint } = await rejectsCode(mirror.run(), 'PEER_INCOMPLETE');
    assert.match(hint ?? '', 'remove the .trust file');
    assert.is(existsSync(mirror.path), false);
  }),
);

test(
  'mirrorStream :: a trust state that is garbage is said, with the way on, and nothing is changed',
  scope(async (t) => {
    const { source, mirror } = await mirrored(t);
    const before = streamRows(mirror.path);
    source.stream.set('a', 2);
    for (const garbage of ['', 'x', '{"tip":-1}', '\0'.repeat(80)]) {
      writeFileSync(trustPathOf(mirror.path), garbage);

      const { message, hint } = await rejectsCode(mirror.run(), 'STREAM_INVALID');

      assert.match(message, 'mirror.stream.trust: expected a trust state');
      assert.match(hint ?? '', 'delete this file only if');
      assert.equal(streamRows(mirror.path), before);
    }
    rmSync(trustPathOf(mirror.path));
    assert.is((await mirror.run()).generation.snapshot?.seq, 2);
  }),
);

test(
  'mirrorStream :: a file that was replaced by a copy of another history is not taken for its own (R22)',
  scope(async (t) => {
    const { source, mirror } = await mirrored(t);
    for (const end of ['', '.privatekey', '.mark']) {
      copyFileSync(source.path + end, t.path(`copy.stream${end}`));
    }
    source.stream.set('a', 'here');
    await mirror.run();
    const other: Stream = openStream(t.path('copy.stream'));
    other.set('a', 'there').close();
    for (const end of ['-wal', '-shm']) rmSync(mirror.path + end, { force: true });
    copyFileSync(t.path('copy.stream'), mirror.path);
    const trust = readFileSync(trustPathOf(mirror.path));
    const { port } = await serve(t, [{ path: t.path('copy.stream') }]);

    for (const url of [source.peer.url, `http://127.0.0.1:${port}`]) {
      const { message } = await rejectsCode(mirror.run(url), 'TWO_HISTORIES');
      assert.match(message, 'its generation 2 is another than the one that was complete here');
      assert.equal(readFileSync(trustPathOf(mirror.path)), trust);
    }
  }),
);

test.run();
