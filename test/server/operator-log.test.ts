/** What an operator gets to see of requests: lines of the access log and numbers. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { accessLine } from '../../src/server/access-line.ts';
import { Metrics } from '../../src/server/metrics.ts';
import type { SeenRequest } from '../../src/server/request-watch.ts';
import { KEY_A } from '../helpers/keys.ts';
import { rawExchange } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type Serving, serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/operator-log');

const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}`;
const CAME = Date.UTC(2026, 10, 3, 4, 5, 6, 789);

/** A request that was made up. */
function seen(request: object, rest: Partial<SeenRequest> = {}): SeenRequest {
  const made = { method: 'GET', url: '/', httpVersion: '1.1', headers: {}, ...request };
  return {
    request: made as never,
    status: 200,
    bytes: 20,
    ms: 1.26,
    cameMs: CAME,
    isCut: false,
    ...rest,
  };
}

test('accessLine :: common, with the network of an address', () => {
  const line = accessLine({ seen: seen({ url: '/a?b' }), address: '::ffff:192.0.2.33' }, 'common');

  assert.is(line, '192.0.2.0 - - [03/Nov/2026:04:05:06 +0000] "GET /a?b HTTP/1.1" 200 20');
});

test('accessLine :: as much of an address as the operator wants', () => {
  const who = (address: string, detail: 'full' | 'network' | 'none'): string =>
    accessLine({ seen: seen({}), address, detail }, 'common').split(' ', 1)[0] ?? '';

  assert.is(who('192.0.2.33', 'full'), '192.0.2.33');
  assert.is(who('192.0.2.33', 'none'), '-');
  assert.is(who('2001:db8:1:2:3:4:5:6', 'network'), '2001:db8:1::');
});

test('accessLine :: what a client made up stays in its field and in its line', () => {
  const url = '/"\\\x1b[31m\r\n\u00e9';
  const hostile = seen({ url, headers: { 'user-agent': 'a"\n\u202e\x07' } });

  const common = accessLine({ seen: hostile, address: undefined }, 'common');
  const json = accessLine({ seen: hostile, address: undefined }, 'json');

  assert.match(common, '"GET /\\x22\\x5C\\x1B[31m\\x0D\\x0A\\xE9 HTTP/1.1" 200 20');
  for (const line of [common, json]) assert.match(line, /^[ -~]*$/);
  const { target, agent } = JSON.parse(json) as { target: string; agent: string };
  assert.is(target, url);
  assert.is(agent, 'a"\n\u202e\x07');
});

test('accessLine :: JSON has what a line has, and more', () => {
  const headers = { host: 'a.example', range: 'bytes=0-1', referer: 'https://b.example/' };
  const asked = seen({ headers }, { status: 206, isCut: true });

  assert.equal(JSON.parse(accessLine({ seen: asked, address: '192.0.2.33' }, 'json')), {
    time: '2026-11-03T04:05:06.789Z',
    address: '192.0.2.0',
    method: 'GET',
    host: 'a.example',
    target: '/',
    version: '1.1',
    status: 206,
    bytes: 20,
    ms: 1.3,
    cut: true,
    range: 'bytes=0-1',
    referer: 'https://b.example/',
  });
});

type Watched = Serving & { readonly all: SeenRequest[] };

async function serveWatched(t: Scope): Promise<Watched> {
  const all: SeenRequest[] = [];
  const { path } = makeSite(t, { 'index.html': 'home'.repeat(1000) });
  const serving = await serve(t, [{ path }], {}, { onRequest: (one) => void all.push(one) });
  return { ...serving, all };
}

test(
  'onRequest :: status and bytes of the body, whichever way it is sent',
  scope(async (t) => {
    const { get, port, all } = await serveWatched(t);

    const whole = await get(`${base}/webAccess/`);
    await get(`${base}/webAccess/`, { method: 'HEAD' });
    await get(`${base}/webAccess/`, { headers: ['Range: bytes=0-9'] });
    const records = await get(`${base}/newRecords/0`);
    await get('/none/none');
    await get('/', { host: 'evil.com' });
    const two = `GET ${base}/crdr/0 HTTP/1.1\r\nHost: localhost\r\n`;
    await rawExchange(port, `${two}\r\n${two}Connection: close\r\n\r\n`);

    const told = all.map(({ status, bytes, isCut }) => [status, bytes, isCut]);
    assert.is(whole.body.length, 4000);
    assert.equal(told.slice(0, 4), [
      [200, 4000, false],
      [200, 0, false],
      [206, 10, false],
      [200, records.body.length, false],
    ]);
    assert.equal(
      told.slice(4).map(([status]) => status),
      [404, 421, 200, 200],
    );
    assert.ok(all.every(({ ms, cameMs }) => ms > 0 && Math.abs(cameMs - Date.now()) < 60_000));
  }),
);

test('Metrics :: counters, a histogram and gauges in the text format', () => {
  const metrics = new Metrics();
  metrics.countRequest(seen({}, { ms: 4 }));
  metrics.countRequest(seen({}, { ms: 40 }));
  metrics.countRequest(seen({ method: 'BREW\n"' }, { status: 405, isCut: true, ms: 60_000 }));
  metrics.countEvent('slow');

  const text = metrics.text({
    connections: { open: 3, busy: 1 },
    streams: 2,
  });

  const lines = text.split('\n');
  for (const line of [
    'drayer_requests_total{method="GET",status="200"} 2',
    'drayer_requests_total{method="other",status="405"} 1',
    'drayer_request_duration_seconds_bucket{le="0.0025"} 0',
    'drayer_request_duration_seconds_bucket{le="0.005"} 1',
    'drayer_request_duration_seconds_bucket{le="0.05"} 2',
    'drayer_request_duration_seconds_bucket{le="10"} 2',
    'drayer_request_duration_seconds_bucket{le="+Inf"} 3',
    'drayer_request_duration_seconds_count 3',
    'drayer_response_bytes_total 60',
    'drayer_responses_cut_total 1',
    'drayer_connections_ended_total{reason="slow"} 1',
    'drayer_connections_ended_total{reason="full"} 0',
    'drayer_connections 3',
    'drayer_connections_busy 1',
    'drayer_streams 2',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  // Every line is a comment or a sample, and every sample's family has a type.
  const sample = /^([a-z_]+)(\{[^{}\n]*\})? [\d.e+-]+$/;
  for (const line of lines.slice(0, -1)) {
    assert.ok(line.startsWith('# ') || sample.test(line), line);
    const family = sample.exec(line)?.[1]?.replace(/_(bucket|sum|count)$/, '');
    if (family !== undefined) assert.ok(text.includes(`# TYPE ${family} `), line);
  }
  assert.is(lines.at(-1), '');
});

test.run();
