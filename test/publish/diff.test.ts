import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SignedRecord } from '../../src/core/record.ts';
import { diffSite } from '../../src/publish/diff.ts';
import type { DiskFile } from '../../src/publish/walk.ts';
import type { StatEntry } from '../../src/store/stat-cache.ts';

const test = suite('publish/diff');

test('diffSite :: only a known stamp of the value that is held spares the reading', () => {
  const files = ['same', 'touched', 'other-value', 'unknown', 'new'].map((key) =>
    fileOf(key, 's1'),
  );
  const known = mapOf([
    entryOf('same', 's1', 1),
    entryOf('touched', 's0', 2),
    entryOf('other-value', 's1', 9),
    entryOf('new', 's1', 5),
  ]);
  const records = mapOf([
    recordOf('same', 1),
    recordOf('touched', 2),
    recordOf('other-value', 3),
    recordOf('unknown', 4),
  ]);

  const diff = diffSite(files, { known, records });

  assert.is(diff.unchanged, 1);
  assert.equal(
    diff.doubtful.map(({ file, record }) => [file.key, record?.hash[0]]),
    [
      ['touched', 2],
      ['other-value', 3],
      ['unknown', 4],
      ['new', undefined],
    ],
  );
  assert.equal(diff.removed, []);
});

test('diffSite :: records without a file are removed, sorted', () => {
  const records = mapOf([recordOf('z', 1), recordOf('a', 2), recordOf('m', 3)]);

  const diff = diffSite([fileOf('m', 's')], { known: new Map(), records });

  assert.equal(diff.removed, ['a', 'z']);
});

function fileOf(key: string, stamp: string): DiskFile {
  return { key, path: `/${key}`, bytes: 1, stamp };
}

function entryOf(key: string, stamp: string, value: number): StatEntry {
  return { key, stamp, valueHash: new Uint8Array(32).fill(value) };
}

function recordOf(key: string, value: number): SignedRecord {
  const hash = new Uint8Array(32).fill(value);
  const times = { timestamp: 0, modified: value, prevChange: 0 };
  return { id: value, type: 'file', key, hash, prev: 0, signature: new Uint8Array(64), ...times };
}

function mapOf<T extends { readonly key: string }>(rows: readonly T[]): Map<string, T> {
  return new Map(rows.map((row) => [row.key, row]));
}

test.run();
