import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { changedMs, stampOf } from '../../src/publish/disk-stat.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('publish/disk-stat');

test(
  'stampOf :: both kinds of stat of a file give the same, and another time another',
  scope((t) => {
    const path = t.path('file');
    writeFileSync(path, 'content');
    const seen = new Set<string>();
    for (let i = 0; i < 500; i += 1) {
      // Micros apart, and seconds, in no particular pattern; before 1970 too.
      utimesSync(path, 0, (i - 50) * 86_400.123_457 + i * 0.000_001);
      const stamp = stampOf(statSync(path));
      assert.is(stampOf(statSync(path, { bigint: true })), stamp);
      seen.add(stamp);
    }
    assert.is(seen.size, 500);
  }),
);

test(
  'changedMs :: is the change time of the stat a stamp was made of',
  scope((t) => {
    writeFileSync(t.path('file'), '');
    const stat = statSync(t.path('file'));
    assert.is(changedMs(stampOf(stat)), stat.ctimeMs);
  }),
);

test.run();
