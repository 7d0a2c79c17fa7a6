import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseEncoding } from '../../src/server/choose-encoding.ts';

const test = suite('server/choose-encoding');

const cases: readonly (readonly [string | undefined, 'gzip' | 'identity'])[] = [
  [undefined, 'identity'],
  ['', 'identity'],
  ['gzip', 'gzip'],
  ['GZIP', 'gzip'],
  ['x-gzip', 'gzip'],
  ['gzip, deflate, br, zstd', 'gzip'],
  ['br', 'identity'],
  ['*', 'gzip'],
  ['*;q=0', 'identity'],
  ['*;q=0, gzip', 'gzip'],
  ['gzip;q=0', 'identity'],
  ['gzip;q=0, *', 'identity'],
  ['gzip; q=0.000', 'identity'],
  ['gzip;q=0.001', 'gzip'],
  ['gzip ; q=1.0', 'gzip'],
  ['identity;q=1, *;q=0', 'identity'],
  ['identity;q=1, gzip;q=0.5', 'identity'],
  ['identity;q=0.5, gzip;q=0.5', 'gzip'],
  ['identity;q=0', 'identity'],
  ['identity;q=0, gzip', 'gzip'],
  ['gzip;q=banana', 'identity'],
  ['gzip;q=2', 'identity'],
  ['gzipped', 'identity'],
  // §12.4.2: at most three digits, and nothing above 1.
  ['gzip;q=1.5', 'identity'],
  ['gzip;q=0.1234', 'identity'],
  ['gzip;q=-1', 'identity'],
  ['gzip;q=1.000', 'gzip'],
  ['gzip;q=0.', 'identity'],
  ['gzip;q=1.', 'gzip'],
  ['gzip;Q=0.5', 'gzip'],
  ['gzip;q=0.5;x=1', 'identity'],
  // `*` is for all that is not named.
  ['*, gzip;q=0.5', 'identity'],
  ['*;q=0.1, gzip;q=0.5', 'gzip'],
  ['*;q=0.5', 'gzip'],
  ['*, identity;q=0', 'gzip'],
  ['*;q=0, identity', 'identity'],
  ['x-gzip;q=0, *', 'identity'],
  [' ,, gzip ,', 'gzip'],
  ['gzip\t;\tq=1', 'gzip'],
  ['compress, deflate', 'identity'],
  ['g zip', 'identity'],
  [`${'gzip;q=0,'.repeat(2000)}br`, 'identity'],
];

for (const [header, expected] of cases) {
  test(`chooseEncoding :: ${header?.slice(0, 60) ?? 'no header'} gets ${expected} (RFC 9110 §12.5.3)`, () => {
    assert.is(chooseEncoding(header), expected);
  });
}

test.run();
