import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { decode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { verifyRecord } from '../../src/core/signing.ts';
import { announceGeneration } from '../../src/mirror/announce.ts';
import { decodeRecord } from '../../src/wire/record-codec.ts';
import { publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { scriptedPeer, send } from '../helpers/scripted-peer.ts';

const test = suite('mirror/announce');

const LONG_MS = 60_000;

test(
  'announceGeneration :: a server gets the newest record over HTTP, and over UDP where it names an address',
  scope(async (t) => {
    const announcement = await newest(t);
    const bodies: Buffer[] = [];
    const peer = await scriptedPeer(t, async (_path, response, request) => {
      assert.is(request.method, 'POST');
      assert.is(request.headers['content-type'], 'application/octet-stream');
      for await (const chunk of request) bodies.push(chunk as Buffer);
      send(response, '');
    });
    const { port, received } = await udpServer(t);

    const untold = await announceGeneration(
      [{ type: 'http', url: `${peer.url}/`, udp: ['127.0.0.1', port] }],
      announcement,
      { timeoutMs: LONG_MS },
    );

    assert.equal(untold, []);
    assert.equal(peer.requests.length, 1);
    assert.match(peer.requests[0] ?? '', /^\/[\w-]{43}\/newRecordAvailable$/);
    const record = decodeRecord(Buffer.concat(bodies));
    verifyRecord(record, announcement.publicKey);
    assert.is(record.modified, announcement.record.modified);
    assert.is(record.value, undefined);
    const datagram = decode((await received).subarray(4)) as Record<string, unknown>;
    assert.is(datagram['mtype'], 'record');
    assert.is(datagram['mod'], announcement.record.modified);
    assert.is(datagram['httpport'], 4711);
  }),
);

test(
  'announceGeneration :: what a server answers does not matter, only whether it can be reached',
  scope(async (t) => {
    const announcement = await newest(t);
    const old = await scriptedPeer(t, (_path, response) => send(response, 'no', 501));
    const moved = await scriptedPeer(t, (_path, response) => {
      response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end();
    });
    const urls = [old.url, moved.url, 'http://127.0.0.1:1', 'ftp://strange'];

    const untold = await announceGeneration(
      urls.map((url) => ({ type: 'http', url })),
      announcement,
      { timeoutMs: LONG_MS },
    );

    assert.equal(
      untold.map(({ url }) => url),
      ['http://127.0.0.1:1', 'ftp://strange'],
    );
    assert.match(untold[0]?.problem ?? '', 'connection refused');
  }),
);

test(
  'announceGeneration :: a server that never answers holds nothing up',
  scope(async (t) => {
    const announcement = await newest(t);
    const silent = await scriptedPeer(t, () => undefined);

    const untold = await announceGeneration([{ type: 'http', url: silent.url }], announcement, {
      timeoutMs: 50,
    });

    assert.equal(untold, [{ url: silent.url, problem: 'has not answered in time' }]);
  }),
);

test(
  'announceGeneration :: a UDP address that is none is told of, the rest is sent',
  scope(async (t) => {
    const announcement = await newest(t);
    const peer = await scriptedPeer(t, (_path, response) => send(response, ''));

    const untold = await announceGeneration(
      [{ type: 'http', url: peer.url, udp: ['127.0.0.1', 70_000] }],
      announcement,
      { timeoutMs: LONG_MS },
    );

    assert.equal(untold, [{ url: peer.url, problem: 'udp: expected a port, got 70000' }]);
    assert.is(peer.requests.length, 1);
  }),
);

async function newest(t: Scope) {
  const { stream } = await publish(t);
  stream.set('apple', 1);
  const record = stream.reader.generation().snapshotRecord;
  assert.ok(record !== undefined);
  return { record, publicKey: stream.publicKey, httpPort: 4711 };
}

async function udpServer(t: Scope): Promise<{ port: number; received: Promise<Buffer> }> {
  const socket = t.defer(createSocket('udp4'), (one) => one.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const received = once(socket, 'message').then(([message]) => message as Buffer);
  return { port: (socket.address() as AddressInfo).port, received };
}

test.run();
