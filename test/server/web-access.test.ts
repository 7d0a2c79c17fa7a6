import { gunzipSync, gzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { decodeFile, encodeFile, isStoredGzip } from '../../src/files/file-record.ts';
import { KEY_A } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { type Serving, serve } from '../helpers/serving.ts';
import { makeSite, NOVEMBER } from '../helpers/site.ts';

const test = suite('server/web-access');

const label = formatStreamId(KEY_A.publicKey, 'base32');
const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}/webAccess`;
// Above 64 KiB, so that it is streamed; small ones are not.
const text = 'line of text\n'.repeat(8000);
const note = Array.from({ length: 300 }, (_, i) => `${i * i * 7919}\n`).join('');
const noise = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 255);

/** Serves one site; requests go to its own origin. */
function site(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (get: Serving['get'], serving: Serving) => Promise<void>,
): () => Promise<void> {
  return scope(async (t) => {
    const { path } = makeSite(t, files);
    const serving = await serve(t, [{ path }]);
    const host = `${label}.localhost:${serving.port}`;
    await body((requested, options) => serving.get(requested, { host, ...options }), serving);
    assert.equal(serving.errors, []);
  });
}

test(
  'webAccess :: gzip goes out as it is stored to who takes it, inflated to who does not',
  site({ 'a.txt': text }, async (get) => {
    const asStored = await get('/a.txt', { headers: ['Accept-Encoding: br, gzip;q=0.5'] });
    const inflated = await get('/a.txt', { headers: ['Accept-Encoding: gzip;q=0'] });

    assert.is(asStored.headers['content-encoding'], 'gzip');
    assert.is(gunzipSync(asStored.body).toString(), text);
    assert.is(Number(asStored.headers['content-length']), asStored.body.length);
    assert.is(inflated.headers['content-encoding'], undefined);
    assert.is(inflated.body.toString(), text);
    assert.is(Number(inflated.headers['content-length']), text.length);
    for (const one of [asStored, inflated]) {
      assert.is(one.status, 200);
      assert.is(one.headers['vary'], 'Accept-Encoding');
      assert.is(one.headers['content-type'], 'text/plain; charset=utf-8');
      assert.is(one.headers['last-modified'], 'Sun, 06 Nov 1994 08:49:37 GMT');
    }
    assert.is.not(asStored.headers['etag'], inflated.headers['etag']);
  }),
);

test(
  'webAccess :: each form has its own strong tag, and only that one gets 304 (T065)',
  site({ 'a.txt': text }, async (get) => {
    const gzip = 'Accept-Encoding: gzip';
    const stored = (await get('/a.txt', { headers: [gzip] })).headers['etag'] ?? '';
    const plain = (await get('/a.txt')).headers['etag'] ?? '';
    const ask = async (...headers: string[]): Promise<number> =>
      (await get('/a.txt', { headers })).status;

    assert.match(stored, /^"[0-9a-f]{64}"$/);
    assert.match(plain, /^"[0-9a-f]{64}-id"$/);
    assert.is(await ask(gzip, `If-None-Match: ${stored}`), 304);
    assert.is(await ask(gzip, `If-None-Match: ${plain}`), 200);
    assert.is(await ask(`If-None-Match: ${plain}`), 304);
    assert.is(await ask(`If-None-Match: ${stored}`), 200);
    assert.is(await ask(`If-None-Match: "x", W/${plain}`), 304);
    assert.is(await ask('If-None-Match: *'), 304);
    assert.is(await ask(`If-Match: ${plain}`), 200);
    assert.is(await ask('If-Match: "x"'), 412);
    assert.is(await ask('If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT'), 304);
    assert.is(await ask('If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT'), 200);
  }),
);

test(
  'webAccess :: 304 has no body and keeps what a cache needs',
  site({ 'a.txt': text }, async (get) => {
    const etag = (await get('/a.txt')).headers['etag'] ?? '';

    const response = await get('/a.txt', { headers: [`If-None-Match: ${etag}`] });

    assert.is(response.body.length, 0);
    assert.is(response.headers['etag'], etag);
    assert.is(response.headers['vary'], 'Accept-Encoding');
    assert.is(response.headers['cache-control'], 'no-cache');
    assert.is(response.headers['content-encoding'], undefined);
  }),
);

test(
  'webAccess :: HEAD has the headers of GET and no body',
  site({ 'a.txt': text, 'b.png': noise }, async (get) => {
    for (const path of ['/a.txt', '/b.png', '/none', '/?x']) {
      for (const headers of [[], ['Accept-Encoding: gzip']]) {
        const full = await get(path, { headers });
        const head = await get(path, { headers, method: 'HEAD' });

        assert.is(head.status, full.status);
        assert.is(head.body.length, 0);
        const { date: _, ...expected } = full.headers;
        const { date: __, ...actual } = head.headers;
        assert.equal(actual, expected, path);
      }
    }
  }),
);

const ranges: readonly (readonly [string, number, string, (content: Buffer) => Buffer])[] = [
  ['bytes=0-0', 206, 'bytes 0-0/SIZE', (content) => content.subarray(0, 1)],
  ['bytes=10-19', 206, 'bytes 10-19/SIZE', (content) => content.subarray(10, 20)],
  ['bytes=100-', 206, 'bytes 100-LAST/SIZE', (content) => content.subarray(100)],
  ['bytes=-5', 206, 'bytes FIVE-LAST/SIZE', (content) => content.subarray(-5)],
  ['bytes=-9999999', 206, 'bytes 0-LAST/SIZE', (content) => content],
  ['bytes=5-9999999', 206, 'bytes 5-LAST/SIZE', (content) => content.subarray(5)],
  ['bytes=9999999-', 416, 'bytes */SIZE', () => Buffer.alloc(0)],
  ['bytes=-0', 416, 'bytes */SIZE', () => Buffer.alloc(0)],
  ['bytes=0-1,5-6', 200, '', (content) => content],
  ['bytes=9-1', 200, '', (content) => content],
  ['lines=1-2', 200, '', (content) => content],
];

for (const [range, status, contentRange, part] of ranges) {
  test(
    `webAccess :: ${range} of every form (RFC 9110 §14, T063)`,
    site({ 'text.txt': text, 'note.txt': note, 'film.mp4': noise }, async (get) => {
      for (const path of ['/text.txt', '/note.txt', '/film.mp4']) {
        for (const headers of [[], ['Accept-Encoding: gzip']]) {
          const whole = (await get(path, { headers })).body;
          const response = await get(path, { headers: [...headers, `Range: ${range}`] });

          const size = whole.length;
          const expected = contentRange
            .replace('SIZE', `${size}`)
            .replace('LAST', `${size - 1}`)
            .replace('FIVE', `${size - 5}`);
          assert.is(response.status, status);
          assert.is(response.headers['content-range'] ?? '', expected);
          assert.ok(response.complete);
          if (status !== 416) assert.ok(response.body.equals(part(whole)), `${path} ${headers}`);
        }
      }
    }),
  );
}

test(
  'webAccess :: a range across stored blocks is found by arithmetic and equals the file',
  site({ 'film.mp4': noise }, async (get) => {
    const response = await get('/film.mp4', { headers: ['Range: bytes=65000-140000'] });

    assert.is(response.status, 206);
    assert.equal(response.body, Buffer.from(noise.subarray(65_000, 140_001)));
    assert.is(response.headers['content-type'], 'video/mp4');
  }),
);

test(
  'webAccess :: If-Range decides whether a range counts',
  site({ 'film.mp4': noise }, async (get) => {
    const etag = (await get('/film.mp4')).headers['etag'] ?? '';
    const ask = async (condition: string): Promise<number> =>
      (await get('/film.mp4', { headers: ['Range: bytes=0-9', `If-Range: ${condition}`] })).status;

    assert.is(await ask(etag), 206);
    assert.is(await ask('"other"'), 200);
    assert.is(await ask(`W/${etag}`), 200);
    assert.is(await ask('Sun, 06 Nov 1994 08:49:37 GMT'), 200);
  }),
);

test(
  'webAccess :: a range is for GET alone',
  site({ 'a.txt': text }, async (get) => {
    const response = await get('/a.txt', { method: 'HEAD', headers: ['Range: bytes=0-9'] });

    assert.is(response.status, 200);
    assert.is(response.headers['content-length'], `${text.length}`);
  }),
);

const tree = {
  'index.html': 'home',
  'about.html': 'about',
  'docs/index.html': 'docs',
  'docs/api': 'api',
  'both.html': 'file',
  'both/index.html': 'directory',
  'ünï/index.html': 'unicode',
  '/evil.com/index.html': 'evil',
  '404.html': 'nothing',
};

const found: readonly (readonly [string, string])[] = [
  ['/', 'home'],
  ['/?utm=1', 'home'],
  ['/index.html', 'home'],
  ['/about', 'about'],
  ['/about.html', 'about'],
  ['/docs/', 'docs'],
  ['/docs/api', 'api'],
  ['/docs%2Fapi', 'api'],
  ['/both', 'file'],
  ['/both/', 'directory'],
  ['/%C3%BCn%C3%AF/', 'unicode'],
  // The decomposed spelling of the same name, as macOS writes it.
  ['/u%CC%88ni%CC%88/', 'unicode'],
];

for (const [path, content] of found) {
  test(
    `webAccess :: ${path} shows ${content}`,
    site(tree, async (get) => {
      const response = await get(path);

      assert.is(response.status, 200);
      assert.is(response.body.toString(), content);
    }),
  );
}

const redirected: readonly (readonly [string, string])[] = [
  ['/docs', '/docs/'],
  ['/docs?a=b', '/docs/?a=b'],
  ['/about/', '/about'],
  ['/about.html/', '/about.html'],
  ['/docs/api/', '/docs/api'],
  ['/%C3%BCn%C3%AF', '/%C3%BCn%C3%AF/'],
  // Not `//evil.com/`, which would be another host.
  ['//evil.com', '/%2Fevil.com/'],
];

for (const [path, location] of redirected) {
  test(
    `webAccess :: ${path} leads to ${location}`,
    site(tree, async (get, serving) => {
      const own = await get(path);
      const underKey = await serving.get(base + path);

      assert.is(own.status, 308);
      assert.is(own.headers['location'], location);
      assert.is(underKey.status, 308);
      assert.is(underKey.headers['location'], base + location);
      assert.is(own.headers['cache-control'], 'no-cache');
    }),
  );
}

test(
  'webAccess :: what is not there is the site’s 404.html, or a page of ours, with 404',
  site(tree, async (get) => {
    const own = await get('/none', { headers: ['Accept-Encoding: gzip'] });

    assert.is(own.status, 404);
    assert.is(gunzipSync(own.body).toString(), 'nothing');
    assert.is(own.headers['content-type'], 'text/html; charset=utf-8');
    assert.is(own.headers['etag'], undefined);
  }),
);

const hostile: readonly string[] = [
  '/../index.html',
  '/docs/../index.html',
  '/%2e%2e/index.html',
  '/docs/%2E%2e/index.html',
  '/docs/..%2findex.html',
  '/%252e%252e/index.html',
  '/..%5cindex.html',
  '/docs\\..\\index.html',
  '/..%c0%af..%c0%afetc/passwd',
  '/./index.html',
  '/docs/./index.html',
  '//index.html',
  '/docs//api',
  '/index.html%00',
  '/index.html%00.png',
  '/index.html%0d%0aX-Evil:1',
  '/index.html;x',
  '/index.html%3Fx',
  '/etc/passwd',
  '//etc/passwd',
  '/%2Fetc/passwd',
  '/file:///etc/passwd',
  '/C:%5Cwindows',
  '/%',
  '/%zz',
  '/%ff',
  '/%ED%A0%80',
  `/${'a'.repeat(8000)}`,
  `/${'../'.repeat(2000)}etc/passwd`,
  '/__proto__',
  '/constructor',
  '/hasOwnProperty/toString',
];

test(
  'webAccess :: no path reaches anything but a key spelt exactly so (T057)',
  site(tree, async (get, serving) => {
    for (const path of hostile) {
      const own = await get(path);
      const underKey = await serving.get(base + path);

      assert.ok([400, 404].includes(own.status), `${own.status} for ${path.slice(0, 60)}`);
      assert.ok(
        [400, 404].includes(underKey.status),
        `${underKey.status} for ${path.slice(0, 60)}`,
      );
      assert.not.match(own.body.toString(), /root:|home|docs</);
      assert.is(own.headers['x-evil'], undefined);
    }
  }),
);

test(
  'webAccess :: keys that are hostile to file systems are found when spelt exactly, and only then',
  site({ '/lead.txt': 'lead', 'a//b': 'double', 'pct%2Fname': 'percent' }, async (get) => {
    assert.is((await get('//lead.txt')).body.toString(), 'lead');
    assert.is((await get('/%2Flead.txt')).body.toString(), 'lead');
    assert.is((await get('/a//b')).body.toString(), 'double');
    assert.is((await get('/pct%252Fname')).body.toString(), 'percent');
    assert.is((await get('/lead.txt')).status, 404);
    assert.is((await get('/a/b')).status, 404);
    assert.is((await get('/pct%2Fname')).status, 404);
  }),
);

test(
  'webAccess :: a key that is HTML is text in the error page (T071)',
  site({}, async (get) => {
    const response = await get('/%3Cimg%20src=x%20onerror=alert(1)%3E');

    assert.is(response.status, 404);
    assert.match(response.body.toString(), '&#60;img');
    assert.not.match(response.body.toString(), '<img');
  }),
);

const types: readonly (readonly [string, string])[] = [
  ['a.html', 'text/html; charset=utf-8'],
  ['a.css', 'text/css; charset=utf-8'],
  ['a.mjs', 'text/javascript; charset=utf-8'],
  ['a.json', 'application/json; charset=utf-8'],
  ['a.svg', 'image/svg+xml'],
  ['a.wasm', 'application/wasm'],
  ['a.unknown', 'application/octet-stream'],
  ['README', 'application/octet-stream'],
  ['html', 'application/octet-stream'],
];

test(
  'webAccess :: the type follows from the name, octets when it says nothing',
  site(Object.fromEntries(types.map(([key]) => [key, 'x'])), async (get) => {
    for (const [key, type] of types) {
      assert.is((await get(`/${key}`)).headers['content-type'], type, key);
    }
  }),
);

test(
  'webAccess :: empty files in both forms',
  site({ 'e.txt': '', 'e.png': new Uint8Array() }, async (get) => {
    for (const path of ['/e.txt', '/e.png']) {
      const plain = await get(path);
      const gzip = await get(path, { headers: ['Accept-Encoding: gzip'] });

      assert.is(plain.status, 200);
      assert.is(plain.headers['content-length'], '0');
      assert.is(gunzipSync(gzip.body).length, 0);
      assert.is((await get(path, { headers: ['Range: bytes=0-'] })).status, 416);
    }
  }),
);

test(
  'webAccess :: a damaged file is 502 for that file alone; gzip goes out untouched (T016)',
  scope(async (t) => {
    const { path, stream } = makeSite(t, { 'good.txt': 'good' });
    const good = encodeFile(new TextEncoder().encode(text), { timeMicros: NOVEMBER });
    stream.setBytes('file', 'short', Uint8Array.of(1, 2));
    stream.setBytes('file', 'long-header', Uint8Array.of(255, 255, 255, 255, 0));
    stream.setBytes('file', 'cut.txt', good.subarray(0, good.length - 20));
    stream.setBytes('file', 'noise.txt', Buffer.concat([good.subarray(0, 40), noise]));
    const { get, errors } = await serve(t, [{ path }]);

    for (const key of ['short', 'long-header']) {
      for (const headers of [[], ['Accept-Encoding: gzip']]) {
        assert.is((await get(`${base}/${key}`, { headers })).status, 502, key);
      }
    }
    for (const key of ['cut.txt', 'noise.txt']) {
      assert.is((await get(`${base}/${key}`)).status, 502, key);
    }
    assert.is((await get(`${base}/good.txt`)).body.toString(), 'good');
    assert.equal(errors, []);
  }),
);

test(
  'webAccess :: a small value that inflates without end is 502 before the first byte (T064)',
  scope(async (t) => {
    const { path, stream } = makeSite(t, {});
    const header = encodeFile(new Uint8Array(), { timeMicros: NOVEMBER });
    const { gzipStart } = decodeFile(header);
    const bomb = gzipSync(Buffer.alloc(66 * 1024 * 1024));
    stream.setBytes('file', 'bomb', Buffer.concat([header.subarray(0, gzipStart), bomb]));
    const { get } = await serve(t, [{ path }]);
    await get(`${base}/none`);
    const before = process.memoryUsage().rss;

    const plain = await get(`${base}/bomb`);

    assert.is(plain.status, 502);
    assert.match(plain.body.toString(), 'longer than the 67108864 bytes');
    const grown = (process.memoryUsage().rss - before) / 1024 / 1024;
    assert.ok(grown < 80, `${grown.toFixed(0)} MB more`);
    const stored = await get(`${base}/bomb`, { headers: ['Accept-Encoding: gzip'] });
    assert.is(stored.body.length, bomb.length);
  }),
);

test('the fixtures :: media is stored, text is not', () => {
  const film = decodeFile(encodeFile(noise, { timeMicros: NOVEMBER, stored: true }));
  const page = decodeFile(encodeFile(Buffer.from(text), { timeMicros: NOVEMBER }));

  assert.is(isStoredGzip(film.gzip), true);
  assert.is(isStoredGzip(page.gzip), false);
});

test.run();
