/** What strangers in the DHT can do to the process that asks there, and to whoever goes by its word. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DhtDiscovery, type DhtOptions, type DhtState } from '../../src/discovery/dht-discovery.ts';
import { type SignedPointer, signPointer } from '../../src/discovery/dht-pointer.ts';
import {
  type Asked,
  contact,
  type FalseNode,
  openDhtLab,
  openFalseNode,
  replyTo,
} from '../helpers/dht-lab.ts';
import { KILLERS, QUERIES } from '../helpers/dht-packets.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/dht-hostile');
const { publicKey, secretKey } = KEY_A;
const ROOT = new Uint8Array(32).fill(1);
const MODIFIED = 1_763_900_000_000_000;

type Rig = {
  readonly dht: DhtDiscovery;
  readonly states: DhtState[];
  readonly pointers: SignedPointer[];
  up(times?: number): Promise<number>;
};

function start(t: Scope, options: DhtOptions): Rig {
  const states: DhtState[] = [];
  const pointers: SignedPointer[] = [];
  const dht = new DhtDiscovery({
    host: '127.0.0.1',
    anyAddress: true,
    everyMs: 8_000,
    aliveMs: 500,
    againMs: 50,
    onState: (state) => states.push(state),
    onPointer: (_, pointer) => pointers.push(pointer),
    ...options,
  });
  t.defer(dht, (one) => one.stop());
  dht.open();
  const up = async (times = 1): Promise<number> => {
    const ups = () => states.flatMap((state) => (state.is === 'up' ? [state.port] : []));
    await until(() => ups().length >= times);
    return ups().at(-1) ?? 0;
  };
  return { dht, states, pointers, up };
}

async function until(isTrue: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error('it did not happen in 60 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function pointerOf(seq: number, root = ROOT): SignedPointer {
  return signPointer({ seq, modified: MODIFIED, root }, secretKey);
}

function itemOf({ seq, modified, root, signature }: SignedPointer, key = publicKey): object {
  return { k: key, seq, sig: signature, v: { m: modified, r: root } };
}

/** What a process holds in memory; 0 where the system does not say. */
function residentMb(pid: number | undefined): number {
  const status = `/proc/${pid}/status`;
  const [, kb = '0'] =
    (existsSync(status) && /VmRSS:\s+(\d+)/.exec(readFileSync(status, 'utf8'))) || [];
  return Math.round(Number(kb) / 1000);
}

/** A node that says just this. */
async function falseNode(t: Scope, say: (asked: Asked) => object): Promise<FalseNode> {
  const id = randomBytes(20);
  return t.defer(
    await openFalseNode((asked) => [replyTo(asked, { id, token: id, ...say(asked) })]),
    (node) => node.close(),
  );
}

function mutated(packet: Uint8Array, random: Random): Uint8Array {
  const bytes = Buffer.from(packet);
  for (let left = random.below(3); left >= 0; left -= 1) {
    bytes[random.below(bytes.length)] = random.oneIn(2)
      ? random.below(256)
      : random.pick([0x64, 0x65, 0x69, 0x6c, 0x3a, 0x2d, 0x30, 0x31]);
  }
  return random.oneIn(4) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
}

test(
  'inbound :: no question is answered by a byte, none ends the process (T079, T080)',
  scope(async (t) => {
    const lab = t.defer(await openDhtLab(3), (one) => one.close());
    const { dht, up } = start(t, { bootstrap: [lab.bootstrap] });
    const port = await up();
    const { pid } = dht;
    const socket = t.defer(createSocket('udp4'), (one) => void one.close());
    let came = 0;
    socket.on('message', () => {
      came += 1;
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const seed = freshSeed();
    const random = randomFrom(seed);
    const base = [...QUERIES, ...KILLERS];
    const before = [residentMb(pid), residentMb(process.pid)];

    const count = scaled(3_000);
    for (let sent = 0; sent < count; sent += 1) {
      const packet = sent < base.length ? base[sent] : mutated(random.pick(base), random);
      socket.send(packet ?? '', port, '127.0.0.1');
      // In pieces, so that none is lost before it is looked at.
      if (sent % 100 === 99) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // Where the machine is busy the system loses some.
    await until(() => dht.traffic.dropped >= count * 0.7);

    assert.is(came, 0, `seed ${seed}`);
    assert.is(dht.pid, pid, `seed ${seed}`);
    const after = [residentMb(pid), residentMb(process.pid)];
    const [child = 0, main = 0] = after.map((mb, at) => mb - (before[at] ?? 0));
    assert.ok(child < 40 && main < 60, `child ${child} MB more, main ${main} MB, seed ${seed}`);
    if (process.env['DRAYER_TEST_FIGURES'] === undefined) return;
    const { dropped } = dht.traffic;
    console.log(`${count} sent, ${dropped} came, ${came} answers; MB ${before} to ${after}`);
  }),
);

test(
  'answers :: whatever a node answers with, the others are asked and the process goes on (T079, T081)',
  scope(async (t) => {
    const lab = t.defer(await openDhtLab(5), (one) => one.close());
    const seed = freshSeed();
    const random = randomFrom(seed);
    const nodes = await Promise.all(
      Array.from({ length: 3 }, () =>
        openFalseNode((asked) => {
          const r = {
            id: asked.about,
            token: 'x',
            nodes: new Uint8Array(52),
            values: [ROOT],
            seq: 1,
          };
          const good = replyTo(asked, r);
          return [...Array.from({ length: 20 }, () => mutated(good, random)), ...KILLERS];
        }),
      ),
    );
    for (const node of nodes) t.defer(node, (one) => one.close());
    const bootstrap = [lab.bootstrap, ...nodes.map(({ port }) => `127.0.0.1:${port}`)];
    const server = start(t, { bootstrap: [lab.bootstrap] });
    server.dht.put({ publicKey, port: 33_125 });
    await until(() => server.dht.known(publicKey).replies !== undefined);

    const { dht, states } = start(t, { bootstrap });
    dht.put({ publicKey, port: 0 });
    await until(() => dht.known(publicKey).urls.includes('http://127.0.0.1:33125'));

    assert.ok(nodes.every(({ asked }) => asked.length > 0));
    assert.is(states.filter(({ is }) => is === 'down').length, 0, `seed ${seed}`);
  }),
);

test(
  'values :: of a list that names one victim, two are kept and one is dialled in 10 s (T081, T084)',
  scope(async (t) => {
    const victims = Array.from({ length: 50 }, (_, i) => contact('8.8.8.8', 2_000 + i));
    const others = ['127.0.0.1', '10.0.0.1', '192.168.1.1'].map((host) => contact(host, 33_125));
    const node = await falseNode(t, () => ({ values: [...others, ...victims] }));
    const { dht } = start(t, { bootstrap: [`127.0.0.1:${node.port}`] });
    dht.put({ publicKey, port: 0 });
    dht.put({ publicKey: KEY_B.publicKey, port: 0 });
    await until(() => dht.known(publicKey).urls.length > 0);
    await until(() => dht.known(KEY_B.publicKey).urls.length > 0);

    const all = dht.known(publicKey).urls.filter((url) => url.includes('8.8.8.8'));
    const dialled = [...dht.peersOf(publicKey), ...dht.peersOf(KEY_B.publicKey)];

    assert.is(all.length, 2);
    assert.is(dialled.filter((url) => url.includes('8.8.8.8')).length, 1);
    assert.equal(dht.peersOf(publicKey), []);
  }),
);

test(
  'pointers :: only the newest with the signature of the key counts (T085)',
  scope(async (t) => {
    const other = {
      ...pointerOf(9),
      signature: signPointer(pointerOf(9), KEY_B.secretKey).signature,
    };
    const items = [
      itemOf(other),
      itemOf(other, KEY_B.publicKey),
      itemOf(pointerOf(2)),
      { ...itemOf(pointerOf(4)), seq: 8 },
      itemOf(pointerOf(4)),
      { ...itemOf(pointerOf(7)), v: 'x'.repeat(1_001) },
    ];
    const nodes = await Promise.all(items.map((item) => falseNode(t, () => item)));
    const { dht, pointers } = start(t, { bootstrap: nodes.map(({ port }) => `127.0.0.1:${port}`) });

    dht.put({ publicKey, port: 0, pointer: pointerOf(3) });
    await until(() => dht.known(publicKey).replies !== undefined);

    assert.equal(pointers, [pointerOf(4)]);
    assert.is(dht.known(publicKey).disagrees, false);
  }),
);

test(
  'eclipse :: nodes that all show an older generation make it disagree, and nothing older is told (T083)',
  scope(async (t) => {
    const lab = t.defer(await openDhtLab(2), (one) => one.close());
    const nodes: FalseNode[] = [];
    const say = (): object => ({
      ...itemOf(pointerOf(2)),
      nodes: Buffer.concat(
        nodes.map(({ port }, i) =>
          Buffer.concat([Buffer.alloc(20, i), contact('127.0.0.1', port)]),
        ),
      ),
    });
    for (let i = 0; i < 18; i += 1) nodes.push(await falseNode(t, say));
    const bootstrap = [lab.bootstrap, ...nodes.map(({ port }) => `127.0.0.1:${port}`)];
    const { dht, pointers } = start(t, { bootstrap });

    dht.put({ publicKey, port: 33_125, pointer: pointerOf(5) });
    await until(() => dht.known(publicKey).replies !== undefined);

    assert.is(dht.known(publicKey).disagrees, true);
    assert.equal(pointers, []);
  }),
);

test(
  'process :: ended, silent or out of memory, it begins again, later each time (T082)',
  scope(async (t) => {
    const lab = t.defer(await openDhtLab(2), (one) => one.close());
    const { dht, states, up } = start(t, { bootstrap: [lab.bootstrap] });
    dht.put({ publicKey, port: 33_125 });
    const downs = (): number[] => states.flatMap((one) => (one.is === 'down' ? [one.againMs] : []));
    await up();

    process.kill(dht.pid ?? 0, 'SIGKILL');
    await up(2);
    // It is there, and does not answer.
    process.kill(dht.pid ?? 0, 'SIGSTOP');
    await up(3);
    await until(() => dht.known(publicKey).replies !== undefined);

    const [first = 0, second = 0] = downs();
    assert.is(downs().length, 2);
    assert.ok(first >= 40 && first <= 60, `${first}`);
    assert.ok(second >= 80 && second <= 120, `${second}`);
  }),
);

test(
  'process :: where its port is taken it says so, and tries again until it is free',
  scope(async (t) => {
    const blocker = createSocket('udp4');
    blocker.bind(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { states, up } = start(t, { bootstrap: [], port: blocker.address().port });

    await until(() => states.length >= 2);
    blocker.close();
    await up();

    for (const state of states.slice(0, 2)) {
      assert.ok(state.is === 'down' && /EADDRINUSE/.test(state.reason) && state.againMs > 0);
    }
  }),
);

test(
  'process :: its memory is its own limit, and no more than a reason for another begin (T082)',
  scope(async (t) => {
    const { states } = start(t, { bootstrap: [], memoryMb: 6 });

    await until(() => states.length >= 2);

    assert.ok(states.every(({ is }) => is === 'down'));
  }),
);

test.run();
