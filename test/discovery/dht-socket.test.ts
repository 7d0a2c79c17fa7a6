/** The socket of the DHT library: questions out, their answers in, and nothing else either way. */
import { spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import bencode from 'bencode';
import DHT from 'bittorrent-dht';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isAnyUnicast, isGlobalUnicast } from '../../src/discovery/dht-address.ts';
import { readBencode } from '../../src/discovery/dht-bencode.ts';
import { deafen } from '../../src/discovery/dht-node.ts';
import { QuerySocket } from '../../src/discovery/dht-socket.ts';
import { openFalseNode, replyTo } from '../helpers/dht-lab.ts';
import { KILLERS, QUERIES } from '../helpers/dht-packets.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/dht-socket');
const id = new Uint8Array(20).fill(3);
const transaction = Buffer.from([7, 8]);

async function open(t: Scope, mayReach = isAnyUnicast): Promise<QuerySocket> {
  const socket = t.defer(new QuerySocket(mayReach), (one) => one.close());
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  return socket;
}

/** Somebody else on this machine, and what comes to him. */
async function stranger(t: Scope): Promise<{ socket: Socket; port: number; came: Buffer[] }> {
  const socket = t.defer(createSocket('udp4'), (one) => void one.close());
  const came: Buffer[] = [];
  socket.on('message', (packet) => came.push(packet));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, port: socket.address().port, came };
}

function encode(message: object): Buffer {
  return Buffer.from(bencode.encode(message));
}

const ping = encode({ t: transaction, y: 'q', q: 'ping', a: { id } });
const pong = encode({ t: transaction, y: 'r', r: { id } });

/** Sends it and waits until it has been looked at. */
async function give(to: QuerySocket, from: Socket, packet: Uint8Array): Promise<void> {
  const before = to.traffic.dropped + to.traffic.taken;
  from.send(packet, to.address().port, '127.0.0.1');
  while (to.traffic.dropped + to.traffic.taken === before) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test(
  'send :: a question goes out marked as of a node that does not answer (BEP 43)',
  scope(async (t) => {
    const socket = await open(t);
    const other = await stranger(t);

    const arrived = once(other.socket, 'message');
    socket.send(ping, 0, ping.length, other.port, '127.0.0.1');

    const [packet] = await arrived;
    const expected = encode({ t: transaction, y: 'q', q: 'ping', ro: 1, a: { id } });
    assert.equal(packet, expected);
    assert.ok(readBencode(packet) instanceof Map);
  }),
);

test(
  'send :: answers, errors and anything else of the library stay here (T080)',
  scope(async (t) => {
    const socket = await open(t);
    const other = await stranger(t);

    for (const packet of [
      pong,
      encode({ t: transaction, y: 'e', e: [203, 'x'] }),
      Buffer.alloc(0),
    ]) {
      socket.send(packet, 0, packet.length, other.port, '127.0.0.1');
    }
    // The question after them arrives alone.
    const arrived = once(other.socket, 'message');
    socket.send(ping, 0, ping.length, other.port, '127.0.0.1');
    await arrived;

    assert.is(other.came.length, 1);
    assert.is(socket.traffic.held, 3);
    assert.is(socket.traffic.sent, 1);
  }),
);

test(
  'send :: nothing goes to addresses that are not global, nor to ports of other services',
  scope(async (t) => {
    const socket = await open(t, isGlobalUnicast);

    for (const host of ['127.0.0.1', '10.0.0.1', '192.168.1.1', '169.254.169.254', '224.0.0.1']) {
      socket.send(ping, 0, ping.length, 6_881, host);
    }
    for (const port of [0, 53, 123, 65_536]) socket.send(ping, 0, ping.length, port, '8.8.8.8');

    assert.equal(socket.traffic, { sent: 0, taken: 0, dropped: 0, held: 9 });
  }),
);

test(
  'message :: an answer comes in once, from whoever was asked, and made anew',
  scope(async (t) => {
    const socket = await open(t);
    const [asked, other] = [await stranger(t), await stranger(t)];
    const came: unknown[] = [];
    socket.on('message', (packet) => came.push(packet));
    socket.send(ping, 0, ping.length, asked.port, '127.0.0.1');

    await give(socket, other.socket, pong);
    await give(socket, asked.socket, encode({ t: Buffer.from([7, 9]), y: 'r', r: { id } }));
    assert.equal(came, []);
    const withMore = { id, samples: new Uint8Array(100), nodes6: 'x' };
    await give(socket, asked.socket, encode({ t: transaction, y: 'r', r: withMore }));
    await give(socket, asked.socket, pong);

    assert.equal(came, [pong]);
  }),
);

test(
  'message :: no question, whatever its shape, reaches the library or is answered (T079, T080)',
  scope(async (t) => {
    const socket = await open(t);
    const other = await stranger(t);
    const came: unknown[] = [];
    socket.on('message', (packet) => came.push(packet));
    // He is known, which must not help him.
    const arrived = once(other.socket, 'message');
    socket.send(ping, 0, ping.length, other.port, '127.0.0.1');
    await arrived;

    for (const packet of [...QUERIES, ...KILLERS]) await give(socket, other.socket, packet);

    assert.equal(came, []);
    assert.is(other.came.length, 1);
    assert.is(socket.traffic.sent, 1);
  }),
);

test(
  'answers :: mutated by the thousand, from whoever was asked, end nothing and are not kept (T079, T081)',
  scope(async (t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const node = await openFalseNode((asked) => {
      const r = { id, token: 'x', nodes: new Uint8Array(52), values: [new Uint8Array(6).fill(9)] };
      const k = Buffer.alloc(32, 5);
      const good = replyTo(asked, { ...r, k, seq: 1, sig: Buffer.alloc(64), v: { m: 1, r: k } });
      // The last is good: the search goes on at once.
      return [...Array.from({ length: 50 }, () => mutated(good, random)), replyTo(asked, { id })];
    });
    t.defer(node, (one) => one.close());
    const socket = new QuerySocket(isAnyUnicast);
    const dht = new DHT({ socket, bootstrap: [`127.0.0.1:${node.port}`], verify: () => true });
    t.defer(dht, (one) => new Promise<void>((done) => one.destroy(done)));
    dht.on('warning', () => {});
    deafen(dht);
    await new Promise<void>((done) => dht.listen(0, '127.0.0.1', done));
    const target = (): Buffer => Buffer.from(Array.from({ length: 20 }, () => random.below(256)));
    const rounds = scaled(40);
    let before = 0;

    for (let round = 0; round < rounds; round += 1) {
      // Of the first half it may keep what it needs.
      if (round === rounds >> 1) before = process.memoryUsage().rss;
      await new Promise<void>((done) => {
        if (random.oneIn(2)) dht.lookup(target(), () => done());
        else dht.get(target(), { cache: false }, () => done());
      });
    }

    const grown = (process.memoryUsage().rss - before) / 1e6;
    const { taken, dropped } = socket.traffic;
    assert.ok(taken > 0 && dropped > taken, `${taken} taken, ${dropped} dropped, seed ${seed}`);
    assert.ok(grown < 60, `${grown} MB more, seed ${seed}`);
    if (process.env['DRAYER_TEST_FIGURES'] === undefined) return;
    console.log(`${taken} taken, ${dropped} dropped, ${grown} MB more`);
  }),
);

/** With what makes bencode of it as often as not. */
function mutated(packet: Uint8Array, random: Random): Uint8Array {
  const bytes = Buffer.from(packet);
  for (let left = random.below(3); left >= 0; left -= 1) {
    bytes[random.below(bytes.length)] = random.oneIn(2)
      ? random.below(256)
      : random.pick([0x64, 0x65, 0x69, 0x6c, 0x3a, 0x2d, 0x30, 0x31]);
  }
  return random.oneIn(4) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

for (const [index, packet] of KILLERS.entries()) {
  test(`KILLERS :: packet ${index} ends a node of the library that has nothing before it (T079)`, () => {
    const script = `
      import DHT from 'bittorrent-dht';
      import { createSocket } from 'node:dgram';
      const node = new DHT({ bootstrap: false });
      node.on('warning', () => {});
      node.listen(0, '127.0.0.1', () => {
        const socket = createSocket('udp4');
        const packet = Buffer.from('${Buffer.from(packet).toString('hex')}', 'hex');
        socket.send(packet, node.address().port, '127.0.0.1');
      });
      setTimeout(() => process.exit(0), 4_000);`;

    const { status } = spawnSync(
      process.execPath,
      ['--max-old-space-size=48', '--input-type=module', '-e', script],
      { stdio: 'ignore', timeout: 60_000 },
    );

    assert.is.not(status, 0);
  });
}

test.run();
