/**
 * Clients that are slow, many or malformed on purpose, over bare sockets. What counts in each test is
 * what an honest visitor sees meanwhile.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import type { ConnectionLimits } from '../../src/server/connection-gate.ts';
import type { Timeouts } from '../../src/server/listen.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { parseResponse, rawExchange, readAll } from '../helpers/raw-http.ts';
import { scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type Serving, serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/abuse');

const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}`;
const HEAD = 'GET / HTTP/1.1\r\nHost: localhost\r\n';
// A twentieth of the real ones; the slow run takes those.
const isSlow = scaled(1) > 1;
const timeouts: Partial<Timeouts> = isSlow
  ? {}
  : { headersMs: 500, requestMs: 750, idleMs: 1000, checkMs: 100 };
const limits: Partial<ConnectionLimits> = isSlow ? {} : { sweepMs: 125, paceMs: 750 };
/** What every one of them is closed within: 20 s with the real timeouts, and a look. */
const CLOSED_MS = isSlow ? 23_000 : 2_500;

function open(t: Scope, port: number): Socket {
  const socket = t.defer(connect({ port, host: '127.0.0.1', noDelay: true }), (one) => {
    one.destroy();
  });
  // A reset is an end like any other.
  socket.on('error', () => {});
  return socket;
}

function serveSite(t: Scope, listening: Parameters<typeof serve>[3] = {}): Promise<Serving> {
  const sources = [{ path: makeSite(t, { 'index.html': 'home' }).path }];
  return serve(t, sources, {}, { timeouts, limits, ...listening });
}

/** Sends `piece` again and again until the connection is closed; returns what came, and how long it took. */
async function drip(
  socket: Socket,
  begin: string,
  piece: string,
): Promise<{ readonly came: Buffer; readonly ms: number }> {
  const started = performance.now();
  socket.write(begin);
  const timer = setInterval(() => socket.writable && socket.write(piece), isSlow ? 1000 : 50);
  const came = await readAll(socket);
  clearInterval(timer);
  return { came, ms: performance.now() - started };
}

/** Time a visitor's requests take, in ms, one after the other. */
async function visit(serving: Serving, times: number): Promise<number[]> {
  const taken: number[] = [];
  for (let i = 0; i < times; i += 1) {
    const started = performance.now();
    assert.is((await serving.get('/')).status, 200);
    taken.push(performance.now() - started);
  }
  return taken.sort((a, b) => a - b);
}

const slow: readonly (readonly [string, string, string, readonly number[]])[] = [
  ['headers that never end', HEAD, 'X-a: b\r\n', [408]],
  ['one byte of a header at a time', 'GET / HTTP/1.1\r\nX-a: ', 'a', [408]],
  [
    'a body that never ends',
    `POST ${base}/newRecordAvailable HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: 16000\r\n\r\n`,
    'a',
    [400, 408, 501],
  ],
  [
    'chunks that never end',
    'GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
    '1\r\na\r\n',
    [200],
  ],
];

for (const [name, begin, piece, statuses] of slow) {
  test(
    `slow clients :: ${name}: answered or closed in time (T061)`,
    scope(async (t) => {
      const { port, errors } = await serveSite(t);

      const { came, ms } = await drip(open(t, port), begin, piece);

      assert.ok(ms < CLOSED_MS, `closed after ${ms.toFixed(0)} ms`);
      if (came.length > 0) assert.ok(statuses.includes(parseResponse(came).status), `${came}`);
      assert.equal(errors, []);
    }),
  );
}

test(
  'slow clients :: one that says nothing at all is closed, without a word',
  scope(async (t) => {
    const { port } = await serveSite(t);
    const started = performance.now();

    const came = await readAll(open(t, port));

    assert.ok(performance.now() - started < CLOSED_MS);
    assert.match(came.toString(), /^(HTTP\/1\.1 408 |$)/);
  }),
);

test(
  'slow readers :: who takes a little now and then is cut, who reads on at a modest pace is not (T061)',
  scope(async (t) => {
    const path = t.path('a.stream');
    const stream = createStream(path, { secretKey: KEY_A.secretKey });
    stream.setBytes('blob', 'a', new Uint8Array(24 * 1024 * 1024));
    stream.close();
    const { port, errors } = await serve(t, [{ path }], {}, { timeouts, limits });
    const ask = `GET ${base}/rawwebacess/blob/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
    await untilHeld(t, port, ask);
    const [slowOne, paused, steady] = [open(t, port), open(t, port), open(t, port)];
    for (const socket of [slowOne, paused, steady]) {
      await once(socket.pause(), 'connect');
      socket.write(ask);
    }

    // Both are behind from the first look on; only one of them goes on.
    const sip = setInterval(() => void slowOne.read(64), isSlow ? 1000 : 50);
    let taken = 0;
    const drink = setInterval(() => {
      const piece: Buffer | null = steady.read(Math.min(steady.readableLength, 512 * 1024));
      taken += piece?.length ?? 0;
    }, 50);
    const started = performance.now();
    await Promise.all([cutOff(slowOne), cutOff(paused)]);
    const ms = performance.now() - started;
    clearInterval(sip);
    clearInterval(drink);
    const rest = readAll(steady);
    steady.resume();
    const whole = taken + (await rest).length;

    assert.ok(ms < CLOSED_MS, `closed after ${ms.toFixed(0)} ms`);
    assert.ok(whole > 24 * 1024 * 1024, `${whole} bytes`);
    assert.equal(errors, []);
  }),
);

test(
  'half-closed :: who says that nothing more will come is sent the whole answer, and followed no longer',
  scope(async (t) => {
    const path = t.path('a.stream');
    const stream = createStream(path, { secretKey: KEY_A.secretKey });
    const bytes = 8 * 1024 * 1024;
    stream.setBytes('blob', 'a', new Uint8Array(bytes));
    stream.close();
    const { port, listener, errors } = await serve(t, [{ path }]);
    const asks = ['rawwebacess/blob/a', 'newRecords/0'].map((what) => {
      const socket = open(t, port);
      socket.end(`GET ${base}/${what} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      return readAll(socket);
    });
    const [follower] = await follow(t, port, 1);

    follower?.end();
    const answers = (await Promise.all(asks)).map((came) => parseResponse(came));
    while (listener.connections().open > 0) await sleep(10);

    for (const { complete, body } of answers) {
      assert.ok(complete && body.length >= bytes, `${body.length} bytes`);
    }
    assert.equal(errors, []);
  }),
);

/** The thread that fetches large values may take longer to begin than these timeouts wait. */
async function untilHeld(t: Scope, port: number, ask: string): Promise<void> {
  for (let came = ''; !came.startsWith('HTTP/1.1 206'); ) {
    const socket = open(t, port);
    socket.write(ask.replace('\r\n\r\n', '\r\nRange: bytes=0-0\r\n\r\n'));
    came = (await readAll(socket)).toString('latin1');
  }
}

/** Resolves when the other end has reset the connection, which a paused socket is not told of. */
async function cutOff({ localPort = 0 }: Socket): Promise<void> {
  const hex = `0100007F:${localPort.toString(16).toUpperCase().padStart(4, '0')}`;
  // State 01 is ESTABLISHED (include/net/tcp_states.h).
  for (;;) {
    const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
    const line = lines.find((one) => one.split(/\s+/)[2] === hex);
    if (line === undefined || line.split(/\s+/)[4] !== '01') return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test(
  'many :: a thousand slow ones of four kinds do not keep a visitor waiting (T061)',
  scope(async (t) => {
    const path = t.path('a.stream');
    const stream = createStream(path, { secretKey: KEY_A.secretKey });
    stream.setBytes('blob', 'a', new Uint8Array(8 * 1024 * 1024));
    stream.setBytes('blob', 'small', new Uint8Array(1024));
    stream.close();
    const serving = await serve(t, [{ path }], {}, { limits: { mostOfOne: 4096 } });
    const before = await visit(serving, 20);
    const kinds = [
      'GET / HTTP/1.1\r\nHost: loc',
      `POST ${base}/newRecordAvailable HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\na`,
      `GET ${base}/rawwebacess/blob/small HTTP/1.1\r\nHost: localhost\r\nRange: bytes=${'0-1,'.repeat(500)}5-6\r\n\r\n`,
    ];
    // Fewer of these: what they leave unread is in the system's memory.
    const unread = `GET ${base}/rawwebacess/blob/a HTTP/1.1\r\nHost: localhost\r\n\r\n`;

    const slowOnes = Array.from({ length: 1000 }, () => open(t, serving.port));
    await Promise.all(slowOnes.map((socket) => once(socket.pause(), 'connect')));
    for (const [index, socket] of slowOnes.entries()) {
      socket.write(index % 20 === 0 ? unread : (kinds[index % 3] ?? ''));
    }
    const during = await visit(serving, 20);

    console.log(`  median ${before[10]?.toFixed(1)} ms alone, ${during[10]?.toFixed(1)} ms beside`);
    assert.ok((during[18] ?? 0) < 500, `${during}`);
    assert.ok(serving.listener.connections().busy >= 50);
    assert.equal(serving.errors, []);
  }),
);

test(
  'full :: what has no request in progress gives way, the oldest first',
  scope(async (t) => {
    const serving = await serveSite(t, { limits: { most: 20, mostOfOne: 20 } });
    const idle = Array.from({ length: 20 }, () => open(t, serving.port));
    for (const socket of idle) {
      await once(socket, 'connect');
      socket.write('GET / HTTP/1.1\r\n');
    }
    const ended: number[] = [];
    for (const [index, socket] of idle.entries()) {
      socket.resume().once('close', () => ended.push(index));
    }

    for (let i = 0; i < 3; i += 1) assert.is((await serving.get('/')).status, 200);

    assert.equal(ended.slice(0, 1), [0]);
    assert.ok(ended.length <= 3);
  }),
);

/** Sockets that hold a connection with a request in progress: live events. */
async function follow(t: Scope, port: number, times: number): Promise<Socket[]> {
  const sockets = Array.from({ length: times }, () => open(t, port));
  for (const socket of sockets) {
    socket.write(`GET ${base}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'data');
  }
  return sockets;
}

test(
  'full :: of connections at work, the next gets 503 with Retry-After, and is served once one has left',
  scope(async (t) => {
    const { port, get, errors } = await serveSite(t, { limits: { most: 20, mostOfOne: 20 } });
    const [first] = await follow(t, port, 20);

    const refused = await get('/');
    assert.is(refused.status, 503);
    assert.is(refused.headers['retry-after'], '5');
    assert.is(refused.headers['x-content-type-options'], 'nosniff');
    assert.is(refused.body.length, 0);

    first?.destroy();
    let status = 503;
    while (status === 503) status = (await get('/')).status;
    assert.is(status, 200);
    assert.equal(errors, []);
  }),
);

test(
  'full :: one address has a share, others are served',
  scope(async (t) => {
    const { port, get } = await serveSite(t, {
      host: '0.0.0.0',
      limits: { most: 40, mostOfOne: 10 },
    });
    await follow(t, port, 10);

    assert.is((await get('/')).status, 503);
    const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.3' });
    other.write(`${HEAD}Connection: close\r\n\r\n`);
    assert.is(parseResponse(await readAll(other)).status, 200);
  }),
);

test(
  'pipelining :: one request is answered at a time, whatever waits behind it',
  scope(async (t) => {
    const { port, errors } = await serveSite(t);
    const socket = open(t, port);
    const events = `GET ${base}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`;

    socket.write(events + `${HEAD}\r\n`.repeat(500));
    const first = String((await once(socket, 'data'))[0]);
    const other = await rawExchange(port, `${HEAD}Connection: close\r\n\r\n`);
    socket.destroy();

    // The events go on for ever, so nothing of the others may have been answered, nor begun.
    assert.is(first.match(/HTTP\/1\.1/g)?.length, 1);
    assert.is(other.status, 200);
    assert.equal(errors, []);
  }),
);

test(
  'pipelining :: what is sent behind an answer without end is not read, and takes no memory',
  scope(async (t) => {
    const { port, errors } = await serveSite(t);
    const socket = open(t, port);
    const most = 64 * 1024 * 1024;
    const large = `${HEAD}X-Large: ${'a'.repeat(14_000)}\r\n\r\n`.repeat(64);
    let sent = 0;

    socket.write(`GET ${base}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'data');
    while (socket.writable && sent < most && socket.writableLength === 0) {
      socket.write(large);
      sent += large.length;
      // Either it goes out, or for half a second nothing does.
      for (let i = 0; i < 50 && socket.writableLength > 0; i += 1) await sleep(10);
    }

    assert.ok(socket.writable, 'it was ended');
    // The system's buffers at both ends hold a few.
    assert.ok(sent < most, `${sent} bytes were taken`);
    assert.is((await rawExchange(port, `${HEAD}Connection: close\r\n\r\n`)).status, 200);
    assert.equal(errors, []);
  }),
);

test.run();
