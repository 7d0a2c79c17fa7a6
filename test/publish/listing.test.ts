import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  digestListing,
  joinListings,
  readListing,
  writeListing,
} from '../../src/publish/listing.ts';
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

test('beginListing :: has room for as many files as there are', () => {
  const many = Array.from({ length: 3000 }, (_, i) => {
    const key = `pages/${i}.html`;
    return { key, path: `/site/${key}`, bytes: i, stamp: `${i} ${i}.25 1763881234567.1233 3:${i}` };
  });

  assert.equal(readListing(writeListing(many, '/site'), '/site'), many);
});

test('joinListings :: makes one of parts, in their order', () => {
  const parts = FILES.map((file) => writeListing([file], '/site'));

  assert.equal(joinListings(parts), writeListing(FILES, '/site'));
  assert.equal(joinListings([]), writeListing([], '/site'));
});

test('digestListing :: is another when a file has another name, spelling or state', () => {
  const [first, second] = FILES as [DiskFile, DiskFile];
  const others = [
    [first],
    [second, first],
    [first, { ...second, stamp: '0 5 9 3:7' }],
    [first, { ...second, path: '/site/caf\u00e9/a b.html' }],
    [{ ...first, key: 'index.htm', path: '/site/index.htm' }, second],
  ];

  const digests = [FILES, ...others].map((files) => digestListing(writeListing(files, '/site')));

  assert.is(new Set(digests).size, 6);
});

test.run();
