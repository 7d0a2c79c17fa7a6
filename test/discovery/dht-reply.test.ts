/** What is left of a stranger's packet before the DHT library sees it. */
import bencode from 'bencode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isAnyUnicast, isGlobalUnicast } from '../../src/discovery/dht-address.ts';
import { type Bencoded, readBencode } from '../../src/discovery/dht-bencode.ts';
import { cleanReply } from '../../src/discovery/dht-reply.ts';
import { contact } from '../helpers/dht-lab.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';

const test = suite('discovery/dht-reply');

const id = new Uint8Array(20).fill(9);
const t = Uint8Array.from([1, 2]);
const GOOD = contact('8.8.8.8', 33_125);

function clean(r: object): Map<string, Bencoded> | undefined {
  const reply = cleanReply(bencode.encode({ t, y: 'r', r: { id, ...r } }), isGlobalUnicast);
  const message = reply && readBencode(reply.packet);
  const answer = message instanceof Map ? message.get('r') : undefined;
  return answer instanceof Map ? answer : undefined;
}

function text(packet: string): Uint8Array {
  return Buffer.from(packet, 'latin1');
}

test('readBencode :: reads what the encoder writes', () => {
  const value = { a: [1, -5, 0], b: text('xy'), c: { d: 2 ** 53 - 1 } };

  const read = readBencode(bencode.encode(value));

  assert.equal(
    read,
    new Map<string, Bencoded>([
      ['a', [1, -5, 0]],
      ['b', Uint8Array.from(text('xy'))],
      ['c', new Map([['d', 2 ** 53 - 1]])],
    ]),
  );
});

for (const [packet, why] of [
  ['l-3:e', 'a length below zero, which the decoders of the library never come back from'],
  ['l-0:e', 'minus nothing'],
  ['i01e', 'a leading zero'],
  ['i-0e', 'minus zero'],
  ['ie', 'no digits'],
  ['i1.5e', 'a fraction'],
  ['i9007199254740992e', 'more than a number holds'],
  ['5:abc', 'more bytes than there are'],
  ['99999999999999999999:a', 'a length of many digits'],
  ['d1:bi1e1:ai1ee', 'keys out of order'],
  ['d1:ai1e1:ai1ee', 'a key twice'],
  ['di1ei1ee', 'a key that is a number'],
  ['d1:a', 'an end too early'],
  ['i1ei2e', 'something behind it'],
  ['', 'nothing'],
  ['l'.repeat(1_000) + 'e'.repeat(1_000), 'a thousand lists'],
  [`l${'le'.repeat(900)}${'0:'.repeat(1_200)}e`, 'more values than anybody needs'],
] as const) {
  test(`readBencode :: refuses ${why} (T079)`, () => {
    assert.is(readBencode(text(packet)), undefined);
  });
}

test('cleanReply :: only answers and errors come through, never a question (T080)', () => {
  const query = { t, y: 'q', q: 'ping', a: { id } };

  assert.is(cleanReply(bencode.encode(query), isGlobalUnicast), undefined);
  assert.is(cleanReply(bencode.encode({ t, y: 'x' }), isGlobalUnicast), undefined);
  assert.is(cleanReply(bencode.encode({ t: id, y: 'r', r: { id } }), isGlobalUnicast), undefined);
  assert.is(cleanReply(bencode.encode({ t, y: 'r', r: { id: t } }), isGlobalUnicast), undefined);
  assert.is(cleanReply(new Uint8Array(2_049), isGlobalUnicast), undefined);
  assert.is(
    cleanReply(bencode.encode({ t, y: 'r', r: { id } }), isGlobalUnicast)?.transaction,
    258,
  );
  const error = cleanReply(
    bencode.encode({ t, y: 'e', e: [203, 'x'.repeat(900)] }),
    isGlobalUnicast,
  );
  assert.equal(error?.packet, bencode.encode({ t, y: 'e', e: [203, ''] }));
});

test('cleanReply :: nodes are whole, at most 20, of the public network (T081)', () => {
  const node = (host: string, port: number): Buffer => Buffer.concat([id, contact(host, port)]);
  const bad = [node('127.0.0.1', 6881), node('10.1.1.1', 6881), node('8.8.8.8', 53)];

  assert.is(clean({ nodes: 7 })?.get('nodes'), undefined);
  assert.is(clean({ nodes: new Uint8Array(25) })?.get('nodes'), undefined);
  assert.equal(
    clean({ nodes: Buffer.concat([...bad, node('8.8.8.8', 6881)]) })?.get('nodes'),
    Uint8Array.from(node('8.8.8.8', 6881)),
  );
  const many = Buffer.concat(Array.from({ length: 60 }, () => node('8.8.4.4', 6881)));
  assert.is(bytesIn(clean({ nodes: many })?.get('nodes')), 20 * 26);
});

test('cleanReply :: values are six bytes each, at most 50, of the public network (T081)', () => {
  const bad = [
    ...['127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1'],
    ...['0.0.0.0', '224.0.0.1', '255.255.255.255', '192.0.2.1', '198.18.0.1'],
  ].map((host) => contact(host, 33_125));
  const ports = [0, 22, 25, 3306, 6379, 11_211, 27_017].map((port) => contact('8.8.8.8', port));
  const odd = [new Uint8Array(7), new Uint8Array(5), 5, [GOOD], new Uint8Array(0)];

  assert.equal(clean({ values: [...bad, ...ports, ...odd, GOOD] })?.get('values'), [GOOD]);
  assert.is(clean({ values: [...bad, ...ports, ...odd] })?.get('values'), undefined);
  assert.is(clean({ values: GOOD })?.get('values'), undefined);
  const many = Array.from({ length: 200 }, (_, i) => contact('8.8.8.8', 40_000 + i));
  assert.is([clean({ values: many })?.get('values')].flat().length, 50);
});

test('cleanReply :: in a network of our own, this machine is as good as any', () => {
  const packet = bencode.encode({ t, y: 'r', r: { id, values: [contact('127.0.0.1', 33_125)] } });

  const reply = cleanReply(packet, isAnyUnicast);

  assert.ok(Buffer.from(reply?.packet ?? []).includes(Buffer.from(contact('127.0.0.1', 33_125))));
});

test('cleanReply :: of signed values only pointers come through (T085)', () => {
  const item = {
    k: new Uint8Array(32),
    sig: new Uint8Array(64),
    seq: 3,
    v: { m: 1_763_900_000_000_000, r: new Uint8Array(32) },
  };

  assert.ok(clean(item)?.has('v'));
  for (const odd of [
    { k: new Uint8Array(31) },
    { sig: new Uint8Array(63) },
    { sig: 5 },
    { seq: -1 },
    { seq: text('3') },
    { v: text('x'.repeat(1_001)) },
    { v: { m: 1, r: new Uint8Array(33) } },
    { v: { m: 1, r: new Uint8Array(32), x: 1 } },
    { v: { m: text('1'), r: new Uint8Array(32) } },
  ]) {
    const answer = clean({ ...item, ...odd });
    assert.is(answer?.has('v'), false, JSON.stringify(Object.keys(odd)));
    assert.is(answer?.has('k'), false);
  }
});

test('cleanReply :: whatever comes, what goes on is canonical and small (T079)', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  const good = bencode.encode({
    t,
    y: 'r',
    r: {
      id,
      token: text('token'),
      nodes: Buffer.concat([id, GOOD]),
      values: [GOOD, GOOD],
      k: new Uint8Array(32),
      sig: new Uint8Array(64),
      seq: 3,
      v: { m: 5, r: new Uint8Array(32) },
    },
  });
  let through = 0;

  for (let round = 0; round < scaled(20_000); round += 1) {
    const packet = mutated(good, random);
    const reply = cleanReply(packet, isGlobalUnicast);
    if (reply === undefined) continue;
    through += 1;
    const message = readBencode(reply.packet);
    assert.ok(message instanceof Map, `seed ${seed}, round ${round}`);
    assert.ok(reply.packet.length <= 1_400, `seed ${seed}, round ${round}`);
  }

  assert.ok(through > 100, `${through} came through`);
});

function bytesIn(value: Bencoded | undefined): number | undefined {
  return value instanceof Uint8Array ? value.length : undefined;
}

function mutated(packet: Uint8Array, random: ReturnType<typeof randomFrom>): Uint8Array {
  let bytes = Buffer.from(packet);
  for (let left = random.below(4); left >= 0; left -= 1) {
    const at = random.below(bytes.length);
    const kind = random.below(5);
    if (kind === 0) bytes[at] = random.below(256);
    else if (kind === 1) bytes[at] = random.pick([0x64, 0x65, 0x69, 0x6c, 0x3a, 0x2d, 0x30, 0x39]);
    else if (kind === 2) bytes = Buffer.from(bytes.subarray(0, at + 1));
    else if (kind === 3)
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1), Buffer.of(0x65)]);
    else bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(random.below(bytes.length))]);
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}

test.run();
