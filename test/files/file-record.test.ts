import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { deflateSync, gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { encodeFileHeader } from '../../src/files/file-header.ts';
import { decodeFile, encodeFile, inflateFile, isStoredGzip } from '../../src/files/file-record.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('files/file-record');
const TIME = 1_540_000_000_500_000;
const HTML = Buffer.from('<p>hello</p>\n'.repeat(200));

test('encodeFile :: the same bytes in give the same bytes out (R25)', () => {
  const value = Buffer.from(encodeFile(Buffer.from('a'.repeat(100)), { timeMicros: TIME }));

  assert.is(
    value.toString('hex'),
    '1800000082a3656e63a4677a6970a474696d65cf0005789f30fbe120' +
      '1f8b08000000000000ff4b4ca43d0000647a70af64000000',
  );
});

test('encodeFile :: decoding gives back time and content, stored or not', () => {
  const options = fc.record({
    timeMicros: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    stored: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), options, (content, { timeMicros, stored }) => {
      const value = encodeFile(content, { timeMicros, stored });

      assert.is(decodeFile(value).timeMicros, timeMicros);
      assert.equal(Uint8Array.from(inflateFile(value)), content);
    }),
  );
});

test('encodeFile :: what gzip does not make smaller is stored', () => {
  const noise = createHash('shake256', { outputLength: 100_000 }).update('noise').digest();

  assert.is(isStoredGzip(decodeFile(encodeFile(noise, { timeMicros: TIME })).gzip), true);
  assert.is(isStoredGzip(decodeFile(encodeFile(HTML, { timeMicros: TIME })).gzip), false);
});

test('encodeFile :: the value has a buffer of its own, to be moved to another thread', () => {
  for (const stored of [true, false]) {
    const value = encodeFile(HTML, { timeMicros: TIME, stored });

    assert.is(value.byteOffset, 0);
    assert.is(value.buffer.byteLength, value.length);
  }
});

test('decodeFile :: the files the original wrote are read as it reads them (R24)', () => {
  const expected = JSON.parse(readFileSync('test/vectors/streams/site.expected.json', 'utf8'));
  const database = new Database('test/vectors/streams/site.stream', { readonly: true });
  const select = database.prepare("SELECT value FROM record WHERE type = 'file' AND key = ?");

  for (const file of expected.files) {
    const { value } = select.get(file.key) as { value: Uint8Array };
    const { timeMicros, gzipStart } = decodeFile(value);
    const content = inflateFile(value);

    assert.is(timeMicros, file.header.time, file.key);
    assert.is(gzipStart, file.payload_offset, file.key);
    assert.is(content.length, file.decoded_size, file.key);
    assert.is(createHash('sha256').update(content).digest('hex'), file.decoded_sha256, file.key);
  }
  database.close();
  assert.is(expected.files.length, 11);
});

test('decodeFile :: a wrong length or header is refused (R24)', () => {
  const header = encodeFileHeader(TIME);
  const refused: [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['three bytes', Uint8Array.of(0, 0, 0)],
    ['a header longer than the value', value(header, { length: header.length + 1 })],
    ['a header of 2^32-1 bytes', value(header, { length: 0xffffffff })],
    ['a header of 4097 bytes', value(new Uint8Array(4097))],
    ['an empty header', value(new Uint8Array())],
  ];
  for (const [name, bytes] of refused) {
    assert.throws(() => decodeFile(bytes), throwsCode('FILE_RECORD_INVALID'), name);
  }
});

test('inflateFile :: damaged gzip data is refused', () => {
  const gzip = gzipSync(HTML);
  const flipped = Uint8Array.from(gzip);
  flipped[gzip.length - 8] = (flipped[gzip.length - 8] ?? 0) ^ 1;
  const refused: [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['cut off', gzip.subarray(0, -1)],
    ['a wrong checksum', flipped],
    ['another format', deflateSync(HTML)],
  ];
  for (const [name, bytes] of refused) {
    const damaged = value(encodeFileHeader(TIME), { gzip: bytes });
    assert.throws(() => inflateFile(damaged), throwsCode('FILE_RECORD_INVALID'), name);
  }
});

test('inflateFile :: the limit is the last size that passes', () => {
  const bomb = encodeFile(new Uint8Array(1_000_000), { timeMicros: TIME });

  assert.is(inflateFile(bomb, 1_000_000).length, 1_000_000);
  assert.throws(() => inflateFile(bomb, 999_999), throwsCode('FILE_RECORD_INVALID'));
  assert.is(inflateFile(encodeFile(new Uint8Array(), { timeMicros: TIME }), 0).length, 0);
});

test('inflateFile :: whatever the bytes, it ends in content or the right error', () => {
  const good = encodeFile(HTML, { timeMicros: TIME });
  const mutation = fc
    .array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { minLength: 1 })
    .map((changes) => {
      const bytes = Uint8Array.from(good);
      for (const [place, byte] of changes) bytes[place] = byte;
      return bytes;
    });
  const cut = fc.nat({ max: good.length }).map((length) => good.subarray(0, length));

  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), mutation, cut), (bytes) => {
      try {
        return inflateFile(bytes).length <= 64 * 1024 * 1024;
      } catch (error) {
        return isDrayerError(error, 'FILE_RECORD_INVALID');
      }
    }),
    { numRuns: 1000 },
  );
});

function value(
  header: Uint8Array,
  { length = header.length, gzip = new Uint8Array() }: { length?: number; gzip?: Uint8Array } = {},
): Uint8Array {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32LE(length);
  return Buffer.concat([prefix, header, gzip]);
}

test.run();
