/** Several sources of one stream: the newest is followed, and where one fails or lies the next goes on. */
import { copyFileSync, rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { readForkProof } from '../../src/store/fork-proof.ts';
import { openStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { noise, type Published, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { scriptedPeer, send } from '../helpers/scripted-peer.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/several-sources');

const NOBODY = 'http://127.0.0.1:1';

test(
  'mirrorStream :: a source that is away does not keep the other from being mirrored (R16)',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    stream.set('a', 1);

    const report = await mirrorStream({
      urls: [NOBODY, peer.url],
      publicKey: stream.publicKey,
      path: t.path('mirror.stream'),
    });

    assert.equal(streamRows(report.path), streamRows(path));
    assert.equal(
      report.failures.map(({ url, error }) => `${url} ${error.code}`),
      [`${NOBODY} UNREACHABLE`],
    );
  }),
);

test(
  'mirrorStream :: the newest of all sources is followed, wherever it stands in the list (A5)',
  scope(async (t) => {
    const published = await publish(t);
    const [older, newer] = await oldAndNew(t, published);

    for (const urls of [
      [older, newer],
      [newer, older],
    ]) {
      const path = t.path(`${urls.indexOf(newer)}.stream`);
      const report = await mirrorStream({ urls, publicKey: published.stream.publicKey, path });
      assert.is(report.source, 'current');
      assert.equal(streamRows(path), streamRows(published.path));
    }
  }),
);

test(
  'mirrorStream :: what one source sent before it lied is gone on with from the next (R16)',
  scope(async (t) => {
    const published = await publish(t);
    const { stream, peer } = published;
    stream.transaction((tx) => {
      for (let i = 0; i < 600; i += 1) tx.setBytes('file', `f${i}`, noise(4000, i));
    });
    // More than a batch comes before the first wrong byte.
    peer.tamper((asked, answer) => {
      const at = answer.body.length - 100;
      if (asked.includes('newRecords')) answer.body[at] = (answer.body[at] ?? 0) ^ 1;
      return undefined;
    });
    const honest = await slowly(t, published, 40);

    const report = await mirrorStream({
      urls: [peer.url, honest],
      publicKey: stream.publicKey,
      path: t.path('mirror.stream'),
    });

    assert.equal(streamRows(report.path), streamRows(published.path));
    assert.equal(
      report.failures.map(({ error }) => error.code),
      ['PEER_MISBEHAVED'],
    );
    // The wrong one is fetched twice, and no other.
    assert.is(report.fetchedRecords, 602);
  }),
);

test(
  'mirrorStream :: a newer record that nobody gives the rest of is told of, and changes nothing',
  scope(async (t) => {
    const published = await publish(t);
    const [older] = await oldAndNew(t, published);
    published.peer.tamper((asked, answer) => {
      if (asked.includes('newRecords')) answer.status = 503;
      return undefined;
    });
    const path = t.path('mirror.stream');
    const { publicKey } = published.stream;
    await mirrorStream({ url: older, publicKey, path });
    const before = streamRows(path);

    const report = await mirrorStream({ urls: [older, published.peer.url], publicKey, path });

    assert.is(report.source, 'withheld');
    assert.is(report.changed, false);
    assert.equal(streamRows(path), before);
  }),
);

test(
  'mirrorStream :: none of several is of use: each is named, and the worst says what it is',
  scope(async (t) => {
    const published = await publish(t);
    published.stream.set('a', 1);
    published.peer.tamper((asked, answer) => {
      if (asked.includes('newRecords')) answer.body = Buffer.from('nonsense');
      return undefined;
    });

    const error = await rejectsCode(
      mirrorStream({
        urls: [NOBODY, published.peer.url],
        publicKey: published.stream.publicKey,
        path: t.path('mirror.stream'),
      }),
      'PEER_MISBEHAVED',
    );

    assert.match(error.message, 'none of 2 sources');
    assert.match(error.message, NOBODY);
    assert.match(error.message, published.peer.url);
  }),
);

test(
  'mirrorStream :: sources that show two histories prove them against each other (A11, R16)',
  scope(async (t) => {
    const published = await publish(t);
    const { stream, peer } = published;
    stream.set('a', 1);
    const { other, url } = await copyOf(t, published);
    stream.set('a', 'here');
    other.set('a', 'there');
    const mirror = t.path('mirror.stream');

    // Nothing is held here: only the two of them together tell.
    await rejectsCode(
      mirrorStream({
        urls: [peer.url, url],
        publicKey: stream.publicKey,
        path: mirror,
      }),
      'TWO_HISTORIES',
    );
  }),
);

test(
  'mirrorStream :: a second history is not taken for its higher number (R16, R22)',
  scope(async (t) => {
    const published = await publish(t);
    const { stream, peer } = published;
    stream.transaction((tx) => tx.set('a', 1).set('b', 1));
    const { other, url } = await copyOf(t, published);
    const path = t.path('mirror.stream');
    stream.set('a', 'here');
    const { publicKey } = stream;
    await mirrorStream({ url: peer.url, publicKey, path });
    const before = streamRows(path);
    for (let n = 0; n < 3; n += 1) other.set('b', n);

    // Also together with a source that is as far as the mirror, and from nothing but that history.
    for (const urls of [[url], [peer.url, url], [url, peer.url]]) {
      const error = await rejectsCode(mirrorStream({ urls, publicKey, path }), 'TWO_HISTORIES');
      assert.match(error.message, 'has signed two histories');
      assert.equal(streamRows(path), before);
      assert.ok(readForkProof(path) !== undefined);
      rmSync(`${path}.fork`);
    }
    stream.set('a', 'on');
    const after = await mirrorStream({ url: peer.url, publicKey, path });
    assert.is(after.changed, true);
    assert.equal(streamRows(path), streamRows(published.path));
  }),
);

test(
  'mirrorStream :: a source that keeps silent is not waited for where another sends (T044)',
  scope(async (t) => {
    const published = await publish(t);
    const { stream, path, port, peer } = published;
    stream.transaction((tx) => tx.set('a', 1).set('b', 2));
    // Shows its tip, and then nothing any more.
    const silent = await scriptedPeer(t, async (asked, response) => {
      if (asked.includes('newRecords')) return;
      const answer = await fetch(`http://127.0.0.1:${port}${asked}`);
      send(response, Buffer.from(await answer.arrayBuffer()), answer.status);
    });
    const target = t.path('mirror.stream');

    const report = await mirrorStream({
      urls: [silent.url, peer.url],
      publicKey: stream.publicKey,
      path: target,
      // Longer than the test may take: who waits for it fails.
      limits: { connectMs: 60_000, firstByteMs: 60_000, idleMs: 60_000 },
    });

    assert.is(report.changed, true);
    assert.equal(streamRows(target), streamRows(path));
  }),
);

/** The same stream with its key, copied as a backup is, and served. */
async function copyOf(t: Scope, { path }: Published): Promise<{ other: Stream; url: string }> {
  const copy = t.path('copy.stream');
  for (const end of ['', '.privatekey', '.mark']) copyFileSync(path + end, copy + end);
  const other = t.defer(openStream(copy), (one) => one.close());
  const { port } = await serve(t, [{ path: copy }]);
  return { other, url: `http://127.0.0.1:${port}` };
}

/** Two servers of a stream, the first a generation behind. */
async function oldAndNew(t: Scope, { stream, peer }: Published): Promise<[string, string]> {
  stream.transaction((tx) => tx.set('a', 1).set('b', 1));
  const old = t.path('old.stream');
  await mirrorStream({ url: peer.url, publicKey: stream.publicKey, path: old });
  stream.transaction((tx) => {
    tx.set('a', 2).set('c', 1);
    tx.delete('b');
  });
  const { port } = await serve(t, [{ path: old }]);
  return [`http://127.0.0.1:${port}`, peer.url];
}

/** The same stream at a server that takes a moment for each answer, so that the other is first. */
async function slowly(t: Scope, { port }: Published, ms: number): Promise<string> {
  const { url } = await scriptedPeer(t, async (asked, response) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    const answer = await fetch(`http://127.0.0.1:${port}${asked}`);
    const tip = answer.headers.get('drayer-tip');
    if (tip !== null) response.setHeader('drayer-tip', tip);
    send(response, Buffer.from(await answer.arrayBuffer()), answer.status);
  });
  return url;
}

test.run();
