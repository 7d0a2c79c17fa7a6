import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { decodeFileHeader, encodeFileHeader } from '../../src/files/file-header.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('files/file-header');

test('encodeFileHeader :: its bytes are a fixed map with an integer time (R24)', () => {
  const header = Buffer.from(encodeFileHeader(1_540_000_000_500_000)).toString('hex');

  assert.is(header, '82a3656e63a4677a6970a474696d65cf0005789f30fbe120');
});

test('encodeFileHeader :: another msgpack reader reads it, for any time', () => {
  fc.assert(
    fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (time) => {
      assert.equal(decode(encodeFileHeader(time)), { enc: 'gzip', time });
      assert.is(decodeFileHeader(encodeFileHeader(time)), time);
    }),
  );
});

test('encodeFileHeader :: a fraction is cut off, a time before 1970 becomes 0', () => {
  assert.is(decodeFileHeader(encodeFileHeader(12.9)), 12);
  assert.is(decodeFileHeader(encodeFileHeader(-1)), 0);
});

test('decodeFileHeader :: the forms other writers use are read (R24)', () => {
  const accepted: [string, string, number][] = [
    [
      'float64, as the original',
      '82a3656e63a4677a6970a474696d65cb4315e28348dd9c80',
      1540007000500000,
    ],
    ['keys as bin', '82c403656e63a4677a6970c40474696d6505', 5],
    ['enc as bin', '82a3656e63c404677a6970a474696d6505', 5],
    ['raw with a 16-bit length', '82da0003656e63a4677a6970a474696d6505', 5],
    ['the other order', '82a474696d6505a3656e63a4677a6970', 5],
    ['a field more', '83a3656e63a4677a6970a474696d6505a17891c0', 5],
    ['float64 with a fraction', '82a3656e63a4677a6970a474696d65cb4004000000000000', 3],
  ];
  for (const [name, hex, time] of accepted) {
    assert.is(decodeFileHeader(Buffer.from(hex, 'hex')), time, name);
  }
});

test('decodeFileHeader :: anything but gzip and a time is refused (R24)', () => {
  const refused: [string, unknown][] = [
    ['no map', ['enc', 'gzip']],
    ['no enc', { time: 1 }],
    ['no time', { enc: 'gzip' }],
    ['another encoding', { enc: 'br', time: 1 }],
    ['two encodings', { enc: 'gzip, gzip', time: 1 }],
    ['a header injected', { enc: 'gzip\r\nX: y', time: 1 }],
    ['enc in upper case', { enc: 'GZIP', time: 1 }],
    ['enc a list', { enc: ['gzip'], time: 1 }],
    ['time a text', { enc: 'gzip', time: '1' }],
    ['time nil', { enc: 'gzip', time: null }],
    ['time negative', { enc: 'gzip', time: -1 }],
    ['time NaN', { enc: 'gzip', time: Number.NaN }],
    ['time infinite', { enc: 'gzip', time: Number.POSITIVE_INFINITY }],
    ['time beyond 2^53', { enc: 'gzip', time: 1e300 }],
  ];
  for (const [name, header] of refused) {
    assert.throws(() => decodeFileHeader(encode(header)), throwsCode('FILE_RECORD_INVALID'), name);
  }
});

test('decodeFileHeader :: damaged bytes are refused', () => {
  const refused: [string, string][] = [
    ['empty', ''],
    ['cut off', '82a3656e63a4677a6970a474696d65cf00'],
    ['a byte too many', '82a3656e63a4677a6970a474696d650500'],
    ['enc twice', '83a3656e63a4677a6970a3656e63a4677a6970a474696d6505'],
    ['a huge map', 'dfffffffff'],
    ['float32 time', '82a3656e63a4677a6970a474696d65ca3f800000'],
    ['enc not UTF-8', '82a3656e63a4677a69ffa474696d6505'],
    ['an extension type', '82a3656e63a4677a6970a474696d65d40001'],
  ];
  for (const [name, hex] of refused) {
    const header = Buffer.from(hex, 'hex');
    assert.throws(() => decodeFileHeader(header), throwsCode('FILE_RECORD_INVALID'), name);
  }
});

test('decodeFileHeader :: random bytes and mutations end in a time or the right error', () => {
  const header = encodeFileHeader(1_540_000_000_500_000);
  const mutation = fc
    .tuple(fc.nat({ max: header.length - 1 }), fc.nat({ max: 255 }))
    .map(([place, byte]) => Uint8Array.from(header, (old, at) => (at === place ? byte : old)));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 64 }), mutation);

  fc.assert(
    fc.property(bytes, (input) => {
      try {
        return Number.isSafeInteger(decodeFileHeader(input));
      } catch (error) {
        return isDrayerError(error, 'FILE_RECORD_INVALID');
      }
    }),
    { numRuns: 2000 },
  );
});

test.run();
