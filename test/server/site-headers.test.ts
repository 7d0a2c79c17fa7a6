import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { safeHeader } from '../../src/server/safe-header.ts';
import { headersFor, parseSiteHeaders } from '../../src/server/site-headers.ts';

const test = suite('server/site-headers');

const kept: readonly (readonly [string, string, string])[] = [
  ['Cache-Control', 'public, max-age=600', 'public, max-age=600'],
  ['cache-control', 'PUBLIC,MAX-AGE=31536000,immutable', 'public, max-age=31536000, immutable'],
  ['Cache-Control', 'max-age=9999999999', 'max-age=31536000'],
  ['Cache-Control', 'no-store', 'no-store'],
  ['Content-Type', 'application/json; charset=utf-8', 'application/json; charset=utf-8'],
  ['Content-Language', 'de, en-GB', 'de, en-GB'],
  ['Content-Disposition', 'attachment; filename="a b.txt"', 'attachment; filename="a b.txt"'],
  ['X-Robots-Tag', 'noindex', 'noindex'],
  ['Link', '</a.css>; rel=preload; as=style', '</a.css>; rel=preload; as=style'],
  ['X-Frame-Options', 'deny', 'DENY'],
  ['Referrer-Policy', 'no-referrer', 'no-referrer'],
  ['Cross-Origin-Embedder-Policy', 'require-corp', 'require-corp'],
  ['Permissions-Policy', 'camera=()', 'camera=()'],
  ['SourceMap', '/a.js.map', '/a.js.map'],
  ['Content-Security-Policy', "default-src 'self'; img-src *", "default-src 'self'; img-src *"],
  ['Content-Security-Policy', "frame-ancestors 'none'", "frame-ancestors 'none'"],
  ['Content-Security-Policy', "default-src 'self'; frame-ancestors *", "default-src 'self'"],
  ['Content-Security-Policy', "a b; FRAME-ancestors 'self' https://x.org", 'a b'],
  ['Content-Security-Policy', 'upgrade-insecure-requests; img-src *', 'img-src *'],
];

for (const [name, value, expected] of kept) {
  test(`safeHeader :: ${name}: ${value}`, () => {
    assert.is(safeHeader(name, value)?.value, expected);
  });
}

const refused: readonly (readonly [string, string])[] = [
  ['Set-Cookie', 'a=b'],
  ['Clear-Site-Data', '"*"'],
  ['Service-Worker-Allowed', '/'],
  ['Strict-Transport-Security', 'max-age=31536000; includeSubDomains'],
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Allow-Credentials', 'true'],
  ['Timing-Allow-Origin', '*'],
  ['Cross-Origin-Resource-Policy', 'cross-origin'],
  ['Cross-Origin-Opener-Policy', 'unsafe-none'],
  ['Origin-Agent-Cluster', '?0'],
  ['X-Content-Type-Options', 'sniff'],
  ['X-Frame-Options', 'ALLOWALL'],
  ['X-Frame-Options', 'ALLOW-FROM https://x.org'],
  ['Referrer-Policy', 'unsafe-url'],
  ['Location', '/x'],
  ['Refresh', '0; url=/x'],
  ['Alt-Svc', 'h3=":443"'],
  ['Content-Encoding', 'br'],
  ['Content-Length', '0'],
  ['Transfer-Encoding', 'chunked'],
  ['Connection', 'close'],
  ['ETag', '"x"'],
  ['Last-Modified', 'Sun, 06 Nov 1994 08:49:37 GMT'],
  ['Vary', '*'],
  ['Status', '500'],
  // Orders for the proxy in front.
  ['X-Accel-Redirect', '/etc/passwd'],
  ['X-Sendfile', '/etc/passwd'],
  ['X-Anything', 'x'],
  ['__proto__', 'x'],
  ['constructor', 'x'],
  ['', 'x'],
  ['Content-Type', 'multipart/x-mixed-replace; boundary=x'],
  ['Content-Type', 'message/rfc822'],
  ['Content-Type', 'text/html; charset="x'],
  ['Content-Type', 'html'],
  ['Content-Disposition', 'attachment; filename="../x"'],
  ['Cache-Control', 'max-age=-1'],
  ['Cache-Control', 'public, banana'],
  ['Content-Security-Policy', "default-src 'self', frame-ancestors *"],
  ['Content-Security-Policy', 'frame-ancestors *'],
  ['Content-Security-Policy', "frame-ancestors 'self' *"],
  ['Link', 'a\r\nSet-Cookie: b=c'],
  ['Link', 'ü'],
  ['Link', ''],
  ['Link', 'x'.repeat(3000)],
];

for (const [name, value] of refused) {
  test(`safeHeader :: ${name}: ${JSON.stringify(value.slice(0, 50))} is refused`, () => {
    assert.is(safeHeader(name, value), undefined);
  });
}

const text = `# all of it
/*
  X-Robots-Tag: noindex
  Link: </a.css>; rel=preload
/assets/*
  Cache-Control: public, max-age=31536000, immutable
  Link: </b.css>; rel=preload
/assets/late.js
  Cache-Control: no-store
/feed
  Content-Type: application/atom+xml
`;

const told = (path: string, type = 'text/plain', isFound = true): Record<string, string> =>
  Object.fromEntries(headersFor(parseSiteHeaders(text), path, { type, isFound }));

test('headersFor :: all rules that fit, lists joined, the last of the others', () => {
  assert.equal(told('/x'), { 'X-Robots-Tag': 'noindex', Link: '</a.css>; rel=preload' });
  assert.equal(told('/assets/a.js'), {
    'X-Robots-Tag': 'noindex',
    Link: '</a.css>; rel=preload, </b.css>; rel=preload',
    'Cache-Control': 'public, max-age=31536000, immutable',
  });
  assert.is(told('/assets/late.js')['Cache-Control'], 'no-store');
  assert.is(told('/feed')['Content-Type'], 'application/atom+xml');
});

test('headersFor :: pages are not kept for long', () => {
  assert.is(told('/assets/a', 'text/html; charset=utf-8')['Cache-Control'], 'public, max-age=3600');
});

test('headersFor :: what is said of files is not said of the page that there is none', () => {
  assert.equal(Object.keys(told('/assets/a', 'text/html', false)), ['X-Robots-Tag', 'Link']);
});

test('parseSiteHeaders :: what is not understood is named by its line', () => {
  const rules = parseSiteHeaders(
    '  X-Robots-Tag: early\nhttps://x.org/*\n  X-Robots-Tag: lost\n/a\n  Set-Cookie: a=b\n  no colon\n  X-Robots-Tag: kept\r\n',
  );

  assert.equal(rules.ignored, [1, 2, 3, 5, 6]);
  assert.equal(Object.fromEntries(headersFor(rules, '/a', { type: '', isFound: true })), {
    'X-Robots-Tag': 'kept',
  });
});

test('parseSiteHeaders :: what is too much does not count', () => {
  const paths = Array.from({ length: 105 }, (_, n) => `/${n}`).join('\n');
  const headers = `/a\n${'  X-Robots-Tag: x\n'.repeat(25)}`;

  assert.is(parseSiteHeaders(paths).ignored.length, 5);
  assert.is(parseSiteHeaders(headers).ignored.length, 5);
});

test.run();
