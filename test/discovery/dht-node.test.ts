/** The DHT library without what answers in it. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import DHT from 'bittorrent-dht';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deafen } from '../../src/discovery/dht-node.ts';
import { KILLERS, QUERIES } from '../helpers/dht-packets.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/dht-node');

/** Sends questions to a node of the library on a plain socket; returns how many answers come. */
async function answersOf(t: Scope, dht: DHT, packets: readonly Uint8Array[]): Promise<number> {
  dht.on('warning', () => {});
  await new Promise<void>((done) => dht.listen(0, '127.0.0.1', done));
  t.defer(dht, (one) => new Promise<void>((done) => one.destroy(done)));
  const socket = t.defer(createSocket('udp4'), (one) => void one.close());
  let came = 0;
  socket.on('message', () => {
    came += 1;
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = dht.address();
  for (const packet of packets) socket.send(packet, port, '127.0.0.1');
  // What comes last is looked at last: an answer to something else, of which the library complains.
  const seen = new Promise<void>((resolve) => {
    dht.on('warning', (error: Error) => {
      if (/Unexpected transaction/.test(error.message)) resolve();
    });
  });
  socket.send('d1:t2:xx1:y1:re', port, '127.0.0.1');
  await seen;
  // Its answers, if there are any, have been sent before: one round to ourselves brings them in.
  const marker = once(socket, 'message');
  socket.send('marker', socket.address().port, '127.0.0.1');
  while (came === 0) await marker;
  await new Promise((resolve) => setImmediate(resolve));
  return came - 1;
}

test(
  'deafen :: the library answers no question, and the five that end it end it no more (T079, T080)',
  scope(async (t) => {
    const dht = new DHT({ bootstrap: false });

    deafen(dht);

    assert.is(dht._rpc.listenerCount('query'), 0);
    assert.is(dht._rpc.socket.listenerCount('query'), 0);
    // The sixth is for who reads it: only the socket keeps that out.
    assert.is(await answersOf(t, dht, [...QUERIES, ...KILLERS.slice(0, 5)]), 0);
  }),
);

test(
  'deafen :: without it the library answers',
  scope(async (t) => {
    const dht = new DHT({ bootstrap: false });

    assert.ok((await answersOf(t, dht, QUERIES)) > 0);
  }),
);

test.run();
