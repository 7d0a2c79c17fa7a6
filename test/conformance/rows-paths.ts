/** Rows of the conformance table: from the path to the key (RFC 3986, WHATWG URL, and rules of our own). */
import type { Row } from './row.ts';

/** Path and the file it shows. */
const shown: readonly (readonly [string, string])[] = [
  ['/', 'index.html'],
  ['/?utm=1', 'index.html'],
  ['/docs/', 'docs/index.html'],
  ['/docs/api', 'docs/api'],
  ['/deep/er/and/deeper/', 'deep/er/and/deeper/index.html'],
  ['/both/', 'both/index.html'],
  ['/note.txt?', 'note.txt'],
  ['/note.txt?a=b&c=%zz', 'note.txt'],
  ['/.well-known/security.txt', '.well-known/security.txt'],
  ['/...txt', '...txt'],
  ['/dir.with.dots/file', 'dir.with.dots/file'],
];

/** As a browser writes them, and with more or less of it encoded (RFC 3986 §2.4, §6.2.2.2). */
const spelt: readonly (readonly [string, string])[] = [
  ['/%6e%6Fte.txt', 'note.txt'],
  ['/with%20space.txt', 'with space.txt'],
  ['/pl+us.txt', 'pl+us.txt'],
  ['/pl%2Bus.txt', 'pl+us.txt'],
  ['/100%25.txt', '100%.txt'],
  ['/%2541.txt', '%41.txt'],
  ['/%C3%BCn%C3%AF.txt', 'ünï.txt'],
  ['/%c3%bcn%c3%af.txt', 'ünï.txt'],
  ['/%E6%97%A5%E6%9C%AC/', '日本/index.html'],
  ['/%F0%9F%98%80.txt', '😀.txt'],
  ['/a&b=c.txt', 'a&b=c.txt'],
  ['/a%26b%3Dc.txt', 'a&b=c.txt'],
  ['/q%3Fmark.txt', 'q?mark.txt'],
  ['/hash%23.txt', 'hash#.txt'],
  ['/semi;colon.txt', 'semi;colon.txt'],
  ['/semi%3Bcolon.txt', 'semi;colon.txt'],
  ['/col:on.txt', 'col:on.txt'],
  ["/tilde~!$'(),*@.txt", "tilde~!$'(),*@.txt"],
  ['/[square]%7Bcurly%7D|^%60%22.txt', '[square]{curly}|^`".txt'],
];

/** Rules of our own: clean names, and one spelling of Unicode. */
const clean: readonly (readonly [string, string])[] = [
  ['/about', 'about.html'],
  ['/about.html', 'about.html'],
  ['/docs/guide', 'docs/guide.html'],
  ['/both', 'both.html'],
  ['/docs%2Fapi', 'docs/api'],
  ['/u%CC%88ni%CC%88.txt', 'ünï.txt'],
];

const redirected: readonly (readonly [string, string])[] = [
  ['/docs', '/docs/'],
  ['/docs?a=b', '/docs/?a=b'],
  ['/deep/er/and/deeper', '/deep/er/and/deeper/'],
  ['/%E6%97%A5%E6%9C%AC', '/%E6%97%A5%E6%9C%AC/'],
  ['/about/', '/about'],
  ['/about.html/', '/about.html'],
  ['/docs/api/', '/docs/api'],
  ['/docs/guide/?x', '/docs/guide?x'],
  ['/note.txt/', '/note.txt'],
  ['/with%20space.txt/', '/with%20space.txt'],
  ['/pl+us.txt/', '/pl%2Bus.txt'],
  // As it is typed; RFC 9112 §3.2.
  ['/100%.txt', '/100%25.txt'],
  ['/100%.txt?a=%', '/100%25.txt?a=%'],
];

/** What is there under another name is not there under this one. */
const missing: readonly string[] = [
  '/none',
  '/none.html',
  '/none/',
  '/docs/none',
  '/deep/',
  '/deep',
  '/Note.txt',
  '/NOTE.TXT',
  '/about.htm',
  '/with+space.txt',
  '/with%2520space.txt',
  '/A.txt',
  '/%2525',
  '//note.txt',
  '/docs//api',
  '/%2Fnote.txt',
  '/note.txt;x',
  '/note.txt%3Fx',
  '/note.txt%20',
  '/note.txt.',
  '/etc/passwd',
  '//etc/passwd',
  '/file:///etc/passwd',
  '/__proto__',
  '/constructor',
  '/empty-dir/',
];

/** What no file can be called. */
const refused: readonly string[] = [
  '/../note.txt',
  '/docs/../note.txt',
  '/%2e%2e/note.txt',
  '/docs/%2E%2e/note.txt',
  '/docs/..%2fnote.txt',
  '/./note.txt',
  '/%2e/note.txt',
  '/docs/..',
  '/docs/.',
  '/..%5cnote.txt',
  '/docs\\..\\note.txt',
  '/note.txt%00',
  '/note.txt%00.png',
  '/note.txt%0d%0aX-Evil:1',
  '/note.txt%7f',
  '/%c2%85',
  '/..%c0%af..%c0%afetc/passwd',
  '/%',
  '/%z',
  '/%zz',
  '/%ff',
  '/%ED%A0%80',
  '/%C3',
  `/${'../'.repeat(200)}etc/passwd`,
];

const DOCUMENT = ['Sec-Fetch-Dest: document', 'Accept: text/html'];
const SCRIPT = ['Sec-Fetch-Dest: script', 'Accept: */*'];

/** What the site says of itself in `_redirects` and `_headers`. */
const RULE_ROWS: readonly Row[] = [
  ...(
    [
      ['/moved', 301, '/note.txt'],
      ['/moved/?a=b', 301, '/note.txt?a=b'],
      ['/moved-away/a%20b/c', 302, 'https://example.org/a%20b/c'],
      ['/moved-away//evil.com', 302, 'https://example.org/%2Fevil.com'],
      ['/go/about', 307, '/about'],
      ['/go//evil.com', 307, '/%2Fevil.com'],
      ['/go/%0dx', 400, undefined],
    ] as const
  ).map(
    ([path, status, location]): Row => ({
      name: `${path} by _redirects`,
      by: 'RFC 9110 §15.4',
      path,
      status,
      expect: { location: location ?? null, 'cache-control': 'no-cache', etag: null },
      own: true,
    }),
  ),
  ...(
    [
      ['/app/users/1', DOCUMENT, 200],
      ['/app/users/1', [], 200],
      ['/app/', [], 200],
      ['/app/users/1', SCRIPT, 404],
      ['/app/users/1', ['Accept: image/png'], 404],
      ['/app/users/1', ['Sec-Fetch-Dest: empty', 'Accept: */*'], 404],
      ['/app/main.js', [], 404],
      ['/app/main.js', DOCUMENT, 404],
    ] as const
  ).map(
    ([path, headers, status]): Row => ({
      name: `${path} of an application, ${headers.join(' ') || 'asked for plainly'}`,
      by: 'RFC 9110 §12.5.5',
      path,
      headers,
      of: 'index.html',
      status,
      expect: {
        etag: status === 200 ? '{etag}' : null,
        vary: path.endsWith('.js') ? 'Accept-Encoding' : 'Accept-Encoding, Accept, Sec-Fetch-Dest',
      },
      body: { file: status === 200 ? 'index.html' : '404.html' },
      own: true,
    }),
  ),
  {
    name: '304 of a page of an application',
    by: 'RFC 9110 §15.4.5',
    path: '/app/x',
    headers: ['If-None-Match: {etag}'],
    of: 'index.html',
    status: 304,
    expect: { vary: 'Accept-Encoding, Accept, Sec-Fetch-Dest' },
    body: 'none',
    own: true,
  },
  {
    name: 'a page that says it is gone',
    by: 'RFC 9110 §15.5.11',
    path: '/closed/1',
    status: 410,
    expect: { etag: null, 'content-type': 'text/html; charset=utf-8' },
    body: { file: 'about.html' },
    own: true,
  },
  {
    name: 'a file before a rule',
    by: 'PROTOCOL.md §7',
    path: '/docs/api?rule',
    status: 200,
    body: { file: 'docs/api' },
    own: true,
  },
  {
    name: 'a lifetime the site gives',
    by: 'RFC 9111 §5.2.2',
    path: '/app.css',
    headers: ['Sec-Fetch-Dest: style'],
    status: 200,
    expect: {
      'cache-control': 'public, max-age=600, immutable',
      'set-cookie': null,
      'access-control-allow-origin': null,
    },
    body: { file: 'app.css' },
    own: true,
  },
  {
    name: '304 tells the lifetime as well',
    by: 'RFC 9110 §15.4.5',
    path: '/app.css',
    headers: ['If-None-Match: {etag}'],
    status: 304,
    expect: { 'cache-control': 'public, max-age=600, immutable' },
    own: true,
  },
  {
    name: '416 has no lifetime',
    by: 'RFC 9111 §3',
    path: '/app.css',
    headers: ['Range: bytes=9999-'],
    status: 416,
    expect: { 'cache-control': 'no-cache' },
    own: true,
  },
  {
    name: '412 has no lifetime',
    by: 'RFC 9111 §3',
    path: '/app.css',
    headers: ['If-Match: "x"'],
    status: 412,
    expect: { 'cache-control': 'no-cache' },
    own: true,
  },
  {
    name: 'a script of a service worker has no lifetime',
    by: 'RFC 9111 §5.2.2',
    path: '/app.css',
    headers: ['Service-Worker: script'],
    status: 200,
    expect: { 'cache-control': 'no-store' },
    own: true,
  },
  {
    name: 'a page is kept for an hour at most, and framed by no other site',
    by: 'RFC 9111 §5.2.2',
    path: '/docs/?rule',
    of: 'docs/index.html',
    status: 200,
    expect: {
      'cache-control': 'public, max-age=3600',
      'content-security-policy': "img-src 'self'",
      'x-frame-options': 'SAMEORIGIN',
    },
    body: { file: 'docs/index.html' },
    own: true,
  },
  {
    name: 'what is missing has no lifetime',
    by: 'RFC 9111 §4.2.2',
    path: '/docs/missing',
    status: 404,
    expect: { 'cache-control': 'no-cache', 'content-security-policy': "img-src 'self'" },
    own: true,
  },
  {
    name: 'a type the site gives',
    by: 'RFC 9110 §8.3',
    path: '/feed.xml?a',
    of: 'feed.xml',
    status: 200,
    expect: { 'content-type': 'application/rss+xml', 'x-robots-tag': 'noindex' },
    own: true,
  },
];

const shows = (by: string, own?: true) => {
  return ([path, file]: readonly [string, string]): Row => ({
    name: `${path} is ${file}`,
    by,
    path,
    of: file,
    status: 200,
    expect: { etag: '{etag}' },
    body: { file },
    own,
  });
};

/** Paths. */
export const PATH_ROWS: readonly Row[] = [
  ...shown.map(shows('RFC 3986 §3.3')),
  ...spelt.map(shows('RFC 3986 §2.4')),
  ...clean.map(shows('PROTOCOL.md §7', true)),
  ...redirected.map(
    ([path, location]): Row => ({
      name: `${path} leads to ${location}`,
      by: 'RFC 9110 §15.4.9',
      path,
      status: 308,
      expect: { location, 'cache-control': 'no-cache', etag: null },
      own: true,
    }),
  ),
  ...missing.map(
    (path): Row => ({
      name: `${path} is not there`,
      by: 'RFC 9110 §15.5.5',
      path,
      status: 404,
      expect: { 'content-type': 'text/html; charset=utf-8', etag: null, 'last-modified': null },
      body: { file: '404.html' },
      own: true,
    }),
  ),
  ...refused.map(
    (path): Row => ({
      name: `${path.slice(0, 40)} can be no file`,
      by: 'PROTOCOL.md §7',
      path,
      status: 400,
      expect: { etag: null, 'x-evil': null },
      body: /<h1>Bad request</,
      own: true,
    }),
  ),
  ...RULE_ROWS,
  {
    name: 'bytes outside ASCII that are not encoded',
    by: 'RFC 3986 §2',
    path: '/\xc3\xbcn\xc3\xaf.txt',
    status: 400,
    own: true,
  },
  {
    name: 'a path that is longer than any key',
    by: 'RFC 9110 §15.5.5',
    path: `/${'a'.repeat(8000)}`,
    status: 404,
    own: true,
  },
  {
    name: 'absolute form',
    by: 'RFC 9112 §3.2.2',
    path: 'http://{host}/note.txt',
    of: 'note.txt',
    status: 200,
    body: { file: 'note.txt' },
  },
];
