import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { IDLE_MS } from '../../src/mirror/source-events.ts';
import { createApp } from '../../src/server/app.ts';
import { SIGN_MS } from '../../src/server/events.ts';
import { listen, TIMEOUTS } from '../../src/server/listen.ts';
import type { GenerationEvent } from '../../src/server/stream-set.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { readAll } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/events');

const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}`;

/** A follower: its socket, and what it has been told so far. */
type Follower = {
  readonly socket: Socket;
  /** Resolves once what came matches. */
  until(pattern: RegExp): Promise<string>;
};

function follow(t: Scope, port: number, path = `${base}/events`): Follower {
  const socket = t.defer(connect(port, '127.0.0.1'), (one) => one.destroy());
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  let told = '';
  socket.on('data', (chunk) => {
    told += chunk.toString();
  });
  const until = (pattern: RegExp): Promise<string> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (pattern.test(told)) resolve(told);
      };
      socket.on('data', look);
      look();
    });
  return { socket, until };
}

test(
  'events :: the current generation first, then each new one, of this stream alone',
  scope(async (t) => {
    const a = makeSite(t, { 'a.txt': '1' });
    const b = makeSite(t, { 'a.txt': '1' }, { key: KEY_B, name: 'b.stream' });
    const { port, streams } = await serve(t, [{ path: a.path }, { path: b.path }]);
    const follower = follow(t, port);
    await follower.until(/"seq":1/);

    b.stream.set('x', 1);
    streams.poll();
    a.stream.set('x', 1);
    const told = await follower.until(/"seq":2/);

    const { tip } = a.stream.reader.generation();
    assert.match(told, /content-type: text\/event-stream/i);
    assert.match(told, `event: generation\nid: ${tip}\ndata: {"seq":2,"tip":${tip}}\n\n`);
    assert.not.match(told, String(b.stream.reader.generation().tip));
    assert.is(told.match(/event: generation/g)?.length, 2);
  }),
);

test(
  'events :: also under /.well-known/drayer on the origin of a site',
  scope(async (t) => {
    const { path } = makeSite(t, { 'a.txt': '1' });
    const { port } = await serve(t, [{ path }], { site: KEY_A.publicKey });

    assert.match(await follow(t, port, '/.well-known/drayer/events').until(/"seq":1/), '200 OK');
  }),
);

test(
  'events :: end at once when the server closes, though they would never end by themselves',
  scope(async (t) => {
    const { path } = makeSite(t, { 'a.txt': '1' });
    const { port, listener } = await serve(t, [{ path }]);
    const follower = follow(t, port);
    await follower.until(/"seq":1/);
    const ended = readAll(follower.socket);

    await listener.close();

    assert.match((await ended).toString(), /^0\r\n\r\n$/m);
  }),
);

test('events :: a sign of life comes before the server or a mirror takes the connection for dead', () => {
  assert.ok(SIGN_MS < TIMEOUTS.idleMs, `${SIGN_MS} ms, and the server waits ${TIMEOUTS.idleMs} ms`);
  assert.ok(2 * SIGN_MS < IDLE_MS, `${SIGN_MS} ms, and a mirror waits ${IDLE_MS} ms`);
});

test(
  'events :: HEAD has no events',
  scope(async (t) => {
    const { path } = makeSite(t, { 'a.txt': '1' });
    const { get } = await serve(t, [{ path }]);

    const response = await get(`${base}/events`, { method: 'HEAD' });

    assert.is(response.status, 200);
    assert.is(response.headers['content-type'], 'text/event-stream');
    assert.is(response.body.length, 0);
  }),
);

test(
  'events :: a follower with more waiting than it reads is cut',
  scope(async (t) => {
    const { path } = makeSite(t, { 'a.txt': '1' });
    const reader = t.defer(openReader(path), (one) => one.close());
    const listeners: ((event: GenerationEvent) => void)[] = [];
    const streams = {
      find: () => reader,
      list: () => [],
      onGeneration: (listener: (event: GenerationEvent) => void) => {
        listeners.push(listener);
        return () => {};
      },
    };
    const listener = await listen(createApp({ streams }), { port: 0 });
    t.defer(listener, (one) => one.close());
    const follower = follow(t, listener.port);
    await follower.until(/"seq":1/);
    const cut = once(follower.socket, 'close');
    const { id, publicKey } = reader;

    for (let i = 0; i < 2000; i += 1) {
      for (const tell of listeners) tell({ id, publicKey, generation: reader.generation() });
    }

    await cut;
  }),
);

test.run();
