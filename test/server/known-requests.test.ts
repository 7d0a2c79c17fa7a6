/**
 * Requests that are answered without being read get what they get when they are read, and no byte that could
 * be anything else than such a request is taken for one.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { randomFrom } from '../../bench/corpus.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { createApp, memoryOf } from '../../src/server/app.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import type { SeenRequest } from '../../src/server/request-watch.ts';
import { openStreamSet } from '../../src/server/stream-set.ts';
import { KEY_A } from '../helpers/keys.ts';
import { countRead, sendPieces } from '../helpers/pieces.ts';
import { scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type Serving, serve } from '../helpers/serving.ts';
import { makeSite, putFiles } from '../helpers/site.ts';

const test = suite('server/known-requests');

const HOST = 'Host: localhost\r\n';
const GET = `GET / HTTP/1.1\r\n${HOST}Accept-Encoding: gzip\r\n\r\n`;
const OTHER = `GET /other.html HTTP/1.1\r\n${HOST}User-Agent: test\r\n\r\n`;
const HEAD = `HEAD / HTTP/1.1\r\n${HOST}\r\n`;
const KNOWN = [GET, OTHER, HEAD];

const FILES = { 'index.html': 'home '.repeat(50), 'other.html': 'other '.repeat(70) };

/** Two servers of one site: one answers what it knows, the other has all of it read. */
async function both(t: Scope): Promise<{ known: Serving; read: Serving }> {
  const { path } = makeSite(t, FILES);
  const options = { site: KEY_A.publicKey };
  const timeouts = { keepAliveMs: 60_000 };
  const known = await serve(t, [{ path }], options, { timeouts });
  const read = await serve(t, [{ path }], options, { timeouts, onRequest: () => {} });
  for (const text of KNOWN) await sendPieces(known.listener, [text, text]);
  return { known, read };
}

test(
  'answerKnown :: what is known is not read, on any connection but for its first',
  scope(async (t) => {
    const { known, read } = await both(t);
    const readKnown = countRead(t, known.listener);
    const readRead = countRead(t, read.listener);

    for (const first of [OTHER, `GET /none HTTP/1.1\r\n${HOST}\r\n`]) {
      const pieces = [first, ...KNOWN, ...KNOWN, first];
      assert.is(await sendPieces(known.listener, pieces), await sendPieces(read.listener, pieces));
    }

    // Two first ones, and the page that is not there once more.
    assert.is(readKnown(), 3);
    assert.is(readRead(), 16);
  }),
);

/** Each in pieces; a text that is known comes behind what makes it something else. */
const cases: readonly (readonly [string, readonly string[]])[] = [
  ['a body', [`POST / HTTP/1.1\r\n${HOST}Content-Length: ${GET.length}\r\n\r\n`, GET]],
  ['a body of GET', [`GET / HTTP/1.1\r\n${HOST}Content-Length: ${GET.length}\r\n\r\n`, GET]],
  [
    'a chunk',
    [
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`,
      `${GET.length.toString(16)}\r\n`,
      GET,
      '\r\n0\r\n\r\n',
    ],
  ],
  ['a trailer', [`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n`, GET]],
  ['the end of a value', [`POST / HTTP/1.1\r\n${HOST}X: `, GET]],
  ['the end of a target', ['GET /', GET]],
  ['lines of a head', [`GET / HTTP/1.1\r\n${HOST}X: y\r\n`, GET]],
  ['behind half a line end', [`GET / HTTP/1.1\r\n${HOST}\r`, GET]],
  ['behind empty lines', ['\r\n', GET, '\r\n\r\n', GET]],
  ['behind a byte', ['G', GET]],
  ['twice in one piece', [GET + GET, GET]],
  ['once and a half', [GET + GET.slice(0, 20), GET.slice(20), GET]],
  ['without its last byte', [GET.slice(0, -1), '\n', GET]],
  ['a byte more', [`${GET}G`, GET.slice(1), GET]],
  ['another version', [`GET / HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`, GET]],
  ['behind the last', [`GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`, GET]],
  [
    'behind an upgrade',
    [`GET / HTTP/1.1\r\n${HOST}Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n`, GET],
  ],
  ['behind an expectation', [`GET / HTTP/1.1\r\n${HOST}Expect: 100-continue\r\n\r\n`, GET]],
  ['behind a wonder', [`GET / HTTP/1.1\r\n${HOST}Expect: wonders\r\n\r\n`, GET]],
  ['through a tunnel', [`CONNECT localhost:1 HTTP/1.1\r\n${HOST}\r\n`, GET]],
  ['behind what is none', ['nonsense\r\n\r\n', GET]],
  ['behind a bare line feed', [`GET / HTTP/1.1\nHost: localhost\n\n`, GET]],
  ['behind one bare line feed', [`GET / HTTP/1.1\r\nHost: localhost\n\r\n`, GET]],
  ['behind version 2', ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', GET]],
];

const PLAIN = [`GET /none HTTP/1.1\r\n${HOST}\r\n`, `OPTIONS / HTTP/1.1\r\n${HOST}\r\n`];

/** What can stand in a script, each in parts between which it is cut more often. */
const PARTS: readonly (readonly string[])[] = [
  ...KNOWN.flatMap((text) => [[text], [text], [text]]),
  PLAIN,
  [`GET / HTTP/1.1\r\n${HOST}Range: bytes=0-1\r\n\r\n`],
  ...cases.map(([, pieces]) => pieces),
  [`POST / HTTP/1.1\r\n${HOST}Content-Length: ${3 * GET.length}\r\n\r\n`, GET, GET, GET],
  [`GET / HTTP/1.1\r\n${HOST}X: y\r\n`, `Y: `, GET],
  ['\r\n'],
];

/** A few of those, cut anew. */
function scriptOf(random: () => number): string[] {
  const below = (n: number): number => Math.floor(random() * n);
  const some = (from: typeof PARTS, most: number): string[] =>
    Array.from({ length: 1 + below(most) }, () => from[below(from.length)] ?? []).flat();
  const parts = [...some([KNOWN, KNOWN.slice(1), PLAIN], 3), ...some(PARTS, 5)];
  const pieces: string[] = [''];
  for (const part of parts) {
    const cut = random() < 0.05 ? below(part.length) : part.length;
    // Some are joined, as by a network.
    if (random() < 0.05) pieces.push((pieces.pop() ?? '') + part.slice(0, cut));
    else pieces.push(part.slice(0, cut));
    if (cut < part.length) pieces.push(part.slice(cut));
  }
  return pieces.filter((piece) => piece !== '');
}

/** The scripts to which two servers answer differently. */
async function differing(
  scripts: readonly (readonly string[])[],
  one: Listener,
  other: Listener,
): Promise<string[]> {
  const found: string[] = [];
  for (const pieces of scripts) {
    const [a, b] = [await sendPieces(one, pieces), await sendPieces(other, pieces)];
    if (a !== b) found.push(`${JSON.stringify(pieces, undefined, 1)}\n${a}\n-----\n${b}`);
  }
  return found;
}

/** Has a server answer a known text wherever a piece begins with it: what must not be. */
async function answerAnywhere({ listener }: Serving): Promise<void> {
  const answers = new Map<string, string>();
  for (const text of KNOWN) answers.set(text, await sendPieces(listener, [text]));
  listener.sockets[0]?.on('connection', (socket: Socket) => {
    const [read] = socket.listeners('data') as ((piece: Buffer) => void)[];
    socket.removeAllListeners('data');
    socket.on('data', (piece: Buffer) => {
      const answer = answers.get(piece.toString('latin1'));
      if (answer === undefined) read?.(piece);
      else socket.write(answer, 'latin1');
    });
  });
}

test(
  'answerKnown :: what is known is read where it could be something else (T060)',
  scope(async (t) => {
    const { known, read } = await both(t);
    // The first request is read in any case, so each comes behind others too.
    const scripts = cases.flatMap(([, pieces]) => [
      pieces,
      [OTHER, ...pieces],
      [GET, GET, ...pieces],
    ]);

    assert.equal(await differing(scripts, known.listener, read.listener), []);
    assert.equal(known.errors, []);

    await answerAnywhere(read);
    const wrong = await differing(scripts, known.listener, read.listener);
    assert.ok(wrong.length > scripts.length / 3, `${wrong.length} of ${scripts.length} found`);
  }),
);

test(
  'answerKnown :: any requests in any pieces get what they get when they are read (T060)',
  scope(async (t) => {
    const { known, read } = await both(t);
    const seed = Number(process.env['DRAYER_TEST_SEED'] ?? 1);
    const random = randomFrom(seed);
    const scripts = Array.from({ length: scaled(120) }, () => scriptOf(random));
    const readKnown = countRead(t, known.listener);
    const readRead = countRead(t, read.listener);

    const wrong = await differing(scripts, known.listener, read.listener);

    assert.equal(wrong, [], `seed ${seed}`);
    assert.equal(known.errors, []);
    assert.ok(readKnown() < readRead() - scripts.length, `${readKnown()} of ${readRead()} read`);
  }),
);

/** A client that asks one request after the other, each when the answer before has come. */
async function visitor(
  t: Scope,
  { port }: Serving,
): Promise<{ readonly socket: Socket; ask(text: string): Promise<string> }> {
  const socket = t.defer(connect({ port, host: '127.0.0.1', noDelay: true }), (one) =>
    one.destroy(),
  );
  socket.on('error', () => {});
  await once(socket, 'connect');
  const ask = async (text: string): Promise<string> => {
    socket.write(text, 'latin1');
    let came = '';
    for (;;) {
      const [, length] = /\r\nContent-Length: (\d+)\r\n/i.exec(came) ?? [];
      const body = came.indexOf('\r\n\r\n') + 4;
      if (length !== undefined && came.length >= body + Number(length)) return came;
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      came += chunk.toString('latin1');
    }
  };
  return { socket, ask };
}

test(
  'answerKnown :: who asks after a commit gets what was committed, on the same connection',
  scope(async (t) => {
    const { path, stream } = makeSite(t, { 'index.html': '0' });
    const served = await serve(t, [{ path }], { site: KEY_A.publicKey, pollMs: 1e9 });
    const read = countRead(t, served.listener);
    const { ask } = await visitor(t, served);

    for (let n = 1; n <= 10; n += 1) {
      putFiles(stream, { 'index.html': `generation ${n}` });
      for (let i = 0; i < 4; i += 1) {
        assert.ok((await ask(HEAD.replace('HEAD', 'GET'))).endsWith(`\r\n\r\ngeneration ${n}`));
      }
    }

    // The app, memory, and two times neither.
    assert.is(read(), 20);
  }),
);

test(
  'answerKnown :: a connection that lives on what is known is not timed out, half a request is',
  scope(async (t) => {
    const { path } = makeSite(t, FILES);
    const timeouts = { headersMs: 200, requestMs: 200, checkMs: 20, keepAliveMs: 60_000 };
    const served = await serve(t, [{ path }], { site: KEY_A.publicKey }, { timeouts });
    const { socket, ask } = await visitor(t, served);
    const other = await visitor(t, served);
    for (let i = 0; i < 3; i += 1) await ask(GET);
    const read = countRead(t, served.listener);

    const came = other.ask(`${GET}GET / HTTP/1.1\r\n`);
    const ended = once(other.socket, 'close');
    let asked = 0;
    for (let isOver = false; !isOver; asked += 1) {
      await ask(GET);
      isOver = other.socket.destroyed;
    }
    assert.match(await came, /^HTTP\/1.1 200 /);
    await ended;
    const half = ask(GET.slice(0, 20));

    // Only what the other one sent was read.
    assert.is(read(), 1);
    assert.ok(asked > 3, `${asked} times`);
    await once(socket, 'close');
    half.catch(() => {});
  }),
);

test(
  'answerKnown :: no access log and no metrics miss a request',
  scope(async (t) => {
    const { path } = makeSite(t, FILES);
    const seen: (string | undefined)[] = [];
    const onRequest = ({ request }: SeenRequest): void => void seen.push(request.url);
    const served = await serve(t, [{ path }], { site: KEY_A.publicKey }, { onRequest });

    await sendPieces(served.listener, [GET, GET, GET, GET, GET]);

    assert.equal(seen, ['/', '/', '/', '/', '/']);
  }),
);

/** This end of the next connection. */
async function nextConnection({ listener }: Pick<Serving, 'listener'>): Promise<[Socket]> {
  const [server] = listener.sockets;
  if (server === undefined) throw new Error('the server does not listen');
  return (await once(server, 'connection')) as [Socket];
}

/** Does not read until so much is asked that not all of it can be sent. */
async function fall(t: Scope, served: Serving): Promise<{ client: Socket; peer: Socket }> {
  const came = nextConnection(served);
  const client = t.defer(connect(served.port, '127.0.0.1'), (one) => one.destroy());
  client.on('error', () => {});
  const [peer] = await came;
  for (let sent = 0; peer.writableLength === 0; ) {
    client.write(GET);
    sent += GET.length;
    while (peer.bytesRead < sent || served.listener.connections().busy > 0) {
      if (peer.writableLength > 0) break;
      await turn();
    }
  }
  return { client, peer };
}

/** Does not compress, so that few requests are enough. */
function serveNoise(t: Scope, listening: Parameters<typeof serve>[3]): Promise<Serving> {
  const random = randomFrom(3);
  const noise = Uint8Array.from({ length: 60_000 }, () => Math.floor(random() * 256));
  const { path } = makeSite(t, { 'index.html': noise });
  return serve(t, [{ path }], { site: KEY_A.publicKey }, listening);
}

test(
  'answerKnown :: who does not take an answer is busy, gives way to nobody, and is cut for its pace',
  scope(async (t) => {
    const events: string[] = [];
    const served = await serveNoise(t, {
      limits: { most: 1, mostOfOne: 10, sweepMs: 20, paceMs: 200 },
      onConnection: (event) => void events.push(event),
    });
    const read = countRead(t, served.listener);

    const { client, peer } = await fall(t, served);
    assert.is(read(), 2);
    assert.equal(served.listener.connections(), { open: 1, busy: 1 });
    assert.is((await served.get('/')).status, 503);
    await once(peer, 'close');

    assert.equal(events, ['full', 'slow']);
    client.destroy();
  }),
);

test(
  'answerKnown :: who takes an answer late has all of it, and the connection goes on',
  scope(async (t) => {
    const timeouts = { keepAliveMs: 1, idleMs: 60_000 };
    const served = await serveNoise(t, { timeouts });

    const { client, peer } = await fall(t, served);
    assert.is(peer.timeout, 60_000);
    let bytes = 0;
    client.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await once(client, 'close');

    // To its end, and from then on the time between two requests counted.
    assert.is(bytes, peer.bytesWritten);
    assert.is(peer.writableLength, 0);
  }),
);

test(
  'answerKnown :: behind a request that is still being answered nothing is known (T060)',
  scope(async (t) => {
    const { path } = makeSite(t, FILES);
    const served = await serve(t, [{ path }], { site: KEY_A.publicKey });
    await sendPieces(served.listener, [GET, GET]);
    const came = nextConnection(served);
    const { socket, ask } = await visitor(t, served);
    const [peer] = await came;
    await ask(OTHER);
    const key = formatStreamId(KEY_A.publicKey, 'base64url');

    const events = `GET /${key}/events HTTP/1.1\r\n${HOST}\r\n`;
    socket.write(events);
    await once(socket, 'data');
    let more = '';
    socket.on('data', (chunk: Buffer) => {
      more += chunk.toString('latin1');
    });
    socket.write(GET);
    const all = OTHER.length + events.length + GET.length;
    for (let after = 0; after < 20; ) {
      await turn();
      if (peer.bytesRead === all) after += 1;
    }

    assert.not.match(more, 'HTTP/1.1');
    assert.equal(served.listener.connections(), { open: 1, busy: 1 });
  }),
);

test(
  'answerKnown :: what a proxy hands on is read: its address can decide',
  scope(async (t) => {
    const { path } = makeSite(t, FILES);
    const served = await serve(t, [{ path }], { site: KEY_A.publicKey });
    const read = countRead(t, served.listener);
    const forwarded = GET.replace(HOST, `${HOST}X-Forwarded-For: 192.0.2.1\r\n`);

    await sendPieces(served.listener, [forwarded, forwarded, forwarded, forwarded]);
    assert.is(read(), 4);
    await sendPieces(served.listener, [GET, GET, GET, GET]);

    assert.is(read(), 6);
  }),
);

test(
  'learn :: the texts of requests are in the memory that is allowed, and go with their page',
  scope(async (t) => {
    const { path, stream } = makeSite(t, FILES);
    const most = 640_000;
    const streams = t.defer(openStreamSet([{ path }], { pollMs: 1e9 }), (set) => set.close());
    const app = createApp({ streams, site: KEY_A.publicKey, hotBytes: most });
    const listener = t.defer(await listen(app, { port: 0 }), (one) => one.close());
    const read = countRead(t, listener);
    const agents = Array.from({ length: 300 }, (_, i) =>
      GET.replace(HOST, `${HOST}User-Agent: ${i} ${'x'.repeat(400)}\r\n`),
    );

    await sendPieces(listener, [GET, GET]);
    const { bytes } = memoryOf(app);
    await sendPieces(listener, agents);
    const full = memoryOf(app);
    // As many as an entry may have; a flood changes few of them.
    assert.ok(full.bytes > bytes + 10_000 && full.bytes < most / 32, `${full.bytes} bytes`);
    assert.is(full.pages, 1);
    await sendPieces(listener, [GET, GET]);
    assert.is(read(), 2 + 300 + 1);

    putFiles(stream, { 'index.html': 'new' });
    await sendPieces(listener, [GET, GET]);
    assert.ok(memoryOf(app).bytes < bytes + 2 * GET.length + 500, `${memoryOf(app).bytes} bytes`);
  }),
);

test(
  'close :: what was answered from memory is sent to its last byte',
  scope(async (t) => {
    const served = await serveNoise(t, { graceMs: 60_000, timeouts: { idleMs: 60_000 } });
    const { client, peer } = await fall(t, served);
    const whole = peer.bytesWritten;

    const closed = served.listener.close();
    let bytes = 0;
    client.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await once(client, 'close');
    await closed;

    assert.is(bytes, whole);
  }),
);

test(
  'answerKnown :: what is sent behind answers that wait stays where it is until node reads on (T060)',
  scope(async (t) => {
    const { path } = makeSite(t, { 'film.mp4': new Uint8Array(16_000_000) });
    const { listener, port, errors } = await serve(t, [{ path }], { site: KEY_A.publicKey });
    const came = nextConnection({ listener });
    const client = t.defer(connect(port, '127.0.0.1'), (one) => one.destroy());
    client.on('error', () => {});
    const [peer] = await came;
    client.write(`GET /film.mp4 HTTP/1.1\r\n${HOST}\r\n`);
    await once(client, 'readable');

    // Refused at once, behind the film: node stops reading when these answers come to 16 KiB.
    const flood = `GET / HTTP/1.1\r\n${HOST}Expect: wonders\r\n\r\n`.repeat(300);
    client.write(flood + flood);
    while (peer.readableLength === 0) {
      client.write(flood.slice(0, 53));
      await turn();
    }
    let answers = '';
    client.on('data', (chunk: Buffer) => {
      answers = (answers + chunk.toString('latin1')).slice(-500);
    });
    await once(client, 'close');

    assert.match(answers, /HTTP\/1.1 417 Expectation Failed\r\n[\s\S]*\r\n\r\n$/);
    assert.equal(errors, []);
  }),
);

test.run();
