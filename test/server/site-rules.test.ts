/** `_redirects`, `_headers`, applications of one page and lists of folders, over a socket. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { encodeFile } from '../../src/files/file-record.ts';
import type { AppOptions } from '../../src/server/app.ts';
import { KEY_A } from '../helpers/keys.ts';
import type { RawResponse } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite, putFiles } from '../helpers/site.ts';

const test = suite('server/site-rules');

const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}/webAccess`;
const label = formatStreamId(KEY_A.publicKey, 'base32');

type Files = Readonly<Record<string, string | Uint8Array>>;

async function serveSite(t: Scope, files: Files, options: Partial<AppOptions> = {}) {
  const { path, stream } = makeSite(t, files);
  const serving = await serve(t, [{ path }], options);
  const host = `${label}.localhost:${serving.port}`;
  const get = (requested: string, ...headers: string[]): Promise<RawResponse> =>
    serving.get(requested, { host, headers });
  return { ...serving, stream, get, getPath: serving.get };
}

const leads = '/old /new\n/far https://example.org/\n/app/* /index.html 200\n';

test(
  '_redirects :: leads within the site also where it stands under its key',
  scope(async (t) => {
    const { getPath } = await serveSite(t, { 'index.html': 'home', _redirects: leads });

    assert.is((await getPath(`${base}/old?a`)).headers['location'], `${base}/new?a`);
    assert.is((await getPath(`${base}/far`)).headers['location'], 'https://example.org/');
    assert.is((await getPath(`${base}/app/x`)).body.toString(), 'home');
  }),
);

test(
  '_redirects :: a new generation has new rules, a removed file none',
  scope(async (t) => {
    const { get, stream, streams } = await serveSite(t, { _redirects: '/old /first' });
    assert.is((await get('/old')).headers['location'], '/first');

    putFiles(stream, { _redirects: '/old /second' });
    streams.poll();
    assert.is((await get('/old')).headers['location'], '/second');

    stream.deleteBytes('file', '_redirects');
    streams.poll();
    assert.is((await get('/old')).status, 404);
  }),
);

test(
  '_headers :: what is said of a file is not said of the error in its place',
  scope(async (t) => {
    const { get } = await serveSite(t, {
      'a.txt': 'a',
      _headers: '/a.txt\n  Content-Disposition: attachment\n  Content-Language: de',
    });

    const whole = await get('/a.txt');
    assert.is(whole.headers['content-disposition'], 'attachment');
    assert.is(whole.headers['content-language'], 'de');
    const failed = await get('/a.txt', 'If-Match: "other"');
    assert.is(failed.status, 412);
    assert.is(failed.headers['content-disposition'], undefined);
    assert.is(failed.headers['content-language'], undefined);
  }),
);

test(
  '_redirects :: is a file like another for who asks for it',
  scope(async (t) => {
    const { get } = await serveSite(t, { _redirects: leads, _headers: '/x\n' });

    assert.is((await get('/_redirects')).body.toString(), leads);
    assert.is((await get('/_headers')).body.toString(), '/x\n');
  }),
);

test(
  '_redirects :: one that is damaged or too long counts for nothing, and the site goes on',
  scope(async (t) => {
    const { get, stream, streams, errors } = await serveSite(t, { 'a.txt': 'a' });
    const long = `/old /new\n${'#'.repeat(70_000)}`;
    const cut = encodeFile(Buffer.from(leads), { timeMicros: 0 }).subarray(0, -6);

    for (const value of [Uint8Array.of(1, 2, 3), cut, new Uint8Array()]) {
      stream.setBytes('file', '_redirects', value);
      streams.poll();
      assert.is((await get('/old')).status, 404);
      assert.is((await get('/a.txt')).status, 200);
    }
    putFiles(stream, { _redirects: long });
    streams.poll();
    assert.is((await get('/old')).status, 404);
    assert.equal(errors, []);
  }),
);

test(
  '_headers :: a policy of the site stands beside the sandbox, never in its place',
  scope(async (t) => {
    const headers = '/*\n  Content-Security-Policy: sandbox allow-same-origin\n';
    const { getPath } = await serveSite(t, { 'index.html': 'home', _headers: headers });

    const policy = (await getPath(`${base}/`)).headers['content-security-policy'];

    assert.is(
      policy,
      'sandbox allow-scripts allow-forms allow-popups allow-downloads, sandbox allow-same-origin',
    );
  }),
);

test(
  '_headers :: none of them weakens what every response of a site says',
  scope(async (t) => {
    const lines = [
      ...['X-Frame-Options: ALLOWALL', 'X-Content-Type-Options: no', 'Set-Cookie: a=b'],
      ...['Cross-Origin-Opener-Policy: unsafe-none', 'Referrer-Policy: unsafe-url'],
      ...['Cross-Origin-Resource-Policy: cross-origin', 'Origin-Agent-Cluster: ?0'],
      ...['Access-Control-Allow-Origin: *', 'Service-Worker-Allowed: /', 'X-Accel-Redirect: /'],
    ];
    const files = { 'index.html': 'home', '404.html': 'none', 'a/index.html': 'a' };
    const { get: bare } = await serveSite(t, files);
    const other = await serveSite(
      { ...t, path: (...name) => t.path(`other-${name.join('-')}`) },
      { ...files, _headers: `/*\n${lines.map((line) => `  ${line}\n`).join('')}` },
    );

    for (const path of ['/', '/missing', '/a', '/a/', '/%zz']) {
      const { date: _, ...expected } = (await bare(path)).headers;
      const { date: __, ...headers } = (await other.get(path)).headers;
      assert.equal(headers, expected, path);
    }
  }),
);

test(
  'spa :: the page for pages, 404 for scripts, images and what a script fetches',
  scope(async (t) => {
    const files = { 'index.html': 'app', 'a.js': 'one', 'docs/index.html': 'docs' };
    const { get, getPath } = await serveSite(t, files, { spa: true });
    const dest = (name: string): string => `Sec-Fetch-Dest: ${name}`;

    for (const path of ['/users/1', '/users/1/', '/a/b/c?x=1', '/v1.2']) {
      const response = await get(path, dest('document'), 'Accept: text/html');
      assert.is(response.status, 200, path);
      assert.is(response.body.toString(), 'app');
      assert.is(response.headers['content-type'], 'text/html; charset=utf-8');
    }
    assert.is((await get('/users/1')).status, 200);
    assert.is((await get('/users/1', dest('empty'), 'Accept: text/html')).status, 200);
    assert.is((await get('/a.js')).body.toString(), 'one');
    assert.is((await get('/docs')).headers['location'], '/docs/');
    assert.is((await getPath(`${base}/users/1`)).body.toString(), 'app');

    for (const path of ['/b.js', '/logo.png', '/users/1.json', '/assets/x.css?v=1']) {
      assert.is((await get(path, dest('document'))).status, 404, path);
    }
    for (const name of ['script', 'style', 'image', 'font', 'worker', 'empty', 'audio']) {
      assert.is((await get('/users/1', dest(name), 'Accept: */*')).status, 404, name);
    }
    assert.is((await get('/users/1', 'Accept: application/json')).status, 404);
    assert.is((await get('/users/..')).status, 400);
  }),
);

test(
  'spa :: only on request',
  scope(async (t) => {
    const { get } = await serveSite(t, { 'index.html': 'app' });

    assert.is((await get('/users/1', 'Sec-Fetch-Dest: document')).status, 404);
  }),
);

const tree = {
  'pub/a b.txt': 'x',
  'pub/b&c.txt': 'x',
  'pub/<img src=x>.txt': 'x',
  'pub/javascript:alert(1)': 'x',
  'pub/deep/one.txt': 'x',
  'pub/deep/two.txt': 'x',
  'pub/deep.txt': 'x',
  'pub/deep0': 'x',
  'pub//odd.txt': 'x',
  'page/index.html': 'page',
  'z.txt': 'x',
};

test(
  'listing :: what is in a folder, each name once, as text and with a link that leads there',
  scope(async (t) => {
    const { get } = await serveSite(t, tree, { listing: true });

    const response = await get('/pub/');

    assert.is(response.status, 200);
    assert.is(response.headers['content-type'], 'text/html; charset=utf-8');
    assert.match(response.headers['content-security-policy'] ?? '', "default-src 'none'");
    const page = response.body.toString();
    const hrefs = [...page.matchAll(/href="([^"]*)"/g)].map((match) => match[1]);
    assert.equal(hrefs, [
      '../',
      './%3Cimg%20src%3Dx%3E.txt',
      './a%20b.txt',
      './b%26c.txt',
      './deep.txt',
      './deep/',
      './deep0',
      './javascript%3Aalert(1)',
    ]);
    assert.not.match(page, '<img');
    for (const href of hrefs.slice(1)) {
      const path = `/pub/${(href ?? '').slice(2)}`;
      assert.is((await get(path)).status, 200, path);
    }
  }),
);

test(
  'listing :: of the root and below a slash; index.html and what is missing stay what they are',
  scope(async (t) => {
    const { get, getPath } = await serveSite(t, tree, { listing: true });

    assert.match((await get('/')).body.toString(), 'href="./pub/"');
    assert.not.match((await get('/')).body.toString(), 'href="../"');
    assert.is((await get('/pub')).status, 308);
    assert.is((await get('/pub?a')).headers['location'], '/pub/?a');
    assert.is((await getPath(`${base}/pub`)).headers['location'], `${base}/pub/`);
    assert.match(
      (await getPath(`${base}/pub/`)).headers['content-security-policy'] ?? '',
      'sandbox',
    );
    assert.is((await get('/page/')).body.toString(), 'page');
    assert.is((await get('/none/')).status, 404);
    assert.is((await get('/pu/')).status, 404);
    const etag = (await get('/pub/')).headers['etag'];
    assert.is((await get('/pub/', `If-None-Match: ${etag}`)).status, 304);
  }),
);

test(
  'listing :: a thousand lines and no more, without reading what is deeper',
  scope(async (t) => {
    const many: Record<string, string> = {};
    for (let n = 0; n < 1200; n += 1) many[`many/${String(n).padStart(4, '0')}.txt`] = '';
    for (let n = 0; n < 600; n += 1) many[`deep/a/${n}.txt`] = '';
    const { get } = await serveSite(t, { ...many, 'deep/b/x': '' }, { listing: true });
    const linesOf = (page: RawResponse): number => page.body.toString().split('<li>').length - 2;

    assert.is(linesOf(await get('/many/')), 1000);
    assert.match((await get('/many/')).body.toString(), 'There is more');
    assert.is(linesOf(await get('/deep/')), 2);
  }),
);

test(
  'listing :: only on request',
  scope(async (t) => {
    const { get } = await serveSite(t, tree);

    assert.is((await get('/pub/')).status, 404);
    assert.is((await get('/pub')).status, 404);
  }),
);

test(
  '_headers :: a page that reloads itself is not kept, whatever the site says',
  scope(async (t) => {
    const headers = '/*\n  Cache-Control: public, max-age=600\n';
    const { get } = await serveSite(t, { 'a.html': 'a', _headers: headers }, { live: true });

    assert.is((await get('/a.html')).headers['cache-control'], 'no-cache');
  }),
);

test.run();
