import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { matchPattern, type PathPattern, parsePattern } from '../../src/files/path-pattern.ts';
import { findLead, MOST_PATTERNS, parseRedirects } from '../../src/files/site-redirects.ts';
import { scaled } from '../helpers/scale.ts';

const test = suite('files/site-redirects');

const matched: readonly (readonly [string, string, Record<string, string> | undefined])[] = [
  ['/a', '/a', {}],
  ['/a', '/a/', {}],
  ['/a/', '/a', {}],
  ['/a', '/a/b', undefined],
  ['/a', '/A', undefined],
  ['/', '/', {}],
  ['/%C3%BC', '/ü', {}],
  ['/ü', '/ü', {}],
  ['/a%20b', '/a b', {}],
  ['/*', '/', { splat: '' }],
  ['/*', '/a/b/', { splat: 'a/b/' }],
  ['/a/*', '/a', { splat: '' }],
  ['/a/*', '/a/', { splat: '' }],
  ['/a/*', '/a/b/c', { splat: 'b/c' }],
  ['/a/*', '/ab', undefined],
  ['/a/pre*', '/a/prefix/x', { splat: 'fix/x' }],
  ['/a/pre*', '/a/pr', undefined],
  ['/*.php', '/x/y.php', { splat: 'x/y' }],
  ['/*.php', '/php', undefined],
  ['/a*a', '/a', undefined],
  ['/a*a', '/aa', { splat: '' }],
  ['/news/:year/:slug', '/news/2026/hello', { year: '2026', slug: 'hello' }],
  ['/news/:year/:slug', '/news/2026/', undefined],
  ['/news/:year/*', '/news/2026/a/b', { year: '2026', splat: 'a/b' }],
  ['/:a/x', '//x', undefined],
  ['/x:y', '/x:y', {}],
];

for (const [pattern, path, expected] of matched) {
  test(`matchPattern :: ${pattern} and ${path}`, () => {
    const parsed = parsePattern(pattern);
    assert.ok(parsed);

    const captures = matchPattern(parsed, path);

    assert.equal(captures && Object.fromEntries(captures), expected);
  });
}

for (const text of ['', 'a', '*', '/*/*', '/a**', '/*/:name', '/%zz', '/*%ff', 'https://x.org/']) {
  test(`parsePattern :: ${JSON.stringify(text)} is none`, () => {
    assert.is(parsePattern(text), undefined);
  });
}

test('matchPattern :: takes time in proportion to the path, whatever the pattern', () => {
  const patterns = ['/*a', '/a*a', '/:a/:b/:c/*z'].map((text) => parsePattern(text));
  const path = `/${'a'.repeat(1_000_000)}`;
  const started = performance.now();

  for (const pattern of patterns) assert.ok(pattern && matchPattern(pattern, path) !== null);

  // Backtracking would take hours.
  assert.ok(performance.now() - started < 2000);
});

test('matchPattern :: all short paths, as if they were taken apart whole', () => {
  const paths = wordsOf(['/', 'a', 'b'], 5).map((word) => `/${word}`);
  const patterns = wordsOf(['/', 'a', ':x', '*'], 3).flatMap(
    (word) => parsePattern(`/${word}`) ?? [],
  );
  let matches = 0;

  for (const pattern of patterns) {
    for (const path of paths) {
      const captures = matchPattern(pattern, path);
      matches += captures === undefined ? 0 : 1;
      assert.equal(captures && [...captures], expectedOf(pattern, path), path);
    }
  }

  assert.ok(matches > 500 && matches < patterns.length * paths.length, `${matches}`);
});

/** All words of up to so many pieces. */
function wordsOf(pieces: readonly string[], most: number): string[] {
  const shorter = most === 0 ? [] : wordsOf(pieces, most - 1);
  return ['', ...shorter.flatMap((word) => pieces.map((piece) => word + piece))];
}

/** The definition: segment by segment, and what is left is the `*`. */
function expectedOf({ segments, rest }: PathPattern, path: string): [string, string][] | undefined {
  const given = path.slice(1).split('/');
  if (rest === undefined && given.at(-1) === '') given.pop();
  if (given.length < segments.length) return undefined;
  if (rest === undefined && given.length > segments.length) return undefined;
  const found = new Map<string, string>();
  for (const [at, segment] of segments.entries()) {
    const part = given[at] ?? '';
    if ('text' in segment ? part !== segment.text : part === '') return undefined;
    if ('name' in segment) found.set(segment.name, part);
  }
  if (rest === undefined) return [...found];
  const text = given.slice(segments.length).join('/');
  const { prefix, suffix } = rest;
  const isLong = text.length >= prefix.length + suffix.length;
  if (!isLong || !text.startsWith(prefix) || !text.endsWith(suffix)) return undefined;
  return [...found.set('splat', text.slice(prefix.length, text.length - suffix.length))];
}

/** One line, a key, and where it leads: `STATUS LOCATION` or `STATUS file KEY`. */
const led: readonly (readonly [string, string, string | undefined])[] = [
  ['/old /new', 'old', '301 /new'],
  ['/old /new', 'old/', '301 /new'],
  ['/old /new', 'older', undefined],
  ['/old /new 302', 'old', '302 /new'],
  ['/old /new 303', 'old', '303 /new'],
  ['/old /new 307', 'old', '307 /new'],
  ['  /old\t/new   308  # moved', 'old', '308 /new'],
  ['/old /new#part', 'old', '301 /new#part'],
  ['/old /new?a=b', 'old', '301 /new?a=b'],
  ['/old https://example.org/new', 'old', '301 https://example.org/new'],
  ['/old https://example.org', 'old', '301 https://example.org'],
  ['/old https://example.org:8080/x', 'old', '301 https://example.org:8080/x'],
  ['/a/* /b/:splat', 'a/c/d', '301 /b/c/d'],
  ['/a/* /b/:splat', 'a/ü x', '301 /b/%C3%BC%20x'],
  ['/a/* https://example.org/:splat', 'a//evil.com', '301 https://example.org/%2Fevil.com'],
  // Not `//evil.com`, which is another host.
  ['/go/* /:splat', 'go//evil.com', '301 /%2Fevil.com'],
  ['/go/* /:splat', 'go/https://evil.com', '301 /https%3A//evil.com'],
  ['/go/* /find?q=:splat', 'go/a&b=c', '301 /find?q=a%26b%3Dc'],
  ['/:year/:slug /blog/:slug/:year', '2026/x', '301 /blog/x/2026'],
  ['/:year/x /blog/:unknown', '2026/x', '301 /blog/:unknown'],
  ['/old /neü 301', 'old', '301 /ne%C3%BC'],
  ['/old /a"b<c>', 'old', '301 /a%22b%3Cc%3E'],
  // Where it is asked for it leads nowhere.
  ['/a/* /a/', 'a/', undefined],
  ['/a/* /a/', 'a/b', '301 /a/'],
  ['/* /:splat', 'x', undefined],
  ['/old /pl+us', 'old', '301 /pl+us'],
  ['/pl+us /pl+us', 'pl+us', undefined],
  ['/* /index.html 200', 'users/1', '200 file index.html'],
  ['/* /index.html 200', '', '200 file index.html'],
  ['/api/* /static/:splat.json 200', 'api/a', '200 file static/a.json'],
  ['/x /files/a%20b.txt?c 200', 'x', '200 file files/a b.txt'],
  ['/gone/* /gone.html 410', 'gone/1', '410 file gone.html'],
  ['/* /404.html 404', 'x', '404 file 404.html'],
  ['/law /law.html 451', 'law', '451 file law.html'],
];

for (const [line, key, expected] of led) {
  test(`findLead :: ${line.trim()} for ${key}`, () => {
    const lead = findLead(parseRedirects(line), key);

    const told =
      lead &&
      (lead.kind === 'redirect' ? lead.location : `file ${lead.key}`).replace(
        /^/,
        `${lead.status} `,
      );
    assert.is(told, expected);
  });
}

test('findLead :: the first rule that fits counts, exact or not', () => {
  const rules = parseRedirects('/a/x /1\n/a/* /2\n/a/y /3\n/b/* /4\n/b/x /5\n/a/x /6\n');

  assert.equal(
    ['a/x', 'a/y', 'b/x'].map(
      (key) => findLead(rules, key)?.kind === 'redirect' && findLead(rules, key),
    ),
    [
      { kind: 'redirect', location: '/1', status: 301 },
      { kind: 'redirect', location: '/2', status: 301 },
      { kind: 'redirect', location: '/4', status: 301 },
    ],
  );
});

const ignored: readonly string[] = [
  '/a',
  'a /b',
  '/a b',
  '/a //evil.com/',
  '/a javascript:alert(1)',
  '/a data:text/html,x',
  '/a ftp://example.org/',
  '/a https://:splat/',
  '/* https://:splat.example.org/',
  '/* https://example.org:splat/',
  '/* https://user@example.org/',
  '/* https:/example.org/',
  '/a https://example.org/ 200',
  '/a /b 301!',
  '/a /b 500',
  '/a /b 200.5',
  '/a /b banana',
  '/a /b 301 Country=de',
  '/a id=:id /b/:id 301',
  '/*/* /b',
  '/* /b/:splat 301 Language=de',
  '/%zz /b',
];

for (const line of ignored) {
  test(`parseRedirects :: ${line} does not count, and is named`, () => {
    const rules = parseRedirects(`# first\n${line}\n/kept /well\n`);

    assert.equal(
      rules.ignored.map((one) => one.line),
      [2],
    );
    assert.equal(findLead(rules, 'kept'), { kind: 'redirect', location: '/well', status: 301 });
    assert.is(rules.exact.size + rules.patterns.length, 1);
  });
}

test('parseRedirects :: blank lines, comments and Windows line ends say nothing', () => {
  const rules = parseRedirects('\r\n# note\r\n  # another\r\n/a /b 302\r\n\r\n');

  assert.equal(rules.ignored, []);
  assert.equal(findLead(rules, 'a'), { kind: 'redirect', location: '/b', status: 302 });
});

test('parseRedirects :: what is too much does not count', () => {
  const patterns = Array.from({ length: MOST_PATTERNS + 5 }, (_, n) => `/${n}/* /x`);
  const exact = Array.from({ length: 1100 }, (_, n) => `/e${n} /x`);

  assert.is(parseRedirects(patterns.join('\n')).ignored.length, 5);
  assert.is(parseRedirects(exact.join('\n')).ignored.length, 100);
});

const pieces = fc.oneof(
  fc.constantFrom(
    '/',
    '//',
    '*',
    ':a',
    ':splat',
    '/:a/',
    ' ',
    '\t',
    '\n',
    '\r',
    '#',
    '?',
    '&',
    '%2F',
  ),
  fc.constantFrom(
    'https://',
    'example.org',
    'javascript:',
    '\\',
    '@',
    ':',
    '200',
    '301!',
    '302',
    'é',
    '%',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const texts = fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join(''));

test('findLead :: whatever is written and asked for, a Location is a path of the site or what is written', () => {
  const hosts = /^https?:\/\/[a-z0-9.-]+(?::\d+)?(?=[/?#]|$)/i;
  let found = 0;
  fc.assert(
    fc.property(texts, texts, texts, (before, to, key) => {
      const text = `${before}\n/* /${to}\n/x/* https://example.org/${to}\n`;
      const lead = findLead(parseRedirects(text), key);

      if (lead?.kind !== 'redirect') return;
      found += 1;
      assert.match(lead.location, /^[\x21-\x7e]+$/);
      const host = hosts.exec(lead.location)?.[0];
      // The host stands in the text itself: no part of the path has become one.
      if (host === undefined) assert.match(lead.location, /^\/(?![/\\])/);
      else assert.ok(text.includes(host), `${host} in ${JSON.stringify(text)}`);
    }),
    { numRuns: scaled(3000) },
  );
  assert.ok(found > 300, `${found} redirects`);
});

test.run();
