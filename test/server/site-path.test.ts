/** From URL to key: what a browser makes of a name leads to that name and no other. */
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeSitePath } from '../../src/files/path-candidates.ts';
import { decodeSitePath, encodeLonePercents } from '../../src/server/site-path.ts';
import { scaled } from '../helpers/scale.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('server/site-path');

/** Any name a file can have: no control character, no backslash, no dot segment. */
const awkward = fc.constantFrom(...'%+ #?&=;:@~!$\'()*,[]{}|^`"<>./ü日😀\u0301\u200f\ufeff%%2Fa');
const keys = fc
  .array(fc.oneof(awkward, fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 12 })
  .map((parts) => parts.join(''))
  .filter((key) => key.isWellFormed() && !key.includes('\\') && isClean(key));

function isClean(key: string): boolean {
  const isControl = [...key].some((one) => /\p{Cc}/u.test(one));
  return !isControl && !key.split('/').some((one) => one === '.' || one === '..');
}

function throughBrowser(path: string): string {
  return new URL(`http://site.invalid${path}`).pathname.slice(1);
}

test('decodeSitePath :: a link written by us leads to its key, whatever the key', () => {
  fc.assert(
    fc.property(keys, (key) => {
      const path = throughBrowser(encodeSitePath(key));

      assert.is(encodeLonePercents(path), path);
      assert.is(decodeSitePath(path), key);
    }),
    { numRuns: scaled(2000) },
  );
});

test('decodeSitePath :: what a person types leads to its key, but for what ends a path', () => {
  const typed = keys.filter((key) => !/[?#\t\n\r]|%[0-9a-f]{2}/i.test(key) && key === key.trim());
  fc.assert(
    fc.property(typed, (key) => {
      const path = throughBrowser(`/${key}`);
      // A browser takes an encoded dot for a dot.
      fc.pre(!/%2e/i.test(path));

      assert.is(decodeSitePath(encodeLonePercents(path)), key);
    }),
    { numRuns: scaled(2000) },
  );
});

const refused: readonly string[] = [
  ...['.', '..', 'a/..', 'a/../b', './a', '%2e', '%2E%2e/a', 'a/%2e%2E', '..%2fa', '%2e%2e%2f'],
  ...['a\\b', 'a%5cb', '%5C', '%00', 'a%00.png', '%0d%0aX: y', '%1f', '%7f', '%C2%80', '%c2%9f'],
  ...[
    '%ff',
    '%C3',
    '%C3%28',
    '%c0%af',
    '%e0%80%af',
    '%ED%A0%80',
    '%F4%90%80%80',
    '%F8%88%80%80%80',
  ],
  ...['%', '%z', '%4', 'a%', '%%', '%u0041'],
];

for (const path of refused) {
  test(`decodeSitePath :: ${path} is the path of no file`, () => {
    assert.throws(() => decodeSitePath(path), throwsCode('PATH_INVALID'));
  });
}

const kept: readonly (readonly [string, string])[] = [
  ['', ''],
  ['...', '...'],
  ['a..', 'a..'],
  ['%252e%252e', '%2e%2e'],
  ['a//b', 'a//b'],
  ['a%2Fb', 'a/b'],
  ['+', '+'],
  ['%2B', '+'],
  ['%E2%80%AE', '\u202e'],
  ['%EF%BB%BF', '\ufeff'],
  ['e%CC%81', 'e\u0301'],
];

for (const [path, key] of kept) {
  test(`decodeSitePath :: ${path} is ${JSON.stringify(key)}, decoded once and not changed`, () => {
    assert.is(decodeSitePath(path), key);
  });
}

test('encodeLonePercents :: encodes what encodes nothing', () => {
  assert.is(encodeLonePercents('100%.txt'), '100%25.txt');
  assert.is(encodeLonePercents('%41%4%%zz%'), '%41%254%25%25zz%25');
  assert.is(encodeLonePercents('%E2%80%AE'), '%E2%80%AE');
});

test.run();
