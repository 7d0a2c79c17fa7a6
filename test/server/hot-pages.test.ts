/** Answers from memory are the app's, to the byte, and of the present generation. */
import { copyFileSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { type AppOptions, createApp, memoryOf } from '../../src/server/app.ts';
import type { MemoryUse } from '../../src/server/hot-pages.ts';
import { listen } from '../../src/server/listen.ts';
import { IDLE_FIELDS } from '../../src/server/request-key.ts';
import { type OpenStreamSet, openStreamSet } from '../../src/server/stream-set.ts';
import { openStream } from '../../src/store/open-stream.ts';
import { type Learnt, learn, requestOf } from '../conformance/play.ts';
import { ROWS } from '../conformance/rows.ts';
import { FILES } from '../conformance/site.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { rawExchange, rawGet, readAll } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { makeSite, putFiles } from '../helpers/site.ts';

const test = suite('server/hot-pages');

const LABEL = formatStreamId(KEY_A.publicKey, 'base32');
const PATH = sitePath(KEY_A.publicKey);

function sitePath(publicKey: Uint8Array): string {
  return `/${formatStreamId(publicKey, 'base64url')}/webAccess`;
}

const GZIP = ['Accept-Encoding: gzip'];

type Served = {
  readonly port: number;
  readonly streams: OpenStreamSet;
  /** Polls so seldom that nothing is noticed by it. */
  use(): MemoryUse;
};

async function serve(
  t: Scope,
  paths: readonly string[],
  options: Partial<AppOptions> = {},
): Promise<Served> {
  const sources = paths.map((path) => ({ path }));
  const streams = t.defer(openStreamSet(sources, { pollMs: 1e9 }), (set) => set.close());
  const app = createApp({ streams, ...options });
  const { port } = t.defer(await listen(app, { port: 0 }), (one) => one.close());
  return { port, streams, use: () => memoryOf(app) };
}

/** Everything of an answer but its date, which is checked. */
async function bytesOf(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(Buffer.from(request, 'latin1'));
  const text = (await readAll(socket)).toString('latin1');
  return text.replace(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/m, '');
}

/** A browser's request, with the fields that do not decide. */
function browserRequest(host: string, path: string, end: string): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    'User-Agent: Mozilla/5.0',
    'Accept: text/html,*/*;q=0.8',
    'Accept-Language: de, en;q=0.5',
    'Accept-Encoding: gzip, deflate, br, zstd',
    `Connection: ${end}`,
    'Cookie: a=b',
    'Sec-Fetch-Dest: document',
    'Sec-Fetch-Mode: navigate',
    'Sec-Fetch-Site: none',
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

test(
  'before :: the conformance table, asked three times, gets what an app without memory answers',
  scope(async (t) => {
    const { path } = makeSite(t, FILES);
    const cold = await serve(t, [path], { hotBytes: 0 });
    const hot = await serve(t, [path]);
    const host = `${LABEL}.localhost:${cold.port}`;
    const player = { name: 'cold', port: cold.port, host };
    const learnt: Learnt = await learn(player, ROWS);
    const differing: string[] = [];

    for (const row of ROWS) {
      const request = requestOf(row, player, learnt);
      const expected = await bytesOf(cold.port, request);
      for (let i = 0; i < 3; i += 1) {
        const got = await bytesOf(hot.port, request);
        if (got !== expected) differing.push(`${row.name}\n${expected}\n${got}`);
      }
    }

    assert.equal(differing, []);
    assert.is(cold.use().given, 0);
    assert.ok(hot.use().given > ROWS.length / 4, `${hot.use().given} answers from memory`);
  }),
);

test(
  'before :: on one connection, under every name and path form, the fifth answer is the first',
  scope(async (t) => {
    const { path } = makeSite(t, FILES);
    const hot = await serve(t, [path], { site: KEY_A.publicKey, allowHosts: ['a.example'] });
    const hosts = [`${LABEL}.localhost:${hot.port}`, `127.0.0.1:${hot.port}`, 'a.example'];
    let asked = 0;

    for (const host of hosts) {
      for (const target of ['/', '/index.html', `${PATH}/`]) {
        const before = hot.use().given;
        const requests =
          browserRequest(host, target, 'keep-alive').repeat(4) +
          browserRequest(host, target, 'close');
        const answers = (await bytesOf(hot.port, requests)).split(/(?=HTTP\/1\.1 \d)/);
        const [first = '', ...rest] = answers.map((one) =>
          one
            .replace(/^Date: .*\r\n/m, '')
            .replace(/^Connection: .*\r\n(?:Keep-Alive: .*\r\n)?/m, ''),
        );

        assert.is(rest.length, 4);
        for (const one of rest) assert.is(one, first);
        if (first.startsWith('HTTP/1.1 200')) {
          // Another Connection is another request; all after the first are from memory.
          assert.is(hot.use().given - before, 3, `${host} ${target}`);
          asked += 1;
        }
      }
    }
    assert.ok(asked >= 5, `${asked} pages`);
  }),
);

test(
  'before :: who asks after a commit gets what was committed, without any poll between',
  scope(async (t) => {
    const { path, stream } = makeSite(t, { 'index.html': 'generation 0' });
    const { port, use } = await serve(t, [path], { site: KEY_A.publicKey });
    const agent = t.defer(new Agent({ keepAlive: true, maxSockets: 1 }), (one) => one.destroy());
    const ask = (): Promise<string> =>
      new Promise((resolve, reject) => {
        get({ port, agent, path: '/' }, async (response) => {
          const chunks: Buffer[] = [];
          for await (const chunk of response) chunks.push(chunk as Buffer);
          resolve(Buffer.concat(chunks).toString());
        }).on('error', reject);
      });

    for (let n = 1; n <= 50; n += 1) {
      putFiles(stream, { 'index.html': `generation ${n}` });

      assert.is(await ask(), `generation ${n}`);
      assert.is(await ask(), `generation ${n}`);
    }
    assert.is(use().given, 50);
  }),
);

test(
  'before :: a file that is removed, replaced or no longer hosted is not answered from memory',
  scope(async (t) => {
    const { path, stream } = makeSite(t, { 'index.html': 'first' });
    const other = makeSite(t, { 'index.html': 'other' }, { key: KEY_B, name: 'other.stream' });
    const { port, streams, use } = await serve(t, [path, other.path]);
    const ask = (key: Uint8Array) => rawGet(port, `${sitePath(key)}/`, { headers: GZIP });
    for (let i = 0; i < 2; i += 1) {
      for (const key of [KEY_A.publicKey, KEY_B.publicKey]) assert.is((await ask(key)).status, 200);
    }
    assert.is(use().given, 2);

    stream.deleteBytes('file', 'index.html');
    assert.is((await ask(KEY_A.publicKey)).status, 404);

    other.stream.close();
    const copy = t.path('copy.stream');
    copyFileSync(other.path, copy);
    const changed = openStream(copy, { secretKey: KEY_B.secretKey });
    putFiles(changed, { 'index.html': 'replaced' });
    changed.close();
    renameSync(copy, other.path);
    streams.poll();
    const { body } = await rawGet(port, `${sitePath(KEY_B.publicKey)}/`);
    assert.is(body.toString(), 'replaced');
    assert.is((await ask(KEY_B.publicKey)).status, 200);

    streams.remove(other.path);
    assert.is((await ask(KEY_B.publicKey)).status, 404);
  }),
);

test(
  'before :: bodies, unknown fields, HTTP/1.0, ranges and pages that reload themselves go to the app',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page' });
    const { port, use } = await serve(t, [path], { site: KEY_A.publicKey });
    const live = await serve(t, [path], { site: KEY_A.publicKey, live: true });
    const host = `Host: 127.0.0.1:${port}`;
    const plain = `GET / HTTP/1.1\r\n${host}\r\nConnection: close\r\n`;
    for (let i = 0; i < 2; i += 1) await rawExchange(port, `${plain}\r\n`);
    assert.is(use().given, 1);

    for (const request of [
      `${plain}Content-Length: 1\r\n\r\nx`,
      `${plain}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `${plain}X-Anything: 1\r\n\r\n`,
      `${plain}Range: bytes=0-1\r\n\r\n`,
      `${plain}Service-Worker: script\r\n\r\n`,
      `${plain}${host}\r\n\r\n`,
      `${plain}${'Cookie: a=b\r\n'.repeat(40)}\r\n`,
      `GET / HTTP/1.0\r\n${host}\r\n\r\n`,
      `POST / HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`,
    ]) {
      for (let i = 0; i < 2; i += 1) await rawExchange(port, request);
    }
    for (let i = 0; i < 2; i += 1) await rawGet(live.port, '/');

    assert.is(use().given, 1);
    assert.is(live.use().pages, 0);
  }),
);

test(
  'keep :: never takes more than its bytes, whatever is asked',
  scope(async (t) => {
    const names = Array.from({ length: 60 }, (_, i) => `p${i}.png`);
    const files = Object.fromEntries(names.map((name, i) => [name, Buffer.alloc(9_000, i)]));
    const big = { 'big.png': Buffer.alloc(50_000, 'b') };
    const { path } = makeSite(t, { ...files, ...big });
    const most = 640_000;
    const { port, use } = await serve(t, [path], { site: KEY_A.publicKey, hotBytes: most });
    let highest = 0;

    for (const name of [...names, 'big.png', ...names.slice(0, 30), 'big.png']) {
      await rawGet(port, `/${name}?${Math.random()}`, { headers: GZIP });
      highest = Math.max(highest, use().bytes);
      assert.ok(use().bytes <= most, `${use().bytes} bytes`);
    }

    assert.ok(highest > most * 0.9, `${highest} bytes at most`);
    assert.is(use().given, 0);
  }),
);

test(
  'requestKey :: the order of fields is nothing, a missing one is not an empty one',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page '.repeat(100) });
    const { port, use } = await serve(t, [path], { site: KEY_A.publicKey });
    const host = `Host: 127.0.0.1:${port}`;
    const ask = async (...lines: string[]): Promise<number> => {
      const { given } = use();
      const text = ['GET / HTTP/1.1', ...lines, 'Connection: close\r\n\r\n'].join('\r\n');
      assert.is((await rawExchange(port, text)).status, 200);
      return use().given - given;
    };

    assert.is(await ask(host, 'Accept-Encoding: gzip', 'Accept: */*'), 0);
    assert.is(await ask('accept: */*', 'accept-encoding: gzip', 'DNT: 1', host), 1);
    assert.is(await ask(host, 'Accept: */*'), 0);
    assert.is(await ask(host, 'Accept: */*', 'Accept-Encoding:'), 0);
    assert.is(await ask(host, 'Accept: */*', 'Accept-Encoding:'), 1);
    assert.is(await ask(host, 'Accept: */*', 'Accept: */*'), 0);
    assert.is(await ask(host, 'Accept: */*', 'Accept: */*'), 0);
  }),
);

test('requestKey :: no field it leaves out is read anywhere in the server', () => {
  const folder = new URL('../../src/server/', import.meta.url);
  // The log tells them, which decides nothing; the fields of answers have the same names.
  const mayRead = new Set(['request-key.ts', 'access-line.ts', 'site-headers.ts']);
  const readers: string[] = [];

  for (const name of readdirSync(folder)) {
    if (mayRead.has(name)) continue;
    const text = readFileSync(new URL(name, folder), 'utf8');
    for (const field of IDLE_FIELDS) {
      const isRead = new RegExp(`(?:headers\\[|get\\(|headers\\.)['"]?${field}\\b`, 'i').test(text);
      if (isRead) readers.push(`${name} reads ${field}`);
    }
  }

  assert.equal(readers, []);
});

test(
  'keep :: a name on the local network that is given up is answered no more, and another site under it at once',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'a' });
    const other = makeSite(t, { 'index.html': 'b' }, { key: KEY_B, name: 'b.stream' });
    const localNames = new Map([['blog.local', KEY_A.publicKey]]);
    const hot = await serve(t, [path, other.path], { localNames });
    const ask = (): Promise<string> =>
      bytesOf(hot.port, 'GET / HTTP/1.1\r\nHost: blog.local\r\nConnection: close\r\n\r\n');
    for (let i = 0; i < 3; i += 1) assert.match(await ask(), /^HTTP\/1.1 200 [\s\S]*\r\n\r\na$/);

    localNames.delete('blog.local');
    assert.match(await ask(), /^HTTP\/1.1 421 /);
    localNames.set('blog.local', KEY_B.publicKey);

    assert.match(await ask(), /^HTTP\/1.1 200 [\s\S]*\r\n\r\nb$/);
  }),
);

test.run();
