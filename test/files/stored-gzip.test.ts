import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BLOCK_BYTES,
  storedContentBytes,
  storedGzipBytes,
  storedRanges,
  storeGzip,
} from '../../src/files/stored-gzip.ts';

const test = suite('files/stored-gzip');

test('storeGzip :: any gzip reader finds the content again (R25)', () => {
  for (const length of [0, 1, 65_534, 65_535, 65_536, 131_070, 200_000]) {
    const content = contentOf(length);

    assert.equal(gunzipSync(stored(content)).equals(content), true, `${length} bytes`);
  }
});

test('storeGzip :: its bytes are these, on every machine (R25)', () => {
  const gzip = Buffer.from(stored(Buffer.from('abc'))).toString('hex');

  assert.is(gzip, '1f8b08000000000000ff010300fcff616263c241243503000000');
});

test('storedRanges :: a range of the content is where it says, across blocks (R25)', () => {
  const content = contentOf(3 * BLOCK_BYTES + 17);
  const gzip = stored(content);
  const offset = 28;
  const value = Buffer.concat([Buffer.alloc(offset, 0xee), gzip]);
  const bound = fc.integer({ min: 0, max: content.length });

  fc.assert(
    fc.property(bound, bound, (a, b) => {
      const range = { start: Math.min(a, b), end: Math.max(a, b) };
      const parts = storedRanges(range, offset).map(({ start, end }) => value.subarray(start, end));

      return Buffer.concat(parts).equals(content.subarray(range.start, range.end));
    }),
  );
});

test('storedRanges :: a block boundary splits a range in two', () => {
  const ranges = storedRanges({ start: BLOCK_BYTES - 1, end: BLOCK_BYTES + 1 }, 0);

  assert.equal(ranges, [
    { start: 65_549, end: 65_550 },
    { start: 65_555, end: 65_556 },
  ]);
});

test('storedContentBytes :: our own layout is recognised', () => {
  for (const length of [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES]) {
    assert.is(storedContentBytes(stored(contentOf(length))), length);
  }
});

test('storedContentBytes :: changing what the layout depends on is noticed', () => {
  const content = contentOf(BLOCK_BYTES + 5);
  const blockAt = 10 + 5 + BLOCK_BYTES;
  const gzip = stored(content);
  const places = [0, 2, 3, 10, 11, 13, blockAt, blockAt + 1, blockAt + 3, gzip.length - 4];

  for (const place of places) {
    const damaged = Uint8Array.from(gzip);
    damaged[place] = (damaged[place] ?? 0) ^ 1;

    assert.is(storedContentBytes(damaged), undefined, `byte ${place}`);
  }
});

test('storedContentBytes :: it never throws, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const length = storedContentBytes(bytes);
      return length === undefined || storedGzipBytes(length) === bytes.length;
    }),
  );
});

function contentOf(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff));
}

function stored(content: Uint8Array): Uint8Array {
  const gzip = new Uint8Array(storedGzipBytes(content.length));
  storeGzip(content, gzip, 0);
  return gzip;
}

test.run();
