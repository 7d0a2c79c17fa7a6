/** A server that stops, and one that has no file descriptors left: what is begun is finished, and it lives. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { affordableConnections } from '../../src/server/file-limit.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { parseResponse, rawGet, readAll } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type Serving, serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/drain');

const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}`;
const SIZE = 24 * 1024 * 1024;

function open(t: Scope, port: number, request = ''): Socket {
  const socket = t.defer(connect(port, '127.0.0.1'), (one) => one.destroy());
  socket.on('error', () => {});
  if (request !== '') socket.write(request);
  return socket;
}

function serveLarge(t: Scope, graceMs: number): Promise<Serving> {
  const path = t.path('a.stream');
  const stream = createStream(path, { secretKey: KEY_A.secretKey });
  stream.setBytes('blob', 'a', Buffer.alloc(SIZE, 'x'));
  stream.close();
  return serve(t, [{ path }], {}, { graceMs });
}

const ASK = `GET ${base}/rawwebacess/blob/a HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** What comes first on a connection, undefined when it ends before anything does. */
function firstOf(socket: Socket, event: 'connect' | 'data'): Promise<unknown> {
  return new Promise((resolve) => {
    socket.once(event, (what: unknown) => resolve(what ?? event));
    socket.once('close', () => resolve(undefined));
  });
}

test(
  'close :: a download in progress is finished, to its last byte, while nobody new is let in',
  scope(async (t) => {
    const { port, listener, errors } = await serveLarge(t, 60_000);
    const reading = open(t, port, ASK);
    await once(reading, 'readable');
    const idle = open(t, port, 'HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(idle, 'data');

    const closed = listener.close();
    await once(idle, 'close');
    assert.is(await firstOf(open(t, port), 'connect'), undefined);
    const whole = readAll(reading);
    reading.resume();
    const { status, body, complete } = parseResponse(await whole);
    await closed;

    assert.is(status, 200);
    assert.ok(complete);
    assert.is(body.length, SIZE);
    assert.equal(errors, []);
  }),
);

test(
  'close :: what is asked for behind the request in progress is not begun',
  scope(async (t) => {
    const { port, listener } = await serveLarge(t, 60_000);
    const reading = open(t, port, ASK + ASK);
    await once(reading, 'readable');

    const closed = listener.close();
    const whole = readAll(reading);
    reading.resume();
    const came = await whole;
    await closed;

    assert.is(came.toString('latin1').match(/HTTP\/1\.1 200/g)?.length, 1);
  }),
);

test(
  'close :: whoever does not come to an end is cut after the grace',
  scope(async (t) => {
    const { port, listener } = await serveLarge(t, 200);
    const reading = open(t, port, ASK);
    await once(reading, 'readable');

    await listener.close();

    const whole = readAll(reading);
    reading.resume();
    assert.is(parseResponse(await whole).complete, false);
  }),
);

test('affordableConnections :: as many as wanted, as there are descriptors for, and never none', () => {
  assert.is(affordableConnections(2048, 20_000), 2048);
  assert.is(affordableConnections(2048, 1024), 768);
  assert.is(affordableConnections(2048, 64), 16);
  assert.ok(affordableConnections(2048) >= 16);
});

/** A server in a process of its own that may open so many files, from when it runs: loading takes more. */
async function startWith(t: Scope, path: string, files: number): Promise<number> {
  const script = fileURLToPath(new URL('../helpers/serve-process.ts', import.meta.url));
  const words = ['--conditions=source', '--import', import.meta.resolve('tsx'), script, path];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  t.defer(child, (one) => one.kill());
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  execFileSync('prlimit', ['--pid', String(child.pid), `--nofile=${files}:${files}`]);
  return port;
}

test(
  'EMFILE :: with no descriptor left some are refused, nobody is mixed up, and afterwards all is well (T117)',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'home' });
    const port = await startWith(t, path, 64);
    const events = `GET ${base}/events HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const sockets = Array.from({ length: 200 }, () => open(t, port, events));

    const first = sockets.map(async (socket) => {
      const what = await firstOf(socket, 'data');
      return Buffer.isBuffer(what) ? parseResponse(what).status : 'closed';
    });
    const outcomes = new Set(await Promise.all(first));
    for (const socket of sockets) socket.destroy();

    // Some are served, none gets anything else than its events, 503 or the end of the connection.
    assert.ok(outcomes.has(200));
    for (const outcome of outcomes) assert.ok([200, 503, 'closed'].includes(outcome), `${outcome}`);
    let status = 503;
    while (status === 503) {
      status = await rawGet(port, `${base}/webAccess/`).then(
        (it) => it.status,
        () => 503,
      );
    }
    assert.is(status, 200);
  }),
);

test.run();
