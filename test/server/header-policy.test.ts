/**
 * The headers that keep sites apart are on every response there is, whatever it is of: of each status that
 * can be had, from each way in, above the app and below it.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesEqual } from '../../src/core/record.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { Metrics } from '../../src/server/metrics.ts';
import { openOperatorServer } from '../../src/server/operator-server.ts';
import { KEY_A, KEY_B, KEY_C } from '../helpers/keys.ts';
import { type RawResponse, rawExchange } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/header-policy');

const [urlA, urlC] = [KEY_A, KEY_C].map(({ publicKey }) => formatStreamId(publicKey, 'base64url'));
const [labelA, labelB] = [KEY_A, KEY_B].map(({ publicKey }) => formatStreamId(publicKey, 'base32'));

const own = `${labelA}.localhost`;
const path = `/${urlA}/webAccess`;

/** What is wrong with the headers of a response, whichever it is. */
function faultsOf({ headers, headerLines, status, body }: RawResponse): string[] {
  const need = (name: string, value: RegExp): string[] =>
    value.test(headers[name] ?? '') ? [] : [`${name}: ${headers[name]}`];
  const never = ['set-cookie', 'server', 'x-powered-by', 'service-worker-allowed', 'via'];
  const names = headerLines.map(([name]) => name.toLowerCase());
  return [
    ...need('x-content-type-options', /^nosniff$/),
    ...need('referrer-policy', /^same-origin$/),
    ...need('cache-control', /^(no-cache|no-store|public, max-age=60)$/),
    ...need('cross-origin-resource-policy', /^(same-origin|cross-origin)$/),
    ...(body.length > 0 ? need('content-type', /^[a-z]+\/[a-z0-9.+-]+(; charset=utf-8)?$/) : []),
    ...(status === 405 ? need('allow', /GET/) : []),
    ...(status === 503 ? need('retry-after', /^\d+$/) : []),
    ...never.filter((name) => name in headers),
    // One line of each: of two, one program believes the first and another the second.
    ...names.filter((name, index) => names.indexOf(name) !== index && name !== 'vary'),
  ];
}

/** Host, what stands between Host and the empty line, target, method. */
type Ask = readonly [host: string, status: number, target: string, lines?: string, method?: string];

const asks: readonly Ask[] = [
  // The server itself
  ['localhost', 200, '/'],
  ['localhost', 304, '/', 'If-None-Match: *'],
  ['localhost', 404, '/none'],
  ['localhost', 400, '/#'],
  ['localhost', 405, '/', '', 'POST'],
  ['localhost', 200, '/streams.json', 'Accept-Encoding: gzip'],
  ['localhost', 200, '/.well-known/drayer/health'],
  ['localhost', 421, '/', 'Host: localhost'],
  ['evil.com', 421, '/'],
  ['localhost', 431, '/', 'A: b\r\n'.repeat(150).trimEnd()],
  ['localhost', 431, '/', `A: ${'b'.repeat(17_000)}`],
  ['localhost', 417, '/', 'Expect: wonders'],
  ['localhost', 400, '/', 'Content-Length: x'],
  // A site of its own
  [own, 200, '/'],
  [own, 200, '/', '', 'HEAD'],
  [own, 200, '/a.js', 'Service-Worker: script'],
  [own, 206, '/a.js', 'Range: bytes=0-1'],
  [own, 416, '/a.js', 'Range: bytes=999-'],
  [own, 304, '/', 'If-None-Match: *'],
  [own, 412, '/', 'If-Match: "x"'],
  [own, 308, '/dir'],
  [own, 404, '/none'],
  [own, 400, '/%ff'],
  [own, 405, '/', '', 'DELETE'],
  [`${labelB}.localhost`, 410, '/'],
  // A site under a path
  ['127.0.0.1', 200, `${path}/`],
  ['127.0.0.1', 206, `${path}/a.js`, 'Range: bytes=0-1'],
  ['127.0.0.1', 308, path],
  ['127.0.0.1', 404, `${path}/none`],
  ['127.0.0.1', 400, `${path}/a.js`, 'Service-Worker: script'],
  ['localhost', 307, `${path}/`, 'Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document'],
  // What is synchronised
  ['localhost', 200, `/${urlA}/newRecords/0`],
  ['localhost', 200, `/${urlA}/newRecords/0?limit=1`],
  ['localhost', 400, `/${urlA}/newRecords/x`],
  ['localhost', 403, `/${urlA}/newRecords/0`, 'Sec-Fetch-Site: cross-site'],
  ['localhost', 404, `/${urlA}/forkProof`],
  ['localhost', 404, `/${urlC}/crdr/0`],
  ['localhost', 200, `/${urlA}/crdr/0`],
  ['localhost', 404, `/${urlA}/value/${'0'.repeat(64)}`],
  ['localhost', 405, `/${urlA}/crdr/0`, '', 'PUT'],
  ['localhost', 501, `/${urlA}/newRecordAvailable`, '', 'POST'],
];

async function serveBoth(t: Scope, listening: Parameters<typeof serve>[3] = {}): Promise<number> {
  const files = { 'index.html': 'home', 'a.js': '12345', 'dir/index.html': 'dir' };
  const a = makeSite(t, files).path;
  const b = makeSite(t, { 'index.html': 'b' }, { key: KEY_B, name: 'b.stream' }).path;
  const isDenied = (key: Uint8Array): boolean => bytesEqual(key, KEY_B.publicKey);
  return (await serve(t, [{ path: a }, { path: b }], { isDenied }, listening)).port;
}

test(
  'every response :: of every status, has the headers of the policy (T070)',
  scope(async (t) => {
    const port = await serveBoth(t);
    const statuses = new Set<number>();

    for (const [host, status, target, lines = '', method = 'GET'] of asks) {
      const head = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n`;
      const rest = lines === '' ? '' : `${lines}\r\n`;
      const response = await rawExchange(port, `${head}${rest}Connection: close\r\n\r\n`, {
        method,
      });

      const at = `${method} ${host} ${target} ${lines.slice(0, 40)}`;
      assert.is(response.status, status, at);
      assert.equal(faultsOf(response), [], at);
      statuses.add(response.status);
    }

    assert.ok(statuses.size >= 16, [...statuses].join(' '));
  }),
);

test(
  'every response :: also to a request without Host, which node would answer by itself (T070)',
  scope(async (t) => {
    const port = await serveBoth(t);
    const operator = t.defer(
      await openOperatorServer({
        port: 0,
        metrics: new Metrics(),
        gauges: () => ({ connections: { open: 0, busy: 0 }, streams: 0 }),
        onError: () => {},
      }),
      (one) => one.close(),
    );

    for (const at of [port, operator.port]) {
      const response = await rawExchange(at, 'GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n');
      assert.is(response.status, 400);
      assert.is(response.body.length, 0);
      assert.equal(faultsOf(response), []);
    }
  }),
);

test(
  'every response :: also where there is no room, and where nobody waits any longer (T070)',
  scope(async (t) => {
    const port = await serveBoth(t, {
      limits: { most: 0 },
      timeouts: { headersMs: 100, checkMs: 20 },
    });

    const full = await rawExchange(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const late = await rawExchange(port, 'GET / HTTP/1.1\r\nHost: loc');

    assert.is(full.status, 503);
    assert.equal(faultsOf(full), []);
    assert.is(late.status, 408);
    assert.equal(faultsOf(late), []);
  }),
);

test('faultsOf :: finds what is missing, and what should not be there', () => {
  const bare = {
    status: 503,
    headerLines: [],
    headers: {},
    body: Buffer.from('x'),
    complete: true,
  };
  const cookie = {
    ...bare,
    headers: { 'set-cookie': 'a=1' },
    headerLines: [
      ['Date', '1'],
      ['date', '2'],
    ] as const,
  };

  assert.is(faultsOf(bare).length, 6);
  assert.is(faultsOf(cookie).length, 8);
});

test.run();
