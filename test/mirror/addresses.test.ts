/** Everything a person may paste, against a real server: `mirrorStream` and `listRemoteStreams`. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { cloneStream } from '../../src/mirror/clone-stream.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { listRemoteStreams } from '../../src/mirror/remote-streams.ts';
import type { AppOptions } from '../../src/server/app.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { KEY_A, KEY_B, KEY_C } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { scriptedPeer, send } from '../helpers/scripted-peer.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/addresses');

const canonical = formatStreamId(KEY_A.publicKey, 'base64url');
const base64 = encodeURIComponent(formatStreamId(KEY_A.publicKey));
const label = formatStreamId(KEY_A.publicKey, 'base32');
const site = { site: KEY_A.publicKey };
const domains = { 'blog.localhost': KEY_A.publicKey };

/** What is typed, with PORT for the port, and how the server is set up. */
const ADDRESSES: readonly [text: string, options?: Partial<AppOptions>][] = [
  [`http://127.0.0.1:PORT/${canonical}`],
  [`http://127.0.0.1:PORT/${base64}`],
  [`http://127.0.0.1:PORT/${label}/webAccess/deep/page.html`],
  [`http://${label}.localhost:PORT/deep/page.html`],
  [`http://${label}.localhost:PORT/`, site],
  [`localhost:PORT/${canonical}/`],
  [`http://127.0.0.1:PORT/mirrors/${canonical}`, { mount: '/mirrors' }],
  [`drayer://${canonical}?from=http://127.0.0.1:PORT`],
  [`drayer://${label}/page.html?from=127.0.0.1:PORT`],
  ['http://127.0.0.1:PORT'],
  ['http://127.0.0.1:PORT/mirrors', { mount: '/mirrors' }],
  ['http://127.0.0.1:PORT', site],
  ['http://127.0.0.1:PORT/deep/page.html', site],
  ['http://blog.localhost:PORT/deep/page.html', { domains }],
  ['http://localhost:PORT', { listStreams: true }],
];

for (const [text, options] of ADDRESSES) {
  const shown = text
    .replaceAll(canonical, 'KEY')
    .replaceAll(base64, 'BASE64')
    .replaceAll(label, 'LABEL');
  test(
    `mirrorStream :: takes ${shown} of a server with ${JSON.stringify(Object.keys(options ?? {}))}`,
    scope(async (t) => {
      const { path, port } = await startServer(t, options);

      const url = text.replace('PORT', String(port));
      const report = await mirrorStream({ url, dataDir: t.path('data') });

      assert.equal(streamRows(report.path), streamRows(path));
    }),
  );
}

test(
  'mirrorStream :: a server with several streams asks which one',
  scope(async (t) => {
    const { port, paths } = await startThree(t);

    const url = `http://127.0.0.1:${port}`;
    const error = await rejectsCode(mirrorStream({ url, dataDir: t.path('data') }), 'INPUT_NEEDED');
    const { publicKey } = KEY_B;
    const report = await mirrorStream({ url, publicKey, dataDir: t.path('data') });

    assert.match(error.message, 'offers 3 streams');
    assert.match(hintOf(error), formatStreamId(KEY_C.publicKey));
    assert.equal(streamRows(report.path), streamRows(paths[1] ?? ''));
  }),
);

test(
  'listRemoteStreams :: tells what a server hosts',
  scope(async (t) => {
    const { port } = await startThree(t);

    const streams = await listRemoteStreams(`127.0.0.1:${port}`);

    assert.equal(
      streams.map(({ id, name, count, seq }) => [id, name, count, seq]),
      [KEY_A, KEY_B, KEY_C].map((key, i) => [formatStreamId(key.publicKey), `site ${i}`, 2, 1]),
    );
  }),
);

test(
  'listRemoteStreams :: a server that does not tell is said so',
  scope(async (t) => {
    const { port } = await startServer(t, { listStreams: false });

    const error = await rejectsCode(listRemoteStreams(`http://127.0.0.1:${port}`), 'NOT_FOUND');

    assert.match(error.message, 'does not tell which streams it has');
  }),
);

test(
  'listRemoteStreams :: takes nothing that is no list of stream ids',
  scope(async (t) => {
    const bodies = [
      '<html>',
      '[]',
      '{"streams":3}',
      '{"streams":[{"id":"x"},null,7,{"name":"n"}]}',
    ];
    let next = 0;
    const { url } = await scriptedPeer(t, (path, response) => {
      if (path !== '/streams.json') return send(response, 'nothing', 404);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(bodies[next]);
    });

    for (next = 0; next < 3; next += 1) await rejectsCode(listRemoteStreams(url), 'NOT_FOUND');
    assert.equal(await listRemoteStreams(url), []);
  }),
);

test(
  'mirrorStream :: each mistake gets a sentence that helps',
  scope(async (t) => {
    const { port } = await startServer(t);
    const dataDir = t.path('data');
    const url = `http://127.0.0.1:${port}`;
    const { publicKey } = KEY_B;
    const taken = t.path('taken.stream');
    createStream(taken).close();

    const mistakes = [
      [() => mirrorStream({ url, publicKey, dataDir }), 'NOT_FOUND', /check the stream id/],
      [
        () => mirrorStream({ url: 'http://127.0.0.1:1', publicKey }),
        'UNREACHABLE',
        /is the server running/,
      ],
      [
        () => mirrorStream({ url: 'http://no-such-host.invalid/', publicKey }),
        'UNREACHABLE',
        /check/,
      ],
      [
        () => mirrorStream({ url: `${url}/${canonical}`, publicKey }),
        'USAGE',
        /give the stream id once/,
      ],
      [() => mirrorStream({ url: 'ftp://x', publicKey }), 'USAGE', /an address looks like/],
      [
        () => mirrorStream({ url, publicKey, path: taken }),
        'KEY_MISMATCH',
        /drayer recover --from URL/,
      ],
    ] as const;

    for (const [run, code, hint] of mistakes) {
      const error = await rejectsCode(run(), code);
      assert.match(hintOf(error), hint);
    }
  }),
);

test(
  'mirrorStream :: a server with another site at / has no such stream, and does nothing wrong',
  scope(async (t) => {
    const { port } = await startServer(t, site);
    const { publicKey } = KEY_B;

    for (const page of ['', '/', '/deep/page.html']) {
      const url = `http://127.0.0.1:${port}${page}`;
      const error = await rejectsCode(mirrorStream({ url, publicKey }), 'NOT_FOUND');
      assert.match(error.message, `has no stream ${formatStreamId(publicKey)}`);
    }
  }),
);

test(
  'mirrorStream :: a file of another stream is not touched',
  scope(async (t) => {
    const { port } = await startServer(t);
    const other = await startServer(t, {}, KEY_B);
    const path = t.path('mirror.stream');
    await mirrorStream({ url: `http://127.0.0.1:${other.port}`, path });
    const before = streamRows(path);

    const error = await rejectsCode(
      mirrorStream({ url: `http://127.0.0.1:${port}`, path }),
      'KEY_MISMATCH',
    );

    assert.match(hintOf(error), 'another path');
    assert.equal(streamRows(path), before);
  }),
);

test(
  'cloneStream :: is a mirror, opened for reading',
  scope(async (t) => {
    const { port } = await startServer(t);

    const url = `http://127.0.0.1:${port}`;
    const stream = t.defer(await cloneStream({ url, dataDir: t.path('data') }), (s) => s.close());

    assert.is(stream.get('title'), 'hello');
    assert.is(stream.writable, false);
  }),
);

async function startServer(
  t: Scope,
  options: Partial<AppOptions> = {},
  { secretKey } = KEY_A,
): Promise<{ path: string; port: number }> {
  const path = t.path(`own-${Buffer.from(secretKey.slice(0, 4)).toString('hex')}.stream`);
  const stream = t.defer(createStream(path, { secretKey }), (one) => one.close());
  stream.set('title', 'hello');
  const { port } = await serve(t, [{ path }], options);
  return { path, port };
}

async function startThree(t: Scope): Promise<{ port: number; paths: string[] }> {
  const paths = [KEY_A, KEY_B, KEY_C].map(({ secretKey }, i) => {
    const path = t.path(`${i}.stream`);
    const stream = createStream(path, { secretKey });
    stream.set('title', i);
    stream.close();
    return path;
  });
  const { port } = await serve(
    t,
    paths.map((path, i) => ({ path, name: `site ${i}` })),
  );
  return { port, paths };
}

function hintOf(error: Error): string {
  return isDrayerError(error) ? (error.hint ?? '') : '';
}

test.run();
