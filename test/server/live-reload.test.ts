import { gunzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import type { AppOptions } from '../../src/server/app.ts';
import type { Stream } from '../../src/store/stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { type Serving, serve } from '../helpers/serving.ts';
import { makeSite, putFiles } from '../helpers/site.ts';

const test = suite('server/live-reload');

const label = formatStreamId(KEY_A.publicKey, 'base32');
const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}/webAccess`;
const SHORT = '<!doctype html><title>Hi</title><p>Hello</p>';
// Above 64 KiB, so that it is streamed.
const LONG = `<!doctype html>${'<p>many words</p>\n'.repeat(10_000)}`;
const TAG = /\n<script src="(.*?)" data-events="(.*?)" data-tip="(\d+)" async><\/script>\n$/;

/** Serves one site; requests go to its own origin. */
function site(
  files: Readonly<Record<string, string>>,
  body: (get: Serving['get'], more: { stream: Stream; serving: Serving }) => Promise<void>,
  options: Partial<AppOptions> = { live: true },
): () => Promise<void> {
  return scope(async (t) => {
    const { path, stream } = makeSite(t, files);
    const serving = await serve(t, [{ path }], options);
    const host = `${label}.localhost:${serving.port}`;
    const get: Serving['get'] = (path, given) => serving.get(path, { host, ...given });
    await body(get, { stream, serving });
    assert.equal(serving.errors, []);
  });
}

for (const page of [SHORT, LONG]) {
  test(
    `a live page of ${page.length} bytes :: ends in a script tag, whatever the client accepts`,
    site({ 'index.html': page }, async (get, { stream }) => {
      const live = await get('/', { headers: ['Accept-Encoding: gzip'] });

      assert.is(live.status, 200);
      assert.is(live.headers['content-encoding'], undefined);
      assert.is(Number(live.headers['content-length']), live.body.length);
      assert.is(live.body.toString().replace(TAG, ''), page);
      const [, script, events, tip] = TAG.exec(live.body.toString()) ?? [];
      assert.is(tip, String(stream.reader.generation().tip));
      assert.is(
        (await get(script ?? '')).headers['content-type'],
        'text/javascript; charset=utf-8',
      );
      assert.is(
        (await get(events ?? '', { method: 'HEAD' })).headers['content-type'],
        'text/event-stream',
      );
    }),
  );

  test(
    `a live page of ${page.length} bytes :: HEAD and every range agree with the whole`,
    site({ 'index.html': page }, async (get) => {
      const whole = await get('/');
      const head = await get('/', { method: 'HEAD' });
      const { length } = whole.body;

      assert.is(head.headers['content-length'], String(length));
      assert.is(head.headers['etag'], whole.headers['etag']);
      assert.is(head.body.length, 0);
      for (const [start, end] of [
        [0, 9],
        [page.length - 5, page.length + 5],
        [page.length, length - 1],
        [page.length + 3, page.length + 7],
      ] as const) {
        const part = await get('/', { headers: [`Range: bytes=${start}-${end}`] });
        assert.is(part.status, 206);
        assert.is(part.headers['content-range'], `bytes ${start}-${end}/${length}`);
        assert.ok(part.body.equals(whole.body.subarray(start, end + 1)), `${start}-${end}`);
      }
    }),
  );
}

test(
  'a page that is not live :: is as it was stored, and there is no script',
  site(
    { 'index.html': SHORT },
    async (get) => {
      const plain = await get('/');

      assert.is(plain.body.toString(), SHORT);
      assert.is((await get('/.well-known/drayer/live.js')).status, 404);
      assert.is(
        (await get(`${base}/.well-known/drayer/events`, { host: '127.0.0.1' })).status,
        404,
      );
    },
    {},
  ),
);

test(
  'a live page :: has a tag that no plain page and no other generation has',
  site({ 'index.html': SHORT, 'a.txt': 'a' }, async (get, { stream, serving }) => {
    const first = await get('/');
    const etag = first.headers['etag'] ?? '';
    const again = await get('/', { headers: [`If-None-Match: ${etag}`] });
    putFiles(stream, { 'a.txt': 'b' });
    serving.streams.poll();
    const later = await get('/', { headers: [`If-None-Match: ${etag}`] });
    const dated = await get('/', { headers: [`If-Modified-Since: ${new Date().toUTCString()}`] });

    assert.match(etag, /^"[0-9a-f]{64}-live-\d+"$/);
    assert.is(again.status, 304);
    assert.is(later.status, 200);
    assert.is.not(later.headers['etag'], etag);
    // A date would say that the page is as it was: the generation in it is not.
    assert.is(dated.status, 200);
    assert.is(first.headers['last-modified'], undefined);
  }),
);

test(
  'live reload :: leaves alone what is no page, and pages that a script fetches',
  site({ 'part.html': '<li>one</li>', 'a.css': 'a {}' }, async (get) => {
    const part = await get('/part.html', { headers: ['Sec-Fetch-Dest: empty'] });
    const style = await get('/a.css', { headers: ['Accept-Encoding: gzip'] });
    const frame = await get('/part.html', { headers: ['Sec-Fetch-Dest: iframe'] });

    assert.is(part.body.toString(), '<li>one</li>');
    assert.match(part.headers['vary'] ?? '', 'Sec-Fetch-Dest');
    assert.is(gunzipSync(style.body).toString(), 'a {}');
    assert.match(frame.body.toString(), TAG);
  }),
);

test(
  "live reload :: also in a site's own 404 page",
  site({ '404.html': SHORT }, async (get) => {
    const missing = await get('/no/such');

    assert.is(missing.status, 404);
    assert.match(missing.body.toString(), TAG);
    assert.is(Number(missing.headers['content-length']), missing.body.length);
  }),
);

test(
  'a live page under a path :: follows events below its own path, which its sandbox may read',
  site({ 'index.html': SHORT }, async (_get, { serving }) => {
    const page = await serving.get(`${base}/`);
    const [, script = '', events = ''] = TAG.exec(page.body.toString()) ?? [];
    const got = await serving.get(events, {
      method: 'HEAD',
      headers: ['Sec-Fetch-Site: cross-site'],
    });

    assert.is(script, `${base}/.well-known/drayer/live.js`);
    assert.is((await serving.get(script)).status, 200);
    assert.match(page.headers['content-security-policy'] ?? '', 'sandbox');
    assert.is(got.headers['content-type'], 'text/event-stream');
    assert.is(got.headers['access-control-allow-origin'], '*');
  }),
);

test.run();
