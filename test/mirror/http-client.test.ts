/** The limits of R19 and what a hostile server may try, over real sockets. */

import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { collectBody } from '../../src/mirror/http-body.ts';
import { HttpClient, type HttpLimits } from '../../src/mirror/http-client.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { scriptedPeer, send } from '../helpers/scripted-peer.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/http-client');

const SHORT: HttpLimits = { connectMs: 150, firstByteMs: 150, idleMs: 150 };

test(
  'get :: a body comes whole, and the connection is used again',
  scope(async (t) => {
    const ports = new Set<number | undefined>();
    const { url } = await scriptedPeer(t, (path, response, { socket, headers }) => {
      ports.add(socket.remotePort);
      send(response, `${path} ${headers['accept-encoding']}`);
    });
    const http = client(t);

    for (let i = 0; i < 3; i += 1) {
      const answer = await http.get(`${url}/a?b=${i}`);
      assert.is(answer.status, 200);
      assert.is(text(await collectBody(answer.body(100))), `/a?b=${i} identity`);
    }

    assert.is(ports.size, 1);
  }),
);

test(
  'get :: *.localhost is this machine, with the Host it was asked for',
  scope(async (t) => {
    const { port } = await scriptedPeer(t, (_, response, { headers }) => {
      send(response, headers.host ?? '');
    });

    const answer = await client(t).get(`http://abc.def.localhost:${port}/`);

    assert.is(text(await collectBody(answer.body(100))), `abc.def.localhost:${port}`);
  }),
);

test(
  'get :: a redirect is not followed (R19)',
  scope(async (t) => {
    const { url, requests } = await scriptedPeer(t, (_, response) => {
      response.writeHead(302, { location: '/elsewhere' });
      response.end();
    });

    const error = await rejectsCode(client(t).get(`${url}/a`), 'PEER_MISBEHAVED');

    assert.match(error.message, 'redirects to /elsewhere');
    assert.equal(requests, ['/a']);
  }),
);

for (const encoding of ['gzip', 'br', 'gzip, gzip, gzip', 'GZIP']) {
  test(
    `get :: a body compressed with ${encoding} is refused (R19)`,
    scope(async (t) => {
      const { url } = await scriptedPeer(t, (_, response) => {
        response.writeHead(200, { 'content-encoding': encoding });
        response.end(gzipSync('x'));
      });

      await rejectsCode(client(t).get(url), 'PEER_MISBEHAVED');
    }),
  );
}

test(
  'body :: more than the limit is cut off, announced or not (R19)',
  scope(async (t) => {
    const { url } = await scriptedPeer(t, (path, response) => {
      if (path === '/announced') send(response, Buffer.alloc(2000));
      else endless((piece) => response.write(piece));
    });
    const http = client(t);

    for (const path of ['/announced', '/endless']) {
      const answer = await http.get(url + path);
      await rejectsCode(collectBody(answer.body(1000)), 'TOO_LARGE');
    }
  }),
);

test(
  'body :: one that breaks off is unreachable, and says how far it came',
  scope(async (t) => {
    const { url } = await scriptedPeer(t, (_, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write(Buffer.alloc(300), () => response.destroy());
    });

    const answer = await client(t).get(url);
    const error = await rejectsCode(collectBody(answer.body(5000)), 'UNREACHABLE');

    assert.match(error.message, 'broke off after 300 bytes');
  }),
);

test(
  'get :: a server that says nothing is given up (R19)',
  scope(async (t) => {
    const url = await rawServer(t, () => {});

    const error = await rejectsCode(client(t, SHORT).get(url), 'UNREACHABLE');

    assert.match(error.message, 'no answer within 150 ms');
  }),
);

test(
  'get :: a connection that does not come about is given up (R19)',
  scope(async (t) => {
    // TLS never begins: the other side accepts and is silent.
    const url = await rawServer(t, () => {});

    const https = url.replace('http:', 'https:');
    const error = await rejectsCode(client(t, SHORT).get(https), 'UNREACHABLE');

    assert.match(error.message, 'no connection within 150 ms');
  }),
);

test(
  'body :: one that stalls is given up (R19)',
  scope(async (t) => {
    const { url } = await scriptedPeer(t, (_, response) => response.write('begun'));

    const answer = await client(t, SHORT).get(url);
    const error = await rejectsCode(collectBody(answer.body(100)), 'UNREACHABLE');

    assert.match(error.message, '5 bytes came in 150 ms of waiting');
  }),
);

test(
  'body :: one that trickles for ever is given up (R19)',
  scope(async (t) => {
    const { url } = await scriptedPeer(t, (_, response) => {
      const timer = setInterval(() => response.write('x'), 10);
      response.on('close', () => clearInterval(timer));
    });

    const answer = await client(t, SHORT).get(url);

    await rejectsCode(collectBody(answer.body(1_000_000)), 'UNREACHABLE');
  }),
);

test(
  'body :: the time a caller takes for a piece does not count',
  scope(async (t) => {
    const { url } = await scriptedPeer(t, (_, response) => {
      response.writeHead(200, { 'content-length': 400_000 });
      response.end(Buffer.alloc(400_000));
    });
    const answer = await client(t, { ...SHORT, idleMs: 100 }).get(url);

    let bytes = 0;
    let waited = false;
    for await (const piece of answer.body(1_000_000)) {
      bytes += piece.length;
      if (!waited) await new Promise((resolve) => setTimeout(resolve, 250));
      waited = true;
    }

    assert.is(bytes, 400_000);
  }),
);

test(
  'get :: what is not HTTP is called so',
  scope(async (t) => {
    const url = await rawServer(t, (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));

    const error = await rejectsCode(client(t).get(url), 'PEER_MISBEHAVED');

    assert.match(error.message, 'not HTTP');
  }),
);

test(
  'get :: headers without end are refused',
  scope(async (t) => {
    const url = await rawServer(t, (socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      endless((piece) => socket.write(`X-A: ${piece.toString('latin1')}\r\n`));
    });

    await rejectsCode(client(t).get(url), 'PEER_MISBEHAVED');
  }),
);

test(
  'get :: a refused connection names the address and what to look at',
  scope(async (t) => {
    const url = await rawServer(t, () => {});
    const free = url.replace(/\d+$/, '1');

    const error = await rejectsCode(client(t).get(`${free}/x`), 'UNREACHABLE');

    assert.match(error.message, `${free}/x: connection refused`);
    assert.match(String((error as { hint?: string }).hint), 'is the server running there');
  }),
);

test(
  'get :: a signal ends a wait and a body',
  scope(async (t) => {
    const { url } = await scriptedPeer(t, (path, response) => {
      if (path === '/body') response.write('begun');
    });
    const stop = new AbortController();
    const http = t.defer(new HttpClient({ signal: stop.signal }), (one) => one.close());
    const body = (await http.get(`${url}/body`)).body(100);
    await body.next();

    const waits = [http.get(`${url}/silent`), collectBody(body)];
    stop.abort();

    for (const wait of waits) await rejectsCode(wait, 'ABORTED');
    await rejectsCode(http.get(url), 'ABORTED');
  }),
);

test(
  'get :: a kept connection that the server has closed meanwhile is made anew',
  scope(async (t) => {
    const sockets: Socket[] = [];
    const { url } = await scriptedPeer(t, (_, response, { socket }) => {
      sockets.push(socket);
      // The second request reaches a connection that is reset instead of answered.
      if (sockets.length === 2) socket.resetAndDestroy();
      else send(response, 'ok');
    });
    const http = client(t);

    await collectBody((await http.get(url)).body(10));
    const again = await http.get(url);

    assert.is(text(await collectBody(again.body(10))), 'ok');
    assert.is(sockets.length, 3);
    assert.is.not(sockets[2], sockets[1]);
  }),
);

function client(t: Scope, limits?: HttpLimits): HttpClient {
  return t.defer(new HttpClient({ limits }), (http) => http.close());
}

async function rawServer(t: Scope, onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.defer(server, () => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Writes until the other side has had enough. */
function endless(write: (piece: Buffer) => boolean): void {
  const piece = Buffer.alloc(1000, 'y');
  const timer = setInterval(() => {
    for (let i = 0; i < 10; i += 1) write(piece);
  }, 1);
  timer.unref();
  setTimeout(() => clearInterval(timer), 5000).unref();
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

test.run();
