import { cpuUsage, env, memoryUsage } from 'node:process';
import { encode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { LIMITS } from '../../src/wire/limits.ts';
import { encodeArrayHeader, encodeRecord, encodeRecords } from '../../src/wire/record-codec.ts';
import type { WireRecord } from '../../src/wire/record-fields.ts';
import { type ReaderLimits, RecordReader } from '../../src/wire/record-reader.ts';
import { bare, TEST_KEYS } from '../helpers/records.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { throwsCode } from '../helpers/throws.ts';
import {
  fieldsOf,
  fromHex,
  listOf,
  mapOf,
  type RawField,
  withField,
} from '../helpers/wire-bytes.ts';
import { oracleList, plain } from '../helpers/wire-oracle.ts';

const { publicKey } = TEST_KEYS;
const RECORDS: readonly SignedRecord[] = [
  { ...bare({ id: 1 }), value: new Uint8Array(3).fill(1) },
  { ...bare({ id: 2, key: '日本/é' }), value: new Uint8Array(300).fill(2) },
  bare({ id: 3 }),
  { ...bare({ id: 4 }), value: new Uint8Array(0) },
];
const PAGE = encodeRecords(RECORDS, publicKey);
const EXPECTED = RECORDS.map((record) => plain({ ...record, chain: publicKey }));

const test = suite('wire/record-reader');

test('push :: a page in one chunk', () => {
  assert.equal(readChunks([PAGE]).map(plain), EXPECTED);
});

test('push :: a page in two chunks, parted at every byte', () => {
  for (let at = 0; at <= PAGE.length; at += 1) {
    assert.equal(readChunks([PAGE.subarray(0, at), PAGE.subarray(at)]).map(plain), EXPECTED);
  }
});

test('push :: a page byte by byte gives each record as soon as it is whole', () => {
  const reader = new RecordReader();
  const sizes = RECORDS.map((record) => encodeRecord(record, publicKey).length);
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b, 1));
  const arrivals: number[] = [];

  for (const [i, byte] of PAGE.entries()) {
    for (const _ of reader.push(Uint8Array.of(byte))) arrivals.push(i + 1);
  }
  reader.end();

  assert.equal(arrivals, ends);
});

test('push :: a page in random chunks, also with unknown fields in every record', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  const extras: RawField[] = [
    ['more', encode({ a: 5, b: 'x'.repeat(500), c: 1.5 })],
    ['nothing', encode(null)],
    ['list', encode(Array.from({ length: 40 }, (_, i) => `item ${i}`))],
  ];
  const maps = RECORDS.map((record) =>
    mapOf([
      ...extras,
      ...fieldsOf({ ...record, value: record.value ?? new Uint8Array(9) }),
      ['z', encode(1)],
    ]),
  );
  const page = listOf(maps);
  const expected = oracleList(page).map(plain);

  for (let round = 0; round < scaled(300); round += 1) {
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < page.length; ) {
      const size = random.oneIn(3) ? 1 + random.below(3) : 1 + random.below(900);
      chunks.push(page.subarray(at, at + size));
      at += size;
    }
    assert.equal(readChunks(chunks).map(plain), expected, `seed ${seed}, round ${round}`);
  }
});

test('push :: an empty list and empty chunks are fine', () => {
  assert.equal(readChunks([fromHex('90')]), []);
  assert.equal(readChunks([new Uint8Array(0), fromHex('90'), new Uint8Array(0)]), []);
  assert.equal(readChunks([fromHex('dc'), fromHex('00'), fromHex('00')]), []);
});

test('push :: what was returned stays as it is while more comes', () => {
  const reader = new RecordReader();
  const half = PAGE.length >> 1;
  const first = reader.push(PAGE.slice(0, half));
  const before = first.map(plain);

  const second = reader.push(PAGE.slice(half));

  assert.equal(first.map(plain), before);
  assert.is(first.length + second.length, RECORDS.length);
});

test('end :: refuses a list that is cut off anywhere, after every whole record was given', () => {
  for (let length = 0; length < PAGE.length; length += 1) {
    const reader = new RecordReader();
    const records = reader.push(PAGE.slice(0, length));

    assert.equal(records.map(plain), EXPECTED.slice(0, records.length));
    assert.throws(() => reader.end(), throwsCode('MALFORMED'));
  }
});

test('end :: may be asked twice', () => {
  const reader = new RecordReader();
  reader.push(PAGE);

  reader.end();
  reader.end();
});

test('push :: refuses bytes behind the list, in the same chunk and later', () => {
  const together = new RecordReader();
  const later = new RecordReader();

  assert.is(together.push(Uint8Array.from([...PAGE, 0xc0])).length, 4);
  assert.throws(() => together.end(), throwsCode('MALFORMED'));
  assert.is(later.push(PAGE).length, 4);
  assert.throws(() => later.push(Uint8Array.of(0xc0)), throwsCode('MALFORMED'));
});

test('push :: gives the records before an error, then throws it on every call', () => {
  const fields = fieldsOf({ ...bare({ id: 2 }), value: new Uint8Array(1) });
  const wrong = mapOf(withField(fields, 'mod', fromHex('cb3ff0000000000000')));
  const good = mapOf(fields);
  const reader = new RecordReader();

  const records = reader.push(listOf([good, good, wrong, good]));

  assert.is(records.length, 2);
  assert.throws(() => reader.push(good), throwsCode('MALFORMED'));
  assert.throws(() => reader.end(), throwsCode('MALFORMED'));
});

for (const body of ['c0', '80', 'a3616263', '01', 'cb3ff0000000000000', 'c1', 'd40000']) {
  test(`push :: refuses ${body}, which is no list`, () => {
    assert.throws(() => new RecordReader().push(fromHex(body)), throwsCode('MALFORMED'));
  });
}

for (const [name, element] of [
  ['a number', '01'],
  ['nil', 'c0'],
  ['a list', '90'],
  ['text', 'a161'],
  ['an empty map', '80'],
  ['a map that announces 2^32 - 1 fields', 'dfffffffff'],
] as const) {
  test(`push :: refuses a list of ${name}`, () => {
    assert.throws(() => new RecordReader().push(fromHex(`91${element}`)), throwsCode('MALFORMED'));
  });
}

test('push :: a list may announce 2^32 - 1 records; nothing is allocated for them', () => {
  const reader = new RecordReader();

  const grown = growth(() => {
    assert.equal(reader.push(fromHex('ddffffffff')), []);
  });

  assert.ok(grown < 1_000_000, `${grown} bytes`);
  assert.is(reader.push(encodeRecord(RECORDS[0] as SignedRecord, publicKey)).length, 1);
  assert.throws(() => reader.end(), throwsCode('MALFORMED'));
});

test('push :: a value may announce 60 MB; nothing is allocated before it comes', () => {
  const readers = Array.from({ length: 20 }, () => new RecordReader());

  const grown = growth(() => {
    for (const reader of readers) reader.push(fromHex('9181a376616cc603938700'));
    for (const reader of readers) reader.push(new Uint8Array(100));
  });

  assert.ok(grown < 1_000_000, `${grown} bytes`);
});

test('push :: memory stays below twice a value while it comes in small chunks', () => {
  const size = 32_000_000;
  const header = Buffer.from('9181a376616cc600000000', 'hex');
  header.writeUInt32BE(size, 7);
  const reader = new RecordReader();
  const chunk = new Uint8Array(16_000);
  reader.push(header);

  const grown = growth(() => {
    for (let sent = 0; sent < size - chunk.length; sent += chunk.length) reader.push(chunk);
  });

  assert.ok(grown < 2.2 * size, `${grown} bytes`);
});

test('push :: a value above the limit is refused by its announcement', () => {
  const announced = (bytes: number): Uint8Array => {
    const header = Buffer.from('9181a376616cc600000000', 'hex');
    header.writeUInt32BE(bytes, 7);
    return header;
  };

  assert.throws(() => push(announced(LIMITS.recordBytes + 1)), throwsCode('TOO_LARGE'));
  assert.throws(() => push(announced(2 ** 32 - 1)), throwsCode('TOO_LARGE'));
  assert.throws(() => push(announced(1001), { recordBytes: 1000 }), throwsCode('TOO_LARGE'));
  assert.equal(push(announced(1000), { recordBytes: 1000 }), []);
});

test('push :: a value at the limit is read, one above is not', () => {
  const page = (size: number): Uint8Array =>
    encodeRecords([{ ...bare({ id: 1 }), value: new Uint8Array(size) }], publicKey);

  for (const size of [100, 255, 256, 70_000]) {
    assert.is(push(page(size), { recordBytes: size }).length, 1);
    assert.throws(() => push(page(size + 1), { recordBytes: size }), throwsCode('TOO_LARGE'));
  }
});

test('push :: everything but the value has a limit of its own, all fields together', () => {
  const fields = fieldsOf({ ...bare({ id: 1 }), value: new Uint8Array(1) });
  const padding = (bytes: number, times: number): RawField[] =>
    Array.from({ length: times }, (_, i) => [`x${i}`, encode('x'.repeat(bytes))] as const);
  const most = LIMITS.metadataBytes;

  assert.is(push(listOf([mapOf([...fields, ...padding(most / 20, 19)])])).length, 1);
  for (const [bytes, times] of [
    [most, 1],
    [most / 10, 11],
    [most / 20, 21],
  ] as const) {
    const page = listOf([mapOf([...padding(bytes, times), ...fields])]);
    assert.throws(() => push(page), throwsCode('TOO_LARGE'));
  }
  assert.throws(() => push(fromHex('9181db00200000')), throwsCode('TOO_LARGE'));
  assert.throws(() => push(fromHex('9181a36b6579db00200000')), throwsCode('TOO_LARGE'));
});

test('push :: the limit of the body counts every byte', () => {
  const limits = { bodyBytes: PAGE.length };

  assert.is(push(PAGE, limits).length, 4);
  assert.throws(() => push(PAGE, { bodyBytes: PAGE.length - 1 }), throwsCode('TOO_LARGE'));

  const reader = new RecordReader(limits);
  for (const byte of PAGE) reader.push(Uint8Array.of(byte));
  assert.throws(() => reader.push(Uint8Array.of(0)), throwsCode('TOO_LARGE'));
});

test('push :: unknown fields full of items cost bounded work, even byte by byte', () => {
  const items = encode(Array.from({ length: 1024 }, () => 0));
  const fields = fieldsOf({ ...bare({ id: 1 }), value: new Uint8Array(1) });
  const extras = Array.from({ length: 21 }, (_, i) => [`x${i}`, items] as const);
  const page = listOf([mapOf([...extras, ...fields])]);
  const reader = new RecordReader();
  const start = cpuUsage();

  for (const byte of page) reader.push(Uint8Array.of(byte));

  reader.end();
  assert.ok(cpuUsage(start).user < 5_000_000, 'more than five seconds for 22 KB');
});

test('push :: nesting and item bombs are refused at once', () => {
  const bombs = [
    fromHex(`9181${'91'.repeat(100_000)}`),
    fromHex(`9181a178${'91'.repeat(100_000)}`),
    fromHex(`9181a178${'81a161'.repeat(50_000)}`),
    fromHex('9181a178ddffffffff'),
    fromHex('9181a178dfffffffff'),
    fromHex('9181a178dc0401'),
  ];

  for (const bomb of bombs) assert.throws(() => push(bomb), throwsCode('MALFORMED'));
});

test('push :: small records are read at more than 200,000 a second', () => {
  const many = Array.from({ length: 10_000 }, (_, i) => {
    return { ...bare({ id: i + 1, key: `docs/page-${i}.html` }), value: new Uint8Array(20) };
  });
  const page = encodeRecords(many, publicKey);
  const times: number[] = [];

  // Processor time, the best of five: what else the machine does is not measured.
  for (let round = 0; round < 5; round += 1) {
    const reader = new RecordReader();
    const start = cpuUsage();
    for (let at = 0; at < page.length; at += 65_536) reader.push(page.subarray(at, at + 65_536));
    times.push(cpuUsage(start).user / 1000);
    reader.end();
  }

  // Blocks counted for coverage take longer.
  const limit = env['NODE_V8_COVERAGE'] === undefined ? 50 : 1000;
  assert.ok(Math.min(...times) < limit, `${Math.min(...times)} ms for 10,000`);
});

test('encodeArrayHeader :: announces lists a reader takes at any size', () => {
  for (const size of [0, 15, 16, 65_535, 65_536]) {
    const reader = new RecordReader();
    reader.push(encodeArrayHeader(size));

    if (size === 0) reader.end();
    else
      assert.throws(
        () => reader.end(),
        (error: unknown) =>
          isDrayerError(error, 'MALFORMED') && error.message.includes(`${size} more`),
      );
  }
});

function readChunks(chunks: readonly Uint8Array[]): WireRecord[] {
  const reader = new RecordReader();
  const records = chunks.flatMap((chunk) => reader.push(chunk));
  reader.end();
  return records;
}

function push(body: Uint8Array, limits: ReaderLimits = {}): WireRecord[] {
  const reader = new RecordReader(limits);
  const records = reader.push(body);
  // An error behind a whole record is thrown by the next call.
  reader.push(new Uint8Array(0));
  return records;
}

/** How much memory for buffers is allocated on top while this runs. */
function growth(body: () => void): number {
  const before = memoryUsage().arrayBuffers;
  body();
  return memoryUsage().arrayBuffers - before;
}

test.run();
