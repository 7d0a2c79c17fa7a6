import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { crc32, crc32ByTable } from '../../src/files/crc32.ts';

const test = suite('files/crc32');

test('crc32 :: the check value of the catalogue comes out', () => {
  assert.is(crc32(Buffer.from('123456789')), 0xcbf43926);
});

test('crc32ByTable :: it agrees with the one built into Node', () => {
  assert.is(crc32ByTable(Buffer.from('123456789')), 0xcbf43926);
  fc.assert(fc.property(fc.uint8Array(), (bytes) => crc32ByTable(bytes) === crc32(bytes)));
});

test.run();
