import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readListing, writeListing } from '../../src/publish/listing.ts';
import type { DiskFile } from '../../src/publish/walk.ts';

const test = suite('publish/listing');

const FILES: DiskFile[] = [
  { key: 'index.html', path: '/site/index.html', bytes: 12, stamp: '12 1 2 3:4' },
  // Composed in the key, as two code points on the disk.
  { key: 'caf\u00e9/a b.html', path: '/site/cafe\u0301/a b.html', bytes: 0, stamp: '0 5 6 3:7' },
];

test('readListing :: gives back what writeListing wrote', () => {
  assert.equal(readListing(writeListing(FILES, '/site'), '/site'), FILES);
  assert.equal(readListing(writeListing([], '/site'), '/site'), []);
});

test('writeListing :: is another text when a file has another name, spelling or state', () => {
  const [first, second] = FILES as [DiskFile, DiskFile];
  const others = [
    [first],
    [second, first],
    [first, { ...second, stamp: '0 5 9 3:7' }],
    [first, { ...second, path: '/site/caf\u00e9/a b.html' }],
    [{ ...first, key: 'index.htm', path: '/site/index.htm' }, second],
  ];

  const texts = new Set([FILES, ...others].map((files) => writeListing(files, '/site')));

  assert.is(texts.size, 6);
});

test.run();
