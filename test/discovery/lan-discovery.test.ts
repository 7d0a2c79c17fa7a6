/** What strangers on a network can make of local discovery: on loopback, where everybody has many addresses. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { NetworkInterfaceInfo } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { decode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keyPairFromSeed } from '#crypto';
import type { SignedRecord } from '../../src/core/record.ts';
import { signDraft } from '../../src/core/signing.ts';
import type { DiscoveryEvent } from '../../src/discovery/discovery.ts';
import { findOnLan } from '../../src/discovery/find-on-lan.ts';
import { LanDiscovery } from '../../src/discovery/lan-discovery.ts';
import { GROUP_4 } from '../../src/discovery/lan-sockets.ts';
import type { Interfaces } from '../../src/discovery/networks.ts';
import { encodeRecordDatagram, encodeRequestDatagram } from '../../src/wire/datagram.ts';
import { firstOwnPort } from '../helpers/own-ports.ts';
import { draft, record, TEST_KEYS } from '../helpers/records.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/lan-discovery');

const { publicKey } = TEST_KEYS;
const OTHER = keyPairFromSeed(new Uint8Array(32).fill(9));
/** Tests that run beside each other must not hear each other. */
const port = firstOwnPort();
const vectors = new URL('../vectors/udp/', import.meta.url);

type Heard = { readonly bytes: Buffer; readonly fields: Record<string, unknown>; from: number };
type Stranger = {
  readonly address: string;
  readonly socket: Socket;
  /** What came to it alone. */
  readonly heard: Heard[];
  send(datagram: Uint8Array, to?: string): Promise<void>;
};
type Node = { readonly lan: LanDiscovery; readonly events: DiscoveryEvent[] };

function loopback(address = '127.0.0.1', name = 'lo'): Interfaces {
  const info: NetworkInterfaceInfo = {
    address,
    netmask: '255.255.255.0',
    cidr: `${address}/24`,
    family: 'IPv4',
    mac: '00:00:00:00:00:00',
    internal: false,
  };
  return { [name]: [info] };
}

async function openNode(
  t: Scope,
  { httpPort = 33_125, announces = true, interfaces = () => loopback(), lookMs = 50 } = {},
): Promise<Node> {
  const lan = new LanDiscovery({ httpPort, announces, port, interfaces, lookMs });
  const events: DiscoveryEvent[] = [];
  t.defer(lan, () => lan.stop());
  await lan.open();
  void (async () => {
    for await (const event of lan) events.push(event);
  })();
  return { lan, events };
}

async function openStranger(t: Scope, address: string): Promise<Stranger> {
  const socket = createSocket('udp4');
  t.defer(socket, () => socket.close());
  socket.bind(0, address);
  await once(socket, 'listening');
  socket.setMulticastInterface(address);
  const heard: Heard[] = [];
  socket.on('message', (bytes, { port: from }) => {
    heard.push({ bytes, fields: decode(bytes.subarray(4)) as Record<string, unknown>, from });
  });
  const send = (datagram: Uint8Array, to = GROUP_4): Promise<void> =>
    new Promise((resolve, reject) => {
      socket.send(datagram, port, to, (error) => (error === null ? resolve() : reject(error)));
    });
  return { address, socket, heard, send };
}

/** Resolves when it holds; fails after ten seconds. */
async function until(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 10_000;
  while (!holds()) {
    assert.ok(performance.now() < end, what);
    await wait(5);
  }
}

/** Resolves once everything that was sent before has been taken: what is sent after it is heard. */
async function settled(t: Scope, { lan }: Node): Promise<void> {
  const mark = keyPairFromSeed(Uint8Array.from({ length: 32 }, () => Math.random() * 256));
  const from = await openStranger(t, `127.0.0.${200 + (marks++ % 50)}`);
  const signed = signDraft(draft({ id: 1 }), mark.secretKey);
  const sender = { publicKey: mark.publicKey, httpPort: 33_999 };
  const isHeard = (): boolean =>
    lan.nearby().some(({ publicKey: key }) => Buffer.from(key).equals(mark.publicKey));
  // A socket that is flooded loses some.
  const repeat = setInterval(() => void from.send(encodeRecordDatagram(signed, sender)), 50);
  try {
    await until(isHeard, 'the mark did not come through');
  } finally {
    clearInterval(repeat);
  }
}
let marks = 0;

function newer({ events }: Node): string[] {
  return events.flatMap((event) => (event.kind === 'newer' ? [event.url] : []));
}

function signedBy(keys: typeof TEST_KEYS, id: number, key?: string): SignedRecord {
  return signDraft(draft({ id, ...(key === undefined ? {} : { key }) }), keys.secretKey);
}

test(
  'put :: a new generation is announced at once, and the other says where it is',
  scope(async (t) => {
    const [one, two] = [await openNode(t, { httpPort: 2001 }), await openNode(t)];
    two.lan.put({ publicKey, record: record({ id: 1 }), isShown: true });
    one.lan.put({ publicKey, record: record({ id: 2 }), isShown: true });

    await until(() => newer(two).length > 0, 'nothing was heard');

    assert.equal(newer(two), ['http://127.0.0.1:2001']);
    assert.equal(two.lan.peersOf(publicKey), ['http://127.0.0.1:2001']);
    assert.equal(newer(one), []);
  }),
);

test(
  'ask :: everything the original sends is understood, and answered as far as it may be (T073)',
  scope(async (t) => {
    const { captured, inbound, pubkey_b64 } = JSON.parse(
      readFileSync(new URL('manifest.json', vectors), 'utf8'),
    );
    const chain = new Uint8Array(Buffer.from(pubkey_b64, 'base64'));
    const { publisher_tip: tip } = inbound[0];
    const own = { ...record({ id: 3 }), modified: tip };

    let at = 10;
    for (const { file, reply, name, sent_to } of inbound) {
      if (reply === undefined) continue;
      const node = await openNode(t);
      node.lan.put({ publicKey: chain, record: own, isShown: true });
      at += 1;
      const stranger = await openStranger(t, `127.0.0.${at}`);
      // A question to this machine alone may come from beyond a router, under any sender's address.
      const isToAll = String(sent_to).startsWith('224.');
      await stranger.send(readFileSync(new URL(file, vectors)), isToAll ? GROUP_4 : '127.0.0.1');
      await settled(t, node);
      await wait(20);
      assert.is(stranger.heard.length, reply && isToAll ? 1 : 0, name);
      await node.lan.stop();
    }
    assert.is(captured.length, 9);
  }),
);

test(
  'record :: the original is heard: a newer one is a hint to ask its sender, no more (T076)',
  scope(async (t) => {
    const node = await openNode(t);
    const bytes = readFileSync(new URL('03-record-update.bin', vectors));
    const fields = decode(bytes.subarray(4), { rawStrings: false } as object) as { mod: number };
    const { pubkey_b64 } = JSON.parse(readFileSync(new URL('manifest.json', vectors), 'utf8'));
    const chain = new Uint8Array(Buffer.from(pubkey_b64, 'base64'));
    node.lan.put({
      publicKey: chain,
      record: { ...record({ id: 1 }), modified: fields.mod - 1 },
      isShown: true,
    });
    const stranger = await openStranger(t, '127.0.0.20');

    for (let i = 0; i < 5; i += 1) await stranger.send(bytes);
    await settled(t, node);

    const [first, ...more] = node.events.filter(({ kind }) => kind === 'newer');
    assert.ok(first?.kind === 'newer');
    assert.equal([first.url, first.isSigned], ['http://127.0.0.20:33125', false]);
    assert.equal(more, []);
  }),
);

test(
  'record :: a false signature, a port of other services, none: nobody is asked (T076)',
  scope(async (t) => {
    const node = await openNode(t);
    node.lan.put({ publicKey, record: record({ id: 1 }), isShown: true });
    const news = record({ id: 2 });
    const cases: [SignedRecord, number][] = [
      [{ ...news, signature: new Uint8Array(64) }, 2002],
      [{ ...news, timestamp: 5 }, 2002],
      [signedBy(OTHER, 2), 2002],
      ...[0, 22, 25, 1023, 2375, 3306, 5432, 6379, 9200, 11_211, 27_017].map(
        (bad): [SignedRecord, number] => [news, bad],
      ),
    ];

    for (const [index, [sent, httpPort]] of cases.entries()) {
      const stranger = await openStranger(t, `127.0.0.${30 + index}`);
      await stranger.send(encodeRecordDatagram(sent, { publicKey, httpPort }));
    }
    await settled(t, node);

    assert.equal(newer(node), []);
    // What shows that the others were heard at all.
    const honest = await openStranger(t, '127.0.0.60');
    await honest.send(encodeRecordDatagram(news, { publicKey, httpPort: 2002 }));
    await until(() => newer(node).length === 1, 'the honest one was not heard');
  }),
);

test(
  'record :: replayed from a hundred addresses, two are asked; one address is asked once in 10 s (T076)',
  scope(async (t) => {
    const node = await openNode(t);
    for (const id of [1, 2, 3]) {
      const keys = keyPairFromSeed(new Uint8Array(32).fill(id));
      node.lan.put({ publicKey: keys.publicKey, record: signedBy(keys, 1), isShown: true });
    }
    const keys = keyPairFromSeed(new Uint8Array(32).fill(1));
    const replayed = encodeRecordDatagram(signedBy(keys, 9), {
      publicKey: keys.publicKey,
      httpPort: 2003,
    });

    for (let i = 0; i < 100; i += 1) {
      const stranger = await openStranger(t, `127.0.0.${100 + i}`);
      await stranger.send(replayed);
    }
    await settled(t, node);
    assert.is(newer(node).length, 2);

    const greedy = await openStranger(t, '127.0.0.70');
    for (const id of [2, 3]) {
      const own = keyPairFromSeed(new Uint8Array(32).fill(id));
      const sender = { publicKey: own.publicKey, httpPort: 2004 };
      for (let i = 5; i < 8; i += 1) {
        await greedy.send(encodeRecordDatagram(signedBy(own, i), sender));
      }
    }
    await settled(t, node);
    const asked = newer(node).filter((url) => url.includes('127.0.0.70'));
    assert.equal(asked, ['http://127.0.0.70:2004']);

    // Once it had what it said, the rest of what it said is looked at too.
    node.lan.prove('http://127.0.0.70:2004');
    await until(() => newer(node).length > 3, 'the rest was forgotten');
  }),
);

test(
  'request :: a flood gets at most 20 answers a second, one in 2 s to each, none above 3 times (T074)',
  scope(async (t) => {
    const node = await openNode(t);
    node.lan.put({ publicKey, record: record({ id: 5, key: 'k'.repeat(200) }), isShown: true });
    const strangers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => openStranger(t, `127.0.0.${100 + i}`)),
    );
    const small = readFileSync(new URL('08-getRecordsSince-new-mirror.bin', vectors));
    const question = Buffer.from(small);
    question.set(publicKey, small.indexOf('e481cefa2511', 0, 'hex'));
    const large = encodeRequestDatagram(publicKey, 0);
    const started = performance.now();

    let sent = 0;
    for (let round = 0; round < 10; round += 1) {
      for (const [i, { send }] of strangers.entries()) {
        const asked = i % 2 === 0 ? question : large;
        sent += asked.length;
        await send(asked);
      }
    }
    await settled(t, node);
    await wait(20);
    const seconds = (performance.now() - started) / 1000;

    const answers = strangers.flatMap(({ heard }) => heard);
    assert.ok(answers.length >= 20, `${answers.length} answers`);
    assert.ok(answers.length <= 20 + 20 * seconds, `${answers.length} answers in ${seconds} s`);
    const bytes = answers.reduce((sum, answer) => sum + answer.bytes.length, 0);
    assert.ok(bytes <= 3 * sent);
    for (const [i, { heard }] of strangers.entries()) {
      assert.ok(heard.length <= 1 + seconds / 2, `${heard.length} answers to one`);
      const most = 3 * (i % 2 === 0 ? question : large).length;
      for (const answer of heard) assert.ok(answer.bytes.length <= most);
    }
    const short = strangers.filter((_, i) => i % 2 === 0).flatMap(({ heard }) => heard);
    for (const { fields } of short) {
      assert.equal(Object.keys(fields), ['mtype', 'mod', 'httpport', 'chain']);
    }
  }),
);

test(
  'announce :: a key of 60 kB at the tip is left out: at most 2 KiB go out (T075)',
  scope(async (t) => {
    const sizes: number[] = [];
    const hearing = createSocket({ type: 'udp4', reuseAddr: true });
    t.defer(hearing, () => hearing.close());
    hearing.bind(port, GROUP_4);
    await once(hearing, 'listening');
    hearing.addMembership(GROUP_4, '127.0.0.1');
    hearing.on('message', (bytes) => {
      if (bytes.includes(Buffer.from(OTHER.publicKey))) sizes.push(bytes.length);
    });
    const node = await openNode(t);
    const other = await openNode(t, { httpPort: 2001 });
    other.lan.put({ publicKey: OTHER.publicKey, isShown: true });

    const long = signedBy(OTHER, 4, 'k'.repeat(60_000));
    node.lan.put({ publicKey: OTHER.publicKey, record: long, isShown: true });

    await until(() => newer(other).length > 0, 'the short form was not heard');
    assert.ok(sizes.length > 0 && sizes.every((size) => size < 200), sizes.join());
  }),
);

test(
  'own words :: that come back are not taken for a peer; a second process hears them (T077, T078)',
  scope(async (t) => {
    const [one, two] = [await openNode(t, { httpPort: 2001 }), await openNode(t)];
    one.lan.put({ publicKey, record: record({ id: 2 }), isShown: true });
    await until(() => two.lan.nearby().length === 1, 'the second heard nothing');

    assert.equal(one.lan.peersOf(publicKey), []);
    assert.equal(one.lan.nearby(), []);
    await one.lan.stop();
    two.lan.put({ publicKey: OTHER.publicKey, record: signedBy(OTHER, 3), isShown: true });
    assert.is(await findOnLan(OTHER.publicKey, lookingHere), 'http://127.0.0.1:33125');
  }),
);

const lookingHere = { port, interfaces: () => loopback(), lookMs: 50, timeoutMs: 3_000 };

test(
  'off the link :: and unasked, nobody is heard (T073)',
  scope(async (t) => {
    const node = await openNode(t);
    node.lan.put({ publicKey, record: record({ id: 1 }), isShown: true });
    await wait(0);
    const far = await openStranger(t, '127.0.9.1');
    const near = await openStranger(t, '127.0.0.80');
    const news = encodeRecordDatagram(record({ id: 2 }), { publicKey, httpPort: 2002 });
    await far.send(news);
    await far.send(encodeRequestDatagram(publicKey, 0));
    // Unicast to the group's port: nobody listens there.
    await near.send(news, '127.0.0.1');
    await settled(t, node);

    assert.equal(newer(node), []);
    assert.equal(far.heard, []);
  }),
);

test(
  'hidden :: a stream that is held but not served is neither announced nor answered for nor asked for',
  scope(async (t) => {
    const words: string[] = [];
    const hearing = createSocket({ type: 'udp4', reuseAddr: true });
    t.defer(hearing, () => hearing.close());
    hearing.bind(port, GROUP_4);
    await once(hearing, 'listening');
    hearing.addMembership(GROUP_4, '127.0.0.1');
    const node = await openNode(t);
    const { port: own } = hearing.address();
    hearing.on('message', (bytes, info) => {
      if (info.address === '127.0.0.1' && bytes.includes(Buffer.from(OTHER.publicKey))) {
        words.push(`${own}`);
      }
    });
    node.lan.put({ publicKey: OTHER.publicKey, record: signedBy(OTHER, 1), isShown: false });
    const stranger = await openStranger(t, '127.0.0.90');
    await stranger.send(encodeRequestDatagram(OTHER.publicKey, 0));
    const news = { publicKey: OTHER.publicKey, httpPort: 2002 };
    await stranger.send(encodeRecordDatagram(signedBy(OTHER, 2), news));
    await until(() => newer(node).length === 1, 'news of it are heard all the same');

    assert.equal([stranger.heard, words], [[], []]);
  }),
);

test(
  'peersOf :: are those with more than is here, or where nobody has more, all that were heard',
  scope(async (t) => {
    const node = await openNode(t);
    node.lan.put({ publicKey, record: record({ id: 2 }), isShown: true });
    const [one, two] = [await openStranger(t, '127.0.0.11'), await openStranger(t, '127.0.0.12')];
    await one.send(encodeRecordDatagram(record({ id: 2 }), { publicKey, httpPort: 2001 }));
    await two.send(encodeRecordDatagram(record({ id: 3 }), { publicKey, httpPort: 2002 }));
    await settled(t, node);
    const before = node.lan.peersOf(publicKey);
    node.lan.put({ publicKey, record: record({ id: 3 }), isShown: true });

    assert.equal(before, ['http://127.0.0.12:2002']);
    assert.equal(node.lan.peersOf(publicKey), ['http://127.0.0.12:2002', 'http://127.0.0.11:2001']);
  }),
);

test(
  'announces :: without it nobody is told, but who asks for a key is answered',
  scope(async (t) => {
    const node = await openNode(t, { announces: false });
    const other = await openNode(t, { httpPort: 2001 });
    node.lan.put({ publicKey, record: record({ id: 2 }), isShown: true });
    await settled(t, other);
    const isKnown = other.lan.nearby().some((one) => Buffer.from(publicKey).equals(one.publicKey));

    assert.is(isKnown, false);
    assert.is(await findOnLan(publicKey, lookingHere), 'http://127.0.0.1:33125');
  }),
);

test(
  'networks :: that come and go are told, and what is here is said again on a new one (T077)',
  scope(async (t) => {
    let now: Interfaces = {};
    const node = await openNode(t, { interfaces: () => now });
    const other = await openNode(t, { httpPort: 2001 });
    node.lan.put({ publicKey, record: record({ id: 2 }), isShown: true });
    await wait(60);
    assert.equal(other.lan.nearby(), []);

    now = loopback();
    await until(() => other.lan.nearby().length === 1, 'not said on the new network');
    now = {};
    const told = (): string[] =>
      node.events.flatMap((event) => (event.kind === 'networks' ? [event.networks.join()] : []));
    await until(() => told().length === 2, 'that it went was not told');

    assert.equal(told(), ['lo 127.0.0.1', '']);
  }),
);

test(
  'networks :: by the hundred that come and go leave nothing behind, and one that stays is heard (T077)',
  scope(async (t) => {
    const many = (from: number): Interfaces =>
      Object.assign(
        {},
        ...Array.from({ length: 50 }, (_, i) =>
          loopback(`127.0.${1 + from + i}.1`, `e${from + i}`),
        ),
      );
    let now: Interfaces = loopback();
    const node = await openNode(t, { interfaces: () => now, lookMs: 5 });
    const told = (): number => node.events.filter(({ kind }) => kind === 'networks').length;
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();

    for (let round = 0; round < 6; round += 1) {
      const count = told();
      now = round % 2 === 0 ? { ...loopback(), ...many(round * 20) } : loopback();
      await until(() => told() > count, 'the networks were not looked at');
    }
    await until(() => open() <= before + 4, `${open()} descriptors, ${before} before`);

    const stranger = await openStranger(t, '127.0.0.77');
    node.lan.put({ publicKey, record: record({ id: 1 }), isShown: true });
    await stranger.send(encodeRecordDatagram(record({ id: 2 }), { publicKey, httpPort: 2002 }));
    await until(() => newer(node).length === 1, 'the one that stayed is not heard any more');
    assert.equal(newer(node), ['http://127.0.0.77:2002']);
  }),
);

test(
  'another program :: that holds the port for itself alone is told of, and heard past once it has gone',
  scope(async (t) => {
    const thief = createSocket('udp4');
    thief.bind(port, '0.0.0.0');
    await once(thief, 'listening');
    const node = await openNode(t, { lookMs: 5 });
    const problems = (): string[] =>
      node.events.flatMap((event) => (event.kind === 'problem' ? [event.error.message] : []));
    const told = (): string[] =>
      node.events.flatMap((event) => (event.kind === 'networks' ? [event.networks.join()] : []));
    await until(() => problems().length > 0, 'it was not told');

    thief.close();
    await until(() => told().length > 0, 'it does not listen');

    assert.is(problems().length, 1);
    assert.match(problems()[0] ?? '', 'EADDRINUSE');
    assert.equal(told(), ['lo 127.0.0.1']);
  }),
);

test(
  'nearby :: is bounded: a few of one sender, some of all, the newest stay',
  scope(async (t) => {
    const node = await openNode(t);
    const random = randomFrom(freshSeed());
    for (let sender = 0; sender < 12; sender += 1) {
      const stranger = await openStranger(t, `127.0.0.${10 + sender}`);
      for (let i = 0; i < 60; i += 1) {
        const keys = keyPairFromSeed(Uint8Array.from({ length: 32 }, () => random.below(256)));
        const invented = { publicKey: keys.publicKey, httpPort: 2002 };
        await stranger.send(encodeRecordDatagram(signedBy(keys, 1), invented));
      }
      await wait(5);
    }
    await settled(t, node);

    const list = node.lan.nearby();
    const perSender = new Map<string, number>();
    for (const { urls } of list) {
      perSender.set(String(urls[0]), (perSender.get(String(urls[0])) ?? 0) + 1);
    }
    assert.ok(list.length <= 256 && list.length > 200, `${list.length}`);
    assert.ok(Math.max(...perSender.values()) <= 32);
    assert.ok(list.every(({ isSigned }) => isSigned));
  }),
);

test(
  'mutated datagrams :: by the thousand change nothing: it still hears and answers (T072)',
  scope(async (t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const node = await openNode(t);
    node.lan.put({ publicKey, record: record({ id: 1 }), isShown: true });
    const corpus = [
      encodeRecordDatagram(record({ id: 2 }), { publicKey, httpPort: 2002 }),
      encodeRequestDatagram(publicKey, 0),
    ];
    const strangers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => openStranger(t, `127.0.0.${100 + i}`)),
    );
    const before = process.memoryUsage().rss;

    for (let round = 0; round < scaled(4_000); round += 1) {
      const bytes = Buffer.from(random.pick(corpus));
      for (let changes = 1 + random.below(4); changes > 0; changes -= 1) {
        bytes[4 + random.below(bytes.length - 4)] = random.below(256);
      }
      await random.pick(strangers).send(bytes.subarray(0, 1 + random.below(bytes.length)));
    }
    await settled(t, node);

    const grown = (process.memoryUsage().rss - before) / 1e6;
    assert.ok(grown < 60, `${grown} MB, seed ${seed}`);
    assert.ok(newer(node).length <= 2, `seed ${seed}`);
    if (process.env['DRAYER_TEST_FIGURES'] !== undefined) console.log(`${grown} MB more`);
  }),
);

test.run();
