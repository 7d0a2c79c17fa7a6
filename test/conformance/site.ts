/** The site of the conformance table: one of each kind, and names that are awkward in a URL. */

const line = (n: number): string => `line ${n} of a text that is longer than a page\n`;

/** Above 64 KiB, so that it is streamed where it is inflated. */
const text = Array.from({ length: 2000 }, (_, n) => line(n)).join('');
/** Small: sent at once. */
const note = Array.from({ length: 40 }, (_, n) => line(n * n)).join('');
/** Stored, not compressed, over several blocks. */
const film = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 255);

const page = (title: string): string => `<!doctype html><title>${title}</title><h1>${title}</h1>\n`;

/** Site path to content. All of it may also stand in a folder on disk. */
export const FILES: Readonly<Record<string, string | Uint8Array>> = {
  'index.html': page('home'),
  'about.html': page('about'),
  'both.html': page('both, a file'),
  'both/index.html': page('both, a directory'),
  'docs/index.html': page('docs'),
  'docs/api': 'api without extension\n',
  'docs/guide.html': page('guide'),
  'deep/er/and/deeper/index.html': page('deep'),
  'empty-dir/only.txt': 'only\n',
  '404.html': page('nothing here'),
  'text.txt': text,
  'note.txt': note,
  'one.txt': '1',
  'empty.txt': '',
  'film.mp4': film,
  'pixel.png': film.subarray(0, 70),
  'app.css': 'body { color: black }\n',
  'app.mjs': 'export const one = 1;\n',
  'app.js': 'const one = 1;\n',
  'data.json': '{"one":1}\n',
  'feed.xml': '<feed/>\n',
  'drawing.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>\n',
  'program.wasm': Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0),
  'font.woff2': film.subarray(0, 300),
  'app.webmanifest': '{}\n',
  'unknown.xyzzy': 'unknown\n',
  README: 'read me\n',
  'UPPER.TXT': 'upper\n',
  'with space.txt': 'space\n',
  'pl+us.txt': 'plus\n',
  '100%.txt': 'percent\n',
  '%41.txt': 'percent forty-one\n',
  'ünï.txt': 'unicode\n',
  '日本/index.html': page('nihon'),
  '😀.txt': 'emoji\n',
  'a&b=c.txt': 'ampersand\n',
  'q?mark.txt': 'question mark\n',
  'hash#.txt': 'hash\n',
  'semi;colon.txt': 'semicolon\n',
  'col:on.txt': 'colon\n',
  "tilde~!$'(),*@.txt": 'reserved\n',
  '[square]{curly}|^`".txt': 'unwise\n',
  'dir.with.dots/file': 'dots\n',
  '...txt': 'three dots\n',
  _redirects: [
    '/moved /note.txt',
    '/moved-away/* https://example.org/:splat 302',
    '/go/* /:splat 307',
    '/app/* /index.html 200',
    '/closed/* /about.html 410',
    '/docs/api /nowhere',
    '',
  ].join('\n'),
  _headers: [
    '/app.css',
    '  Cache-Control: public, max-age=600, immutable',
    '  Set-Cookie: a=b',
    '  Access-Control-Allow-Origin: *',
    '/docs/*',
    '  Cache-Control: public, max-age=99999999, immutable',
    "  Content-Security-Policy: img-src 'self'; frame-ancestors *",
    '/feed.xml',
    '  Content-Type: application/rss+xml',
    '  X-Robots-Tag: noindex',
    '',
  ].join('\n'),
  '.well-known/security.txt': 'Contact: nobody\n',
};

/** 6 November 1994, 08:49:37 GMT: when all of them were last modified. */
export const LAST_MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT';
