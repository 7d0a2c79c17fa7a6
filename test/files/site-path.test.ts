import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { findPathFault, foldSitePath, isPlainPath, siteKeyOf } from '../../src/files/site-path.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('files/site-path');

test('siteKeyOf :: a path becomes a key with slashes, in NFC', () => {
  const keys: [string, string, string][] = [
    ['index.html', '/', 'index.html'],
    ['a/b/c.txt', '/', 'a/b/c.txt'],
    ['a\\b\\c.txt', '\\', 'a/b/c.txt'],
    ['u\u0308n\u0131.txt', '/', '\u00fcn\u0131.txt'],
    ['sub dir/a b+c%d.txt', '/', 'sub dir/a b+c%d.txt'],
    ['.well-known/x', '/', '.well-known/x'],
    ['CON', '/', 'CON'],
    ['a:b', '/', 'a:b'],
    ['...', '/', '...'],
  ];
  for (const [path, separator, key] of keys) assert.is(siteKeyOf(path, separator), key);
});

test('siteKeyOf :: names a browser cannot ask for are refused', () => {
  const refused = [
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    './a',
    'a\\b',
    'a\u0000b',
    'a\nb',
    'a\u007fb',
    'a\u0085b',
    'a\ud800b',
    'é'.repeat(128),
    `${'a/'.repeat(2048)}a`,
  ];
  for (const path of refused) {
    assert.throws(() => siteKeyOf(path), throwsCode('PATH_INVALID'), JSON.stringify(path));
  }
});

test('siteKeyOf :: the longest names pass', () => {
  assert.is(findPathFault('a'.repeat(255)), undefined);
  assert.is(findPathFault(`${'é'.repeat(127)}a`), undefined);
  assert.is(findPathFault(`${'a/'.repeat(2047)}ab`), undefined);
});

test('siteKeyOf :: what it returns is its own key, whatever the path', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (path) => {
      try {
        const key = siteKeyOf(path);
        return siteKeyOf(key) === key && findPathFault(key) === undefined;
      } catch (error) {
        return isDrayerError(error, 'PATH_INVALID');
      }
    }),
  );
});

test('foldSitePath :: names one disk cannot keep apart fold to one', () => {
  const pairs: [string, string][] = [
    ['README', 'readme'],
    ['straße', 'STRASSE'],
    ['ﬁle', 'FILE'],
    ['Ångström', 'ångstro\u0308m'],
    ['ｆｕｌｌ', 'full'],
    ['ſun', 'sun'],
    ['ΣΑΣ', 'σας'],
  ];
  for (const [a, b] of pairs) assert.is(foldSitePath(a), foldSitePath(b), `${a} ${b}`);
});

test('foldSitePath :: names every disk keeps apart stay apart', () => {
  const keys = ['a/b', 'a-b', 'a.b', 'ab', 'ä', 'a'];

  assert.is(new Set(keys.map(foldSitePath)).size, keys.length);
});

// On a disk no name is empty, and none has a slash in it.
const AWKWARD = [
  '.',
  '..',
  '...',
  '.a',
  'a.',
  'a\\b',
  'a\nb',
  '\n',
  'a b',
  'index.html',
  'é',
  '~',
  '\u007f',
];

test('isPlainPath :: what it lets pass is a key as it is', () => {
  const name = fc.oneof(
    fc.constantFrom(...AWKWARD),
    fc.string({ maxLength: 12 }).map((text) => text.replaceAll('/', '') || 'a'),
  );
  let plain = 0;
  fc.assert(
    fc.property(
      fc.array(name, { maxLength: 4 }),
      fc.array(name, { maxLength: 4 }),
      (above, names) => {
        const path = above.join('/');
        if (!isPlainPath(path) || !isPlainPath(names.join('/'))) return;
        plain += 1;
        for (const one of names) {
          const key = path === '' ? one : `${path}/${one}`;
          assert.is(siteKeyOf(key), key);
        }
      },
    ),
    { numRuns: 3000 },
  );
  assert.ok(plain > 100, `${plain} of 3000 were plain`);
});

test.run();
