/** The ways to a site that need an operator: a domain, a common parent, a port, a proxy; and no way at all. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesEqual } from '../../src/core/record.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { parseProxies } from '../../src/server/client.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type Serving, serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/origins');

const url = formatStreamId(KEY_A.publicKey, 'base64url');
const [labelA, labelB] = [KEY_A, KEY_B].map((key) => formatStreamId(key.publicKey, 'base32'));
const NAVIGATION = ['Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document', 'Sec-Fetch-Site: none'];

let made = 0;

function serveBoth(t: Scope, options: Parameters<typeof serve>[2] = {}): Promise<Serving> {
  made += 1;
  const files = { 'index.html': 'site a', 'sw.js': '1' };
  const a = makeSite(t, files, { name: `a${made}.stream` }).path;
  const b = makeSite(t, { 'index.html': 'site b' }, { key: KEY_B, name: `b${made}.stream` }).path;
  return serve(t, [{ path: a }, { path: b }], options);
}

test(
  'parents :: each site has a name of its own below one that the operator gives (B)',
  scope(async (t) => {
    const { get } = await serveBoth(t, { parents: ['Sites.example.net'] });
    const body = async (host: string): Promise<string> =>
      (await get('/', { host })).body.toString();

    assert.is(await body(`${labelA}.sites.example.net`), 'site a');
    assert.is(await body(`${labelB?.toUpperCase()}.SITES.example.net:8080`), 'site b');
    for (const host of [
      'sites.example.net',
      `${labelA}.example.net`,
      `x.${labelA}.sites.example.net`,
      `${labelA}.sites.example.net.`,
      `${labelA}.sites.example.net.evil.com`,
      `${labelA}-sites.example.net`,
    ]) {
      const response = await get('/', { host });
      assert.is(response.status, 421, host);
      assert.is(response.body.length, 0);
    }
  }),
);

test(
  'ports :: a port is a site of its own for who comes by address, other names stay what they are (D)',
  scope(async (t) => {
    const ports = new Map<number, Uint8Array>();
    const { get, port } = await serveBoth(t, { ports });
    ports.set(port, KEY_B.publicKey);

    for (const host of ['192.168.1.7:1', '127.0.0.1', '[fe80::1]:80', `localhost:${port}`]) {
      const { body, headers } = await get('/', { host });
      assert.is(body.toString(), 'site b', host);
      assert.is(headers['content-security-policy'], undefined);
      assert.is(headers['cross-origin-resource-policy'], 'same-origin');
      // Browsers take it over TLS and on this machine alone.
      assert.is(headers['cross-origin-opener-policy'], undefined);
    }
    assert.is((await get('/', { host: `${labelA}.localhost` })).body.toString(), 'site a');
    // It shares its origin with nothing: no other stream stands below it, and workers may.
    assert.is((await get(`/${url}/webAccess/`)).status, 404);
    assert.is((await get('/', { headers: ['Service-Worker: script'] })).status, 200);
    assert.is((await get('/.well-known/drayer/crdr/0')).status, 200);
    assert.is((await get('/', { host: 'evil.com' })).status, 421);
  }),
);

test(
  'redirects :: off, who typed localhost stays on the path form',
  scope(async (t) => {
    const { get, port } = await serveBoth(t, { redirects: false });

    const typed = { host: `localhost:${port}`, headers: NAVIGATION };
    assert.is((await get(`/${url}/webAccess/`, typed)).status, 200);
  }),
);

test(
  'denied :: each address of the stream says 410, its own origin clears what it left in the browser',
  scope(async (t) => {
    const isDenied = (key: Uint8Array): boolean => bytesEqual(key, KEY_A.publicKey);
    const { get, errors } = await serveBoth(t, { isDenied });

    const own = await get('/sw.js', { host: `${labelA}.localhost` });
    assert.is(own.status, 410);
    assert.is(own.headers['clear-site-data'], '"cache", "storage"');
    assert.not.match(own.body.toString(), 'site a');
    for (const path of [
      'webAccess/',
      'webAccess/none',
      'newRecords/0',
      'crdr/0',
      'record/file/sw.js',
      'events',
    ]) {
      const response = await get(`/${url}/${path}`);
      assert.is(response.status, 410, path);
      // Others stand on this origin.
      assert.is(response.headers['clear-site-data'], undefined);
    }
    const listed = (await get('/streams.json')).body.toString();
    assert.not.match(listed, formatStreamId(KEY_A.publicKey));
    assert.match(listed, formatStreamId(KEY_B.publicKey));
    assert.not.match((await get('/')).body.toString(), labelA ?? '');
    assert.is((await get('/', { host: `${labelB}.localhost` })).status, 200);
    assert.equal(errors, []);
  }),
);

test(
  'denied :: the site at / too, and below the one at /',
  scope(async (t) => {
    const isDenied = (key: Uint8Array): boolean => bytesEqual(key, KEY_A.publicKey);
    const first = await serveBoth(t, { isDenied, site: KEY_A.publicKey });
    const other = await serveBoth(t, { isDenied, site: KEY_B.publicKey });

    assert.is((await first.get('/')).status, 410);
    assert.is((await first.get('/')).headers['clear-site-data'], undefined);
    assert.is((await other.get('/')).body.toString(), 'site b');
    assert.is((await other.get(`/${url}/webAccess/`)).status, 410);
  }),
);

test(
  'proxies :: the scheme of a redirect is the client’s, if the proxy is one that is believed',
  scope(async (t) => {
    const headers = [...NAVIGATION, 'X-Forwarded-For: 203.0.113.9', 'X-Forwarded-Proto: https'];
    const ask = { host: 'localhost', headers };
    const believed = await serveBoth(t, { proxies: parseProxies(['127.0.0.0/8']) });
    const other = await serveBoth(t, { proxies: parseProxies(['192.0.2.1']) });
    const none = await serveBoth(t);
    const location = async ({ get }: Serving): Promise<string> =>
      (await get(`/${url}/webAccess/`, ask)).headers['location'] ?? '';

    assert.is(await location(believed), `https://${labelA}.localhost/`);
    assert.is(await location(other), `http://${labelA}.localhost/`);
    assert.is(await location(none), `http://${labelA}.localhost/`);
  }),
);

test(
  'proxies :: who comes through one is the public, who comes past it on this machine is not',
  scope(async (t) => {
    const { get } = await serveBoth(t, { proxies: parseProxies(['127.0.0.1']) });
    const page = ['Origin: https://other.example', 'Sec-Fetch-Site: cross-site'];

    const through = await get(`/${url}/crdr/0`, {
      headers: [...page, 'X-Forwarded-For: 203.0.113.9'],
    });
    const past = await get(`/${url}/crdr/0`, { headers: page });

    assert.is(through.status, 200);
    assert.is(through.headers['access-control-allow-origin'], '*');
    assert.is(past.status, 403);
    assert.is(past.headers['access-control-allow-origin'], undefined);
  }),
);

test(
  'proxies :: what they say of a Host never counts',
  scope(async (t) => {
    const { get } = await serveBoth(t, { proxies: parseProxies(['127.0.0.1']) });
    const headers = ['X-Forwarded-For: 203.0.113.9', `X-Forwarded-Host: ${labelA}.localhost`];

    assert.is((await get('/', { host: 'evil.com', headers })).status, 421);
    assert.match((await get('/', { headers })).body.toString(), 'Sites on this server');
  }),
);

test(
  'health :: says ok under every name that is answered to, and to no other',
  scope(async (t) => {
    const { get } = await serveBoth(t, { listStreams: false });
    const path = '/.well-known/drayer/health';

    for (const host of ['127.0.0.1', 'localhost', `${labelA}.localhost`]) {
      const { status, body, headers } = await get(path, { host });
      assert.is(status, 200, host);
      assert.is(body.toString(), 'ok\n');
      assert.is(headers['cache-control'], 'no-store');
      assert.is(headers['x-content-type-options'], 'nosniff');
    }
    assert.is((await get(path, { method: 'POST' })).status, 405);
    assert.is((await get(path, { host: 'evil.com' })).status, 421);
  }),
);

test.run();
