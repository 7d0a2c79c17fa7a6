/** Messages of multicast DNS: what is written is read, and what anybody sends harms nobody. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { labelOf } from '../../src/daemon/names.ts';
import {
  DNS,
  type DnsMessage,
  readDnsMessage,
  writeDnsMessage,
  writeDnsName,
} from '../../src/discovery/dns-message.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';

const test = suite('discovery/dns-message');

const message: DnsMessage = {
  id: 7,
  isResponse: true,
  questions: [{ name: 'blog.local', type: DNS.any, isUnicast: true }],
  answers: [
    { name: 'blog.local', type: DNS.a, isUnique: true, ttl: 120, data: Uint8Array.of(10, 1, 0, 1) },
    { name: 'x.local', type: DNS.ptr, isUnique: false, ttl: 4_500, data: writeDnsName('y.local') },
  ],
  authorities: [],
  additionals: [],
};

test('readDnsMessage :: reads what was written, and names that are compressed as they were meant', () => {
  const read = readDnsMessage(writeDnsMessage(message));
  // A question for BLOG.local, and a second one that points at its end.
  const packed = Buffer.from(
    '000000000002000000000000' + '04424c4f47056c6f63616c0000010001' + '0161c01100010001',
    'hex',
  );

  assert.equal(plain(read), plain(message));
  assert.equal(
    readDnsMessage(packed)?.questions.map(({ name }) => name),
    ['blog.local', 'a.local'],
  );
});

test('readDnsMessage :: what goes round, goes on for ever or beyond the end is no message', () => {
  const head = '000000000001000000000000';
  for (const rest of ['c00c00010001', '0161c00c00010001', 'c0ff00010001', '3f61', '80', '00', '']) {
    assert.is(readDnsMessage(Buffer.from(head + rest, 'hex')), undefined, rest);
  }
  assert.is(readDnsMessage(Buffer.alloc(11)), undefined);
  assert.is(readDnsMessage(Buffer.alloc(9_001)), undefined);
  assert.is(readDnsMessage(Buffer.from('0000000001010000000000000000', 'hex')), undefined);
});

test('readDnsMessage :: any bytes at all give a message or nothing, and never an error', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  const good = Buffer.from(writeDnsMessage(message));
  let read = 0;
  for (let i = 0; i < scaled(20_000); i += 1) {
    const bytes = Buffer.from(good.subarray(0, good.length - random.below(8)));
    for (let flips = random.below(6); flips > 0; flips -= 1) {
      bytes[random.below(bytes.length)] = random.below(256);
    }
    try {
      if (readDnsMessage(bytes) !== undefined) read += 1;
    } catch (error) {
      throw new Error(`seed ${seed}, ${bytes.toString('hex')}`, { cause: error });
    }
  }

  assert.ok(read > 0, `seed ${seed}`);
});

test('labelOf :: makes a host name of what people call something', () => {
  assert.is(labelOf('Mein Blög!'), 'mein-blog');
  assert.is(labelOf('Straße 7'), 'strasse-7');
  assert.is(labelOf('-a-'), 'a');
  assert.is(labelOf('日本'), undefined);
  assert.is(labelOf('localhost'), 'localhost-site');
  assert.is(labelOf('x'.repeat(80))?.length, 60);
});

function plain(one: DnsMessage | undefined): unknown {
  return JSON.parse(
    JSON.stringify(one, (key, value) => {
      return key === 'data' ? Buffer.from(Object.values(value)).toString('hex') : value;
    }),
  );
}

test.run();
