/** What is said of a stream that is not here: to people, to programs, and to pages that pry. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/unknown-stream');

const { publicKey } = KEY_B;
const id = formatStreamId(publicKey);
const url = formatStreamId(publicKey, 'base64url');
const label = formatStreamId(publicKey, 'base32');
const files = { 'index.html': 'home', _redirects: '/* /index.html 200\n' };
const TYPED = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Sec-Fetch-Site: none'];
const OTHER_PAGE = [
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-Dest: document',
  'Sec-Fetch-Site: cross-site',
];
const IMAGE = ['Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: image', 'Sec-Fetch-Site: cross-site'];

test(
  'unknown key :: people are told how to get it, on a page as safe as all others',
  scope(async (t) => {
    const { get, port, errors } = await serve(t, [{ path: makeSite(t, files).path }]);

    const asked = [
      await get(`/${url}/webAccess/deep/page.html?x=1`),
      await get(`/${url}/`),
      await get('/deep/page.html', { host: `${label}.localhost:${port}` }),
    ];

    for (const response of asked) {
      assert.is(response.status, 404);
      assert.is(response.headers['content-type'], 'text/html; charset=utf-8');
      assert.is(response.headers['cache-control'], 'no-store');
      assert.match(response.headers['content-security-policy'] ?? '', "default-src 'none'");
      const page = response.body.toString();
      assert.ok(page.includes(`drayer mirror ${id} --serve`), page);
      assert.ok(page.includes(`<a href="drayer://${url}/">`), page);
      assert.not.match(page, 'On this network');
      assert.ok(page.length < 4_096);
    }
    assert.is(errors.length, 0);
  }),
);

test(
  'unknown key :: sync endpoints stay a problem in JSON, also on an origin of its own',
  scope(async (t) => {
    const elsewhere = () => ({ known: ['https://example.org'], heard: [] });
    const { get, port } = await serve(t, [{ path: makeSite(t, files).path }], { elsewhere });

    for (const [path, host] of [
      [`/${url}/newRecords/0`, `127.0.0.1:${port}`],
      ['/.well-known/drayer/newRecords/0', `${label}.localhost:${port}`],
    ] as const) {
      const { status, headers, body } = await get(path, { host, headers: TYPED });
      assert.is(status, 404, path);
      assert.is(headers['content-type'], 'application/problem+json');
      assert.is(JSON.parse(body.toString()).code, 'NOT_FOUND');
    }
  }),
);

test(
  'unknown key :: with a site at / it is not the page of that site, unless it has a file of that name',
  scope(async (t) => {
    const site = makeSite(t, { ...files, [url]: 'a file' });
    const { get } = await serve(t, [{ path: site.path }], { site: KEY_A.publicKey });

    const page = await get(`/${url}/webAccess/`);
    const json = await get(`/${url}/newRecords/0`);
    const file = await get(`/${url}`);
    const app = await get('/some/page', { headers: ['Accept: text/html'] });

    assert.is(page.status, 404);
    assert.ok(page.body.toString().includes('drayer mirror'));
    assert.is(json.headers['content-type'], 'application/problem+json');
    assert.is(file.body.toString(), 'a file');
    assert.is(app.body.toString(), 'home');
  }),
);

test(
  'unknown key :: people are led to where who runs the server says it is, with path and query, and never for good',
  scope(async (t) => {
    const elsewhere = () => ({ known: ['https://a.example/m', 'https://b.example'], heard: [] });
    const { get, port } = await serve(t, [{ path: makeSite(t, files).path }], { elsewhere });

    const path = await get(`/${url}/webAccess/a%20b/?x=1`, { headers: TYPED });
    const index = await get(`/${label}`, { headers: TYPED });
    const origin = await get('/a?x', { host: `${label}.localhost:${port}`, headers: TYPED });
    const slashes = await get('//evil.example/', {
      host: `${label}.localhost:${port}`,
      headers: TYPED,
    });

    assert.equal(
      [path, index, origin, slashes].map(({ status, headers }) => [status, headers['location']]),
      [
        [307, `https://a.example/m/${url}/webAccess/a%20b/?x=1`],
        [307, `https://a.example/m/${url}/webAccess/`],
        [307, `https://a.example/m/${url}/webAccess/a?x`],
        [307, `https://a.example/m/${url}/webAccess//evil.example/`],
      ],
    );
    assert.is(path.headers['cache-control'], 'no-store');
  }),
);

test(
  'unknown key :: nobody is led to what was only heard of; it is named, escaped, to people who typed it',
  scope(async (t) => {
    const asked: (string | undefined)[] = [];
    const { get } = await serve(t, [{ path: makeSite(t, files).path }], {
      elsewhere: (_, address) => {
        asked.push(address);
        return {
          known: [],
          heard: ['http://10.1.0.9:33125', 'http://"><script>alert(1)</script>'],
        };
      },
    });
    const path = `/${url}/webAccess/`;

    const typed = await get(path, { headers: TYPED });
    const pried = [
      await get(path),
      await get(path, { headers: OTHER_PAGE }),
      await get(path, { headers: IMAGE }),
    ];

    assert.is(typed.status, 404);
    const page = typed.body.toString();
    assert.ok(page.includes(`<a href="http://10.1.0.9:33125/${url}/webAccess/"`), page);
    assert.not.match(page, '<script>');
    assert.equal(asked, ['127.0.0.1']);
    const plain = pried.map(({ status, body }) => `${status} ${body}`);
    assert.is(new Set(plain).size, 1);
    assert.not.match(plain[0] ?? '', '10.1.0.9');
  }),
);

test.run();
