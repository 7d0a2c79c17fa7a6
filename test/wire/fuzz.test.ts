/** Hostile bytes into every decoder: a value, or one of our errors, in bounded time and memory. */
import { memoryUsage } from 'node:process';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { decodeSnapshot } from '../../src/core/snapshot.ts';
import { decodeProof } from '../../src/wire/proof-codec.ts';
import { decodeRecord, encodeRecords, type WireRecord } from '../../src/wire/record-codec.ts';
import { RecordReader } from '../../src/wire/record-reader.ts';
import { vectorBytes, vectorJson } from '../helpers/old-wire.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { oracleList, oracleOne, plain } from '../helpers/wire-oracle.ts';

const LISTS = [
  ...['004', '006', '038', '041', '053', '069', '098', '137'].map((n) => `http/${n}.bin`),
  ...[
    '000',
    '001',
    '003',
    '005',
    '007',
    '014',
    '015',
    '016',
    '018',
    '033',
    '039',
    '074',
    '075',
  ].map((n) => `client/${n}.bin`),
].map(vectorBytes);
const MAPS = ['43', '45', '57', '61'].map((n) => vectorBytes(`http/0${n}.bin`));
/** Bytes at which decoders break: headers of every kind, lengths at their edges. */
const SPICE = Uint8Array.from([
  0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9,
  0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde,
  0xdf, 0xe0, 0xff, 0x01, 0x20, 0x40,
]);
/** Far above what is needed; what this catches is minutes. */
const SLOW_MS = 1000;

const test = suite('wire/fuzz');

test('random bytes :: up to 64 KiB are refused by every decoder', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 65_536, size: 'max' }), (body) => {
      for (const decoder of [readList, decodeRecord, decodeProof, decodeSnapshot]) {
        const outcome = bounded(() => decoder(body), body.length);
        // A list header of none is the one thing random bytes hit.
        assert.ok(outcome === undefined || (Array.isArray(outcome) && outcome.length === 0));
      }
    }),
    { seed: freshSeed(), numRuns: scaled(150) },
  );
});

test('random MessagePack-like bytes :: are refused, or agree with the reference decoder', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);

  for (let round = 0; round < scaled(4000); round += 1) {
    const body = Uint8Array.from({ length: 1 + random.below(200) }, () => {
      return random.oneIn(3) ? random.below(256) : random.pick([...SPICE]);
    });
    checkList(body, `seed ${seed}, round ${round}`);
    checkOne(body, `seed ${seed}, round ${round}`);
  }
});

test('mutated lists :: are refused, or agree with the reference decoder and survive a round trip', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  let taken = 0;

  for (let round = 0; round < scaled(4000); round += 1) {
    const body = mutated(random.pick(LISTS), LISTS, random);
    if (checkList(body, `seed ${seed}, round ${round}`)) taken += 1;
  }

  assert.ok(taken > 0, `seed ${seed}: no mutation was taken, the mutator is too coarse`);
});

test('mutated records :: are refused, or agree with the reference decoder and survive a round trip', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  let taken = 0;

  for (let round = 0; round < scaled(4000); round += 1) {
    const body = mutated(random.pick(MAPS), MAPS, random);
    if (checkOne(body, `seed ${seed}, round ${round}`)) taken += 1;
  }

  assert.ok(taken > 0, `seed ${seed}: no mutation was taken, the mutator is too coarse`);
});

test('mutated lists :: give the same records or an error however they are cut into chunks', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);

  for (let round = 0; round < scaled(1500); round += 1) {
    const body = mutated(random.pick(LISTS), LISTS, random);
    const size = 1 + random.below(40);
    const whole = prefixOf([body]);
    const chunks = Array.from({ length: Math.ceil(body.length / size) }, (_, i) => {
      return body.subarray(i * size, (i + 1) * size);
    });

    assert.equal(prefixOf(chunks), whole, `seed ${seed}, round ${round}, chunks of ${size}`);
  }
});

test('truncation :: a list cut at every byte gives only whole records, then MALFORMED', () => {
  const body = vectorBytes('http/069.bin');
  const expected = oracleList(body).map(plain);

  for (let length = 0; length < body.length; length += 1) {
    const { records, error } = prefixOf([body.subarray(0, length)]);
    assert.equal(records, expected.slice(0, records.length));
    assert.is(error, 'MALFORMED');
  }
});

test('bombs :: nested and announced sizes are refused in no time', () => {
  const deep = [0x91, 0x81, 0xa1, 0xdc, 0xde].flatMap((tag) =>
    [1, 1000, 100_000].map((n) => new Uint8Array(n).fill(tag)),
  );
  const huge = [
    'dbffffffff',
    'c6ffffffff',
    'ddffffffff',
    'dfffffffff',
    'c9ffffffff00',
    'dfffffffffdfffffffff',
  ];
  const bombs = [
    ...deep,
    ...huge.flatMap((hex) =>
      ['', '91', '9181', '9181a376616c', '81', '81a376616c', '8181'].map(
        (start) => new Uint8Array(Buffer.from(start + hex, 'hex')),
      ),
    ),
  ];

  for (const bomb of bombs) {
    for (const decoder of [readList, decodeRecord, decodeProof, decodeSnapshot]) {
      assert.is(
        bounded(() => decoder(bomb), bomb.length),
        undefined,
      );
    }
  }
});

test('prototypes :: nothing that was decoded here has reached one', () => {
  assert.equal(Reflect.ownKeys(Object.prototype).length, PROTOTYPE_KEYS);
  assert.is(JSON.stringify({}), '{}');
});

test('the corpus :: is what the manifest says', () => {
  assert.ok(LISTS.every((body) => body.length > 100) && MAPS.every((body) => body.length > 100));
  assert.ok(vectorJson<unknown[]>('http/manifest.json').length > 100);
});

const PROTOTYPE_KEYS = Reflect.ownKeys(Object.prototype).length;

/** Whether the list was taken; fails the test where it was taken wrongly. */
function checkList(body: Uint8Array, note: string): boolean {
  const records = bounded(() => readList(body), body.length);
  if (records === undefined) return false;
  assert.equal(records.map(plain), oracleList(body).map(plain), note);
  const again = readList(encodeRecords(records, new Uint8Array(32)));
  assert.equal(again.map(signedPart), records.map(signedPart), note);
  return true;
}

function checkOne(body: Uint8Array, note: string): boolean {
  const record = bounded(() => decodeRecord(body), body.length);
  if (record === undefined) return false;
  assert.equal(plain(record), plain(oracleOne(body)), note);
  return true;
}

/** The result, or undefined for one of our errors; anything else fails, and so do time and memory. */
function bounded<T>(read: () => T, bytes: number): T | undefined {
  const before = memoryUsage().arrayBuffers;
  const start = performance.now();
  try {
    return read();
  } catch (error) {
    if (isDrayerError(error, 'MALFORMED') || isDrayerError(error, 'TOO_LARGE')) return undefined;
    throw error;
  } finally {
    const [ms, grown] = [performance.now() - start, memoryUsage().arrayBuffers - before];
    assert.ok(ms < SLOW_MS, `${ms} ms for ${bytes} bytes`);
    assert.ok(grown < 2 * bytes + 1_000_000, `${grown} bytes of memory for ${bytes}`);
  }
}

function readList(body: Uint8Array): WireRecord[] {
  const reader = new RecordReader();
  const records = reader.push(body);
  reader.end();
  return records;
}

function prefixOf(chunks: readonly Uint8Array[]): { records: unknown[]; error: string } {
  const reader = new RecordReader();
  const records: unknown[] = [];
  try {
    for (const chunk of chunks) records.push(...reader.push(chunk).map(plain));
    reader.end();
    return { records, error: 'none' };
  } catch (error) {
    if (isDrayerError(error)) return { records, error: error.code };
    throw error;
  }
}

function signedPart(record: WireRecord): unknown {
  const { chain: _, head: __, ...rest } = record;
  return plain(rest as WireRecord);
}

/** One to three of the changes that bring decoders down. */
function mutated(body: Uint8Array, corpus: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = [...body];
  for (let changes = 1 + random.below(3); changes > 0; changes -= 1) {
    const at = random.below(bytes.length);
    const span = random.below(random.oneIn(4) ? 200 : 8);
    const kind = random.below(7);
    if (kind === 0) bytes[at] = Number(bytes[at]) ^ (1 << random.below(8));
    else if (kind === 1) bytes[at] = random.pick([...SPICE]);
    else if (kind === 2) bytes.splice(at, span);
    else if (kind === 3) bytes.splice(at, 0, ...bytes.slice(at, at + span));
    else if (kind === 4)
      bytes.splice(at, span, ...Array.from({ length: span }, () => random.pick([...SPICE])));
    else if (kind === 5) bytes = [...bytes.slice(0, at), ...random.pick(corpus).subarray(at)];
    else bytes[at] = Number(bytes[at]) + random.pick([1, -1]);
    if (bytes.length === 0) bytes = [0xc0];
  }
  return Uint8Array.from(bytes);
}

test.run();
