import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deflate } from '../../src/files/deflate.ts';

const test = suite('files/deflate');

const noise = (length: number): Buffer =>
  createHash('shake256', { outputLength: length }).update('noise').digest();
const text = (length: number): Buffer =>
  Buffer.from(noise(Math.ceil(length / 2)).toString('hex')).subarray(0, length);

/** Around the sizes of zlib's window and of what it hands out at a time, the largest in the middle. */
const CONTENTS = [0, 1, 100, 16_383, 16_384, 70_000, 5_000_000, 32_768, 3, 0].flatMap((length) => [
  text(length),
  noise(length),
]);

test('deflate :: gives what zlib gives, whatever was compressed before (R25)', () => {
  for (const content of [...CONTENTS, ...CONTENTS.toReversed()]) {
    const alone = deflateRawSync(content, { level: 4 });
    assert.ok(alone.equals(deflate(content)), `${content.length} bytes`);
  }
});

test('deflate :: what it returned stays as it is', () => {
  const first = deflate(text(10_000));
  const copy = Buffer.from(first);

  for (let i = 0; i < 20; i += 1) deflate(text(10_000 + i));

  assert.ok(copy.equals(first));
});

test.run();
