import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeDataDir } from '../../src/mirror/data-dir.ts';
import { scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('mirror/data-dir');

test(
  'makeDataDir :: makes what is missing, for this user alone, and leaves what is there',
  scope((t) => {
    makeDataDir(t.path('a', 'b', 'c'));
    makeDataDir(t.path('a', 'b', 'c'));

    for (const made of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
      assert.is(statSync(t.path(...made)).mode & 0o777, 0o700);
    }
  }),
);

test(
  'makeDataDir :: says where it cannot be made, at once',
  scope((t) => {
    writeFileSync(t.path('file'), '');
    const places = [t.path('file'), t.path('file', 'x')];
    // Where Node's own way of making folders never comes to an end.
    if (process.platform === 'linux') places.push('/proc/drayer', join('/proc', 'drayer', 'deep'));

    for (const place of places) {
      assert.throws(() => makeDataDir(place), throwsCode('STORAGE_FAILED'));
    }
  }),
);

test.run();
