import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DrayerError, statusOf } from '../../src/core/errors.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/listen.ts';
import { KEY_A, KEY_B, KEY_C } from '../helpers/keys.ts';
import { type RawResponse, rawExchange, rawGet } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type Serving, serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('server/app');

const url = formatStreamId(KEY_A.publicKey, 'base64url');
const label = formatStreamId(KEY_A.publicKey, 'base32');
const standard = formatStreamId(KEY_A.publicKey);
const NAVIGATION = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Sec-Fetch-Site: none'];
const files = { 'index.html': 'home', 'a.js': '1', 'dir/index.html': 'dir' };

function serveSite(t: Scope, options: Parameters<typeof serve>[2] = {}): Promise<Serving> {
  return serve(t, [{ path: makeSite(t, files).path, name: 'A <b>site' }], options);
}

const refusedHosts: readonly string[] = [
  'evil.com',
  'evil.com@127.0.0.1',
  'localhost.',
  '127.0.0.1.evil.com',
  `${'a'.repeat(51)}b.localhost`,
];

test(
  'Host :: an unknown one gets 421 and not a byte of content, anywhere (T058)',
  scope(async (t) => {
    const { get, refused, port } = await serveSite(t);

    for (const host of refusedHosts) {
      for (const path of ['/', '/streams.json', `/${url}/newRecords/0`, `/${url}/webAccess/`]) {
        const response = await get(path, { host: `${host}:${port}` });

        assert.is(response.status, 421, host);
        assert.is(response.body.length, 0);
        assert.is(response.headers['connection'], 'close');
      }
    }
    assert.is(refused.length, refusedHosts.length);
    assert.match(refused[0] ?? '', '--allow-host evil.com');
  }),
);

const requests: readonly (readonly [string, (port: number) => string, number])[] = [
  ['two Hosts', (port) => `GET / HTTP/1.1\r\nHost: localhost:${port}\r\nHost: evil.com\r\n`, 421],
  ['the same Host twice', () => 'GET / HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n', 421],
  ['no Host in 1.0', () => 'GET / HTTP/1.0\r\n', 421],
  ['no Host in 1.1', () => 'GET / HTTP/1.1\r\n', 400],
  ['an empty Host', () => 'GET / HTTP/1.1\r\nHost:\r\n', 421],
  ['absolute form of another', () => 'GET http://evil.com/ HTTP/1.1\r\nHost: localhost\r\n', 421],
  ['absolute form, evil Host', () => 'GET http://localhost/ HTTP/1.1\r\nHost: evil.com\r\n', 421],
  ['absolute form that agrees', () => 'GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n', 200],
  [
    'user info in absolute form',
    () => 'GET http://a@localhost/ HTTP/1.1\r\nHost: localhost\r\n',
    421,
  ],
  ['a folded Host', () => 'GET / HTTP/1.1\r\nHost: evil.com\r\n localhost\r\n', 400],
  ['authority form', () => 'GET localhost:80 HTTP/1.1\r\nHost: localhost\r\n', 400],
  ['asterisk form', () => 'GET * HTTP/1.1\r\nHost: localhost\r\n', 400],
  ['asterisk form that asks', () => 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n', 204],
  ['a fragment', () => 'GET /#x HTTP/1.1\r\nHost: localhost\r\n', 400],
  [
    'length and chunks',
    () =>
      'GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n',
    400,
  ],
  ['version 2.0', () => 'GET / HTTP/2.0\r\nHost: localhost\r\n', 505],
  ['version 0.9', () => 'GET / HTTP/0.9\r\nHost: localhost\r\n', 505],
  ['version 1.0', () => 'GET / HTTP/1.0\r\nHost: localhost\r\n', 200],
  ['a name with a space', () => 'GET / HTTP/1.1\r\nHost : localhost\r\n', 400],
  ['200 header lines', () => `GET / HTTP/1.1\r\nHost: localhost\r\n${'A: 1\r\n'.repeat(200)}`, 431],
  [
    '2000 header lines',
    () => `GET / HTTP/1.1\r\nHost: localhost\r\n${'A: 1\r\n'.repeat(2000)}`,
    431,
  ],
  [
    '17 KiB of header',
    () => `GET / HTTP/1.1\r\nHost: localhost\r\nA: ${'1'.repeat(17_000)}\r\n`,
    431,
  ],
  [
    'a header __proto__',
    () => 'GET / HTTP/1.1\r\nHost: localhost\r\n__proto__: x\r\nconstructor: y\r\n',
    200,
  ],
];

test(
  'requests :: malformed and misleading ones are refused, and the server lives on (T058, T059, T060)',
  scope(async (t) => {
    const { port, get, errors } = await serveSite(t);

    for (const [name, head, status] of requests) {
      const response = await rawExchange(port, `${head(port)}Connection: close\r\n\r\n`);

      assert.is(response.status, status, name);
      if (status === 421 || status === 431) assert.is(response.body.length, 0, name);
    }
    assert.is((await get('/')).status, 200);
    assert.equal(errors, []);
  }),
);

test(
  'Host :: allowed names, domains and the site of its own',
  scope(async (t) => {
    const { get, port } = await serveSite(t, {
      allowHosts: ['Tool.example'],
      domains: { 'blog.example': KEY_A.publicKey },
    });

    assert.match(
      (await get('/', { host: 'tool.example' })).body.toString(),
      'Sites on this server',
    );
    assert.is((await get('/', { host: 'blog.example:80' })).body.toString(), 'home');
    assert.is((await get('/', { host: `${label}.localhost:${port}` })).body.toString(), 'home');
    assert.is((await get('/dir/', { host: `${label.toUpperCase()}.LOCALHOST` })).status, 200);
    const other = formatStreamId(KEY_B.publicKey, 'base32');
    assert.is((await get('/', { host: `${other}.localhost` })).status, 404);
  }),
);

test(
  'modes :: a site under a path is sandboxed, one on its own origin is not (THREATS §2)',
  scope(async (t) => {
    const { get, port } = await serveSite(t);

    const path = (await get(`/${url}/webAccess/`)).headers;
    const own = (await get('/', { host: `${label}.localhost:${port}` })).headers;

    assert.is(
      path['content-security-policy'],
      'sandbox allow-scripts allow-forms allow-popups allow-downloads',
    );
    assert.is(path['access-control-allow-origin'], '*');
    assert.is(path['cross-origin-resource-policy'], 'cross-origin');
    assert.is(own['content-security-policy'], undefined);
    assert.is(own['access-control-allow-origin'], undefined);
    assert.is(own['cross-origin-resource-policy'], 'same-origin');
    assert.is(own['cross-origin-opener-policy'], 'same-origin');
    for (const headers of [path, own]) {
      assert.is(headers['x-frame-options'], 'SAMEORIGIN');
      assert.is(headers['origin-agent-cluster'], '?1');
    }
  }),
);

test(
  'modes :: a service worker is refused under a path, and never cached on an origin',
  scope(async (t) => {
    const { get, port } = await serveSite(t);
    const headers = ['Service-Worker: script'];

    const path = await get(`/${url}/webAccess/a.js`, { headers });
    const own = await get('/a.js', { headers, host: `${label}.localhost:${port}` });

    assert.is(path.status, 400);
    assert.is(own.status, 200);
    assert.is(own.headers['cache-control'], 'no-store');
  }),
);

test(
  'modes :: who types localhost is led to the origin of the site, others stay',
  scope(async (t) => {
    const { get, port } = await serveSite(t);
    const path = `/${url}/webAccess/dir/?a=1`;

    const typed = await get(path, { host: `localhost:${port}`, headers: NAVIGATION });
    const program = await get(path, { host: `localhost:${port}` });
    const numeric = await get(path, { headers: NAVIGATION });

    assert.is(typed.status, 307);
    assert.is(typed.headers['location'], `http://${label}.localhost:${port}/dir/?a=1`);
    assert.is(program.status, 200);
    assert.is(numeric.status, 200);
  }),
);

test(
  'keys :: other spellings lead to the canonical one on sites (T068), sync answers all',
  scope(async (t) => {
    const { get } = await serveSite(t);
    const spellings = [
      encodeURIComponent(standard),
      encodeURIComponent(encodeURIComponent(standard)),
      label,
      label.toUpperCase(),
      `${url}=`,
      standard.replace(/\//g, '%2F'),
    ];

    for (const spelling of spellings) {
      const site = await get(`/${spelling}/webAccess/dir/?q`);
      const sync = await get(`/${spelling}/crdr/0`);

      assert.is(site.status, 308, spelling);
      assert.is(site.headers['location'], `/${url}/webAccess/dir/?q`);
      assert.is(sync.status, 200, spelling);
    }
    assert.is((await get(`/${url}`)).headers['location'], `/${url}/webAccess/`);
    assert.is((await get(`/${url}/`)).headers['location'], `/${url}/webAccess/`);
    assert.is((await get(`/${url}/webAccess`)).headers['location'], `/${url}/webAccess/`);
  }),
);

test(
  'keys :: junk, aliases and unknown keys are 400 or 404, on every operation (T068)',
  scope(async (t) => {
    const { get } = await serveSite(t);
    const unknown = formatStreamId(KEY_C.publicKey, 'base64url');
    const alias = `${url.slice(0, 42)}${url.endsWith('Y') ? 'Z' : 'Y'}`;
    const keys = ['x', 'AAAA', `${url}x`, alias, unknown, 'A'.repeat(43), '%00', url.slice(1)];

    for (const key of keys) {
      for (const operation of ['newRecords/0', 'webAccess/', 'record/file/index.html', 'nosuch']) {
        const response = await get(`/${key}/${operation}`);

        assert.ok([400, 404].includes(response.status), `${key} ${operation}: ${response.status}`);
        assert.not.match(response.body.toString(), 'home');
      }
    }
  }),
);

test(
  '--site :: one site at /, with its sync endpoints where every client looks',
  scope(async (t) => {
    const a = makeSite(t, files).path;
    const b = makeSite(t, { 'index.html': 'other' }, { key: KEY_B, name: 'b.stream' }).path;
    const { get, port } = await serve(t, [{ path: a }, { path: b }], { site: KEY_A.publicKey });
    const streams = async (path: string): Promise<unknown[]> =>
      (JSON.parse((await get(path)).body.toString()) as { streams: { id: string }[] }).streams.map(
        ({ id }) => id,
      );

    assert.is((await get('/')).body.toString(), 'home');
    assert.is((await get('/dir/', { host: `localhost:${port}` })).body.toString(), 'dir');
    assert.is((await get('/')).headers['content-security-policy'], undefined);
    assert.is((await get('/.well-known/drayer/crdr/0')).status, 200);
    assert.is((await get(`/${encodeURIComponent(standard)}/newRecords/0`)).status, 200);
    assert.is((await get(`/${url}/webAccess/dir/`)).headers['location'], '/dir/');
    assert.is((await get('/about/value/x')).status, 404);
    assert.equal(await streams('/streams.json'), [standard, formatStreamId(KEY_B.publicKey)]);
    assert.equal(await streams('/.well-known/drayer/streams.json'), [standard]);
    const ownB = `${formatStreamId(KEY_B.publicKey, 'base32')}.localhost`;
    assert.is((await get('/', { host: ownB })).body.toString(), 'other');
  }),
);

test(
  '--site :: the other streams stay below their keys, in a sandbox, out of reach of the site',
  scope(async (t) => {
    const a = makeSite(t, files).path;
    const b = makeSite(t, { 'index.html': 'other' }, { key: KEY_B, name: 'b.stream' }).path;
    const { get } = await serve(t, [{ path: a }, { path: b }], { site: KEY_A.publicKey });
    const other = formatStreamId(KEY_B.publicKey, 'base64url');
    const fromSite = { headers: ['Sec-Fetch-Site: same-origin'] };

    const page = await get(`/${other}/webAccess/`);
    assert.is(page.body.toString(), 'other');
    assert.match(
      String(page.headers['content-security-policy']),
      /^sandbox(?!.*allow-same-origin)/,
    );
    assert.match(String(page.headers['vary']), 'Sec-Fetch-Site');
    assert.is((await get(`/${other}`)).headers['location'], `/${other}/webAccess/`);
    assert.is((await get(`/${other}/newRecords/0`)).status, 200);
    assert.is((await get(`/${other}/nosuch`)).status, 404);

    for (const path of [`/${other}`, `/${other}/webAccess/`, `/${other}/newRecords/0`]) {
      assert.is((await get(path, fromSite)).status, 404, path);
    }
    const listed = JSON.parse((await get('/streams.json', fromSite)).body.toString());
    assert.is(listed.streams.length, 1);
    assert.is((await get('/', { headers: ['Service-Worker: script'] })).status, 400);
  }),
);

test(
  'an origin :: only /.well-known/drayer/ is ours, the rest is the site’s',
  scope(async (t) => {
    const site = { 'streams.json': 'mine', [`${url}/newRecords/0`]: 'also mine' };
    const { get } = await serve(t, [{ path: makeSite(t, site).path }]);
    const host = `${label}.localhost`;

    assert.is((await get('/streams.json', { host })).body.toString(), 'mine');
    assert.is((await get(`/${url}/newRecords/0`, { host })).body.toString(), 'also mine');
    assert.is((await get('/.well-known/drayer/newRecords/0?limit=1', { host })).status, 200);
    assert.is((await get('/.well-known/drayer/nosuch', { host })).status, 404);
    assert.is((await get('/.well-known/drayer/', { host })).headers['location'], '/');
    assert.is(
      (await get('/.well-known/drayer/webAccess//x.org', { host })).headers['location'],
      '/x.org',
    );
    assert.is((await get('/.well-known/acme', { host })).status, 404);
  }),
);

test(
  'mount :: every path and link has the prefix',
  scope(async (t) => {
    const { get } = await serveSite(t, { mount: '/mirror/' });
    const front = await get('/mirror/', { host: 'nas.local', headers: [] });

    assert.is((await get('/mirror')).headers['location'], '/mirror/');
    assert.is((await get('/')).status, 404);
    assert.is((await get(`/${url}/crdr/0`)).status, 404);
    assert.is((await get('/mirrorx/streams.json')).status, 404);
    assert.is((await get(`/mirror/${url}/crdr/0`)).status, 200);
    assert.is((await get('/mirror/streams.json')).status, 200);
    assert.is(
      (await get(`/mirror/${label}/webAccess/dir/`)).headers['location'],
      `/mirror/${url}/webAccess/dir/`,
    );
    assert.is(
      (await get(`/mirror/${url}/webAccess/dir`)).headers['location'],
      `/mirror/${url}/webAccess/dir/`,
    );
    assert.is(front.status, 421);
    assert.match(
      (await get('/mirror/', { host: '192.168.7.7' })).body.toString(),
      `href="/mirror/${url}/webAccess/"`,
    );
  }),
);

test('createApp :: a mount prefix that is no path is refused', () => {
  const streams = { find: () => undefined, list: () => [], onGeneration: () => () => {} };

  for (const mount of ['/a b', '../x', '/a/..', '/./a']) {
    assert.throws(() => createApp({ streams, mount }), throwsCode('USAGE'), mount);
  }
  for (const mount of ['', 'a/b/', '/.a/..b']) createApp({ streams, mount }).emit('close');
});

test(
  'front page :: links the sites with their names as text; streams.json lists them',
  scope(async (t) => {
    const { get, port } = await serveSite(t);

    const page = (await get('/', { host: `localhost:${port}` })).body.toString();
    const list = await get('/streams.json');

    assert.match(page, `<a href="http://${label}.localhost:${port}/">A &#60;b&#62;site</a>`);
    assert.match(page, standard.slice(0, 4));
    const { streams } = JSON.parse(list.body.toString()) as { streams: Record<string, unknown>[] };
    assert.equal(Object.keys(streams[0] ?? {}), ['id', 'name', 'tip', 'count', 'seq']);
    assert.is(streams[0]?.['id'], standard);
    assert.is(streams[0]?.['count'], 4);
    assert.is(streams[0]?.['seq'], 1);
  }),
);

test(
  'listStreams :: off, nothing tells what is hosted',
  scope(async (t) => {
    const { get } = await serveSite(t, { listStreams: false });

    assert.is((await get('/streams.json')).status, 404);
    assert.not.match((await get('/')).body.toString(), label);
    assert.is((await get(`/${url}/crdr/0`)).status, 200);
  }),
);

test(
  'cross-site :: pages of others cannot find out what is held here, unless --cors',
  scope(async (t) => {
    const closed = await serveSite(t);
    const unknown = formatStreamId(KEY_C.publicKey, 'base64url');
    const headers = ['Sec-Fetch-Site: cross-site', 'Origin: http://evil.com'];
    const ask = async (serving: Serving, path: string): Promise<RawResponse> =>
      serving.get(path, { headers });

    const held = await ask(closed, `/${url}/newRecords/0`);
    const notHeld = await ask(closed, `/${unknown}/newRecords/0`);
    const list = await ask(closed, '/streams.json');

    for (const response of [held, notHeld, list]) {
      assert.is(response.status, 403);
      assert.equal(response.body, held.body);
      const { date: _, ...rest } = response.headers;
      const { date: __, ...first } = held.headers;
      assert.equal(rest, first);
      assert.is(response.headers['access-control-allow-origin'], undefined);
    }
    assert.is(
      (await closed.get(`/${url}/crdr/0`)).headers['access-control-allow-origin'],
      undefined,
    );
  }),
);

test(
  '--cors :: sync endpoints may be read by pages of others',
  scope(async (t) => {
    const { get } = await serveSite(t, { cors: true });

    const response = await get(`/${url}/newRecords/0?limit=1`, {
      headers: ['Sec-Fetch-Site: cross-site'],
    });

    assert.is(response.status, 200);
    assert.is(response.headers['access-control-allow-origin'], '*');
    assert.is(response.headers['cross-origin-resource-policy'], 'cross-origin');
    assert.match(response.headers['access-control-expose-headers'] ?? '', 'Drayer-Tip');
  }),
);

test(
  'methods :: what is read takes GET and HEAD, what is not there yet says so',
  scope(async (t) => {
    const { get } = await serveSite(t);
    const status = async (method: string, path: string): Promise<number> =>
      (await get(path, { method })).status;

    for (const path of ['/', '/streams.json', `/${url}/webAccess/`, `/${url}/newRecords/0`]) {
      for (const method of ['POST', 'PUT', 'DELETE', 'TRACE', 'PATCH', 'OPTIONS']) {
        const response = await get(path, { method });
        const expected = method === 'OPTIONS' ? 204 : 405;
        assert.is(response.status, expected, `${method} ${path}`);
        assert.is(response.headers['allow'], 'GET, HEAD, OPTIONS');
      }
      assert.is(await status('PROPFIND', path), 501);
      assert.is(await status('HEAD', path), 200);
    }
    assert.is(await status('GET', `/${url}/newRecordAvailable`), 405);
    assert.is(await status('POST', `/${url}/newRecordAvailable`), 501);
    assert.is(await status('GET', `/${url}/forkProof`), 404);
  }),
);

test(
  'OPTIONS :: a page of another origin may ask where it may read, and for reading alone',
  scope(async (t) => {
    const { get } = await serveSite(t, { cors: true });
    const asked = ['Origin: null', 'Access-Control-Request-Method: GET'];
    const ask = async (path: string): Promise<Readonly<Record<string, string>>> =>
      (await get(path, { method: 'OPTIONS', headers: asked })).headers;

    for (const path of [`/${url}/webAccess/`, `/${url}/newRecords/0`]) {
      const headers = await ask(path);
      assert.is(headers['access-control-allow-origin'], '*');
      assert.is(headers['access-control-allow-methods'], 'GET, HEAD');
      assert.match(headers['access-control-allow-headers'] ?? '', 'If-None-Match');
    }
    for (const path of ['/', `/${url}/lease`, `/${url}/newRecordAvailable`]) {
      const headers = await ask(path);
      assert.is(headers['access-control-allow-methods'], undefined, path);
      assert.is(headers['access-control-allow-headers'], undefined, path);
    }
  }),
);

test(
  'problems :: told to programs as JSON with code and hint',
  scope(async (t) => {
    const { get } = await serveSite(t);

    const response = await get(`/${url}/newRecords/abc`);

    assert.is(response.headers['content-type'], 'application/problem+json');
    const problem = JSON.parse(response.body.toString()) as Record<string, unknown>;
    assert.is(problem['status'], 400);
    assert.is(problem['code'], 'USAGE');
    assert.match(String(problem['detail']), 'newRecords/<modified>');
  }),
);

test(
  'every response :: has the headers of the policy, no cookie, no server name (T070)',
  scope(async (t) => {
    const { get, port } = await serveSite(t);
    const hosts = [`127.0.0.1:${port}`, `localhost:${port}`, `${label}.localhost`, 'evil.com'];
    const paths = [
      '/',
      '/nosuch',
      '/streams.json',
      '/dir',
      '/a.js',
      '/%ff',
      '/.well-known/drayer/crdr/0',
      `/${url}`,
      `/${url}/webAccess/`,
      `/${url}/webAccess/dir`,
      `/${url}/webAccess/none`,
      `/${url}/webAccess/%00`,
      `/${label}/webAccess/`,
      `/${url}/newRecords/0`,
      `/${url}/newRecords/x`,
      `/${url}/newRecords/0?limit=1`,
      `/${url}/crdr/0`,
      `/${url}/record/file/a.js`,
      `/${url}/record/file/none?proof=1`,
      `/${url}/rawwebacess/file/a.js`,
      `/${url}/newestRecordsJSON/file`,
      `/${url}/value/${'0'.repeat(64)}`,
      `/${url}/forkProof`,
    ];

    for (const host of hosts) {
      for (const path of paths) {
        for (const method of ['GET', 'HEAD', 'POST']) {
          const { headers, status } = await get(path, { host, method });
          const at = `${method} ${host} ${path} ${status}`;

          assert.is(headers['x-content-type-options'], 'nosniff', at);
          assert.is(headers['referrer-policy'], 'same-origin', at);
          assert.ok(headers['cache-control'], at);
          assert.ok(headers['cross-origin-resource-policy'], at);
          assert.is(headers['set-cookie'], undefined, at);
          assert.is(headers['server'], undefined, at);
          assert.is(headers['x-powered-by'], undefined, at);
          if (status === 200) assert.ok(headers['content-type'], at);
          const isShared = !host.startsWith(label) && status !== 421;
          if (isShared) assert.ok(headers['content-security-policy'], at);
        }
      }
    }
  }),
);

test(
  'compression :: listings for those who take gzip; `*;q=0` is no error (T065)',
  scope(async (t) => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`page-${i}.html`, 'x']));
    const { get, errors } = await serve(t, [{ path: makeSite(t, many).path }]);
    const path = `/${url}/newestRecordsJSON/file`;

    const plain = await get(path);
    assert.is(plain.headers['content-encoding'], undefined);
    for (const refusal of [
      '*;q=0',
      'gzip;q=0',
      'identity;q=0',
      'identity;q=0, *;q=0',
      'br',
      ',',
      'x',
    ]) {
      const response = await get(path, { headers: [`Accept-Encoding: ${refusal}`] });
      assert.is(response.status, 200, refusal);
      assert.equal(response.body, plain.body, refusal);
    }
    for (const wish of ['gzip', '*', 'br, gzip', 'zstd, br, deflate, gzip;q=0.1']) {
      const response = await get(path, { headers: [`Accept-Encoding: ${wish}`] });
      assert.is(response.headers['content-encoding'], 'gzip', wish);
      assert.is(response.headers['vary'], 'Accept-Encoding');
    }
    assert.equal(errors, []);
  }),
);

test(
  'problems :: what goes wrong here is told to the operator, not to the client',
  scope(async (t) => {
    const faults = [
      new Error('at /home/me/secret.ts'),
      new DrayerError('STORAGE_FAILED', '/home/me/site.stream: the disk is full'),
      new DrayerError('STREAM_NOT_FOUND', '/home/me/site.stream: no such stream'),
    ];
    for (const fault of faults) {
      const onError: unknown[] = [];
      const streams = {
        find: () => {
          throw fault;
        },
        list: () => [],
        onGeneration: () => () => {},
      };
      const app = createApp({ streams, onError: (error) => onError.push(error) });
      const listener = t.defer(await listen(app, { port: 0 }), (one) => one.close());

      for (const path of [`/${url}/webAccess/`, `/${url}/newRecords/0`]) {
        const response = await rawGet(listener.port, path);

        assert.is(response.status, fault instanceof DrayerError ? statusOf(fault.code) : 500);
        assert.match(response.body.toString(), 'something went wrong on this server');
        assert.not.match(response.body.toString(), 'home');
      }
      // One of ours that is the very same again is told once.
      assert.equal(onError, fault instanceof DrayerError ? [fault] : [fault, fault]);
    }
  }),
);

test.run();
