/** What an operator asks of a server besides serving, through the daemon. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { get as httpsGet } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DrayerError } from '../../src/core/errors.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { type DaemonOptions, startDaemon } from '../../src/daemon/daemon.ts';
import { changeKeys } from '../../src/daemon/key-lists.ts';
import type { OperatorOptions } from '../../src/daemon/operator.ts';
import { openSitePorts } from '../../src/daemon/site-ports.ts';
import { renewCertificate } from '../../src/server/certificate.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { firstOwnPort } from '../helpers/own-ports.ts';
import { rawGet } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { makeSite } from '../helpers/site.ts';
import { rejectsCode, throwsCode } from '../helpers/throws.ts';

const test = suite('daemon/operator');

const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}/webAccess/`;
const labelA = formatStreamId(KEY_A.publicKey, 'base32');

async function start(
  t: Scope,
  operator: Partial<OperatorOptions>,
  options: Partial<DaemonOptions> = {},
) {
  const streams = options.streams ?? [{ path: makeSite(t, { 'index.html': 'site a' }).path }];
  const lines: string[] = [];
  const dataDir = t.path('data');
  const onAccess = (line: string): void => void lines.push(line);
  const daemon = await startDaemon({
    port: 0,
    pollMs: 5,
    ...options,
    streams,
    operator: { dataDir, onAccess, ...operator },
  });
  t.defer(daemon, (one) => one.close());
  return { daemon, lines, dataDir };
}

test(
  'metrics :: on a port of their own, for this machine and no page in a browser',
  scope(async (t) => {
    const { daemon } = await start(t, { metricsPort: 0 });
    const port = daemon.metricsPort ?? 0;
    for (let i = 0; i < 3; i += 1) await rawGet(daemon.port, base);
    await rawGet(daemon.port, '/metrics/none');

    const { status, body, headers } = await rawGet(port, '/metrics');

    assert.is(status, 200);
    assert.is(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.match(body.toString(), 'drayer_requests_total{method="GET",status="200"} 3\n');
    assert.match(body.toString(), 'drayer_requests_total{method="GET",status="404"} 1\n');
    assert.match(body.toString(), 'drayer_streams 1\n');
    const health = JSON.parse((await rawGet(port, '/health')).body.toString());
    assert.is(health.status, 'ok');
    assert.is(health.streams, 1);

    const page = (site: string) => ({ headers: [`Sec-Fetch-Site: ${site}`] });
    assert.is((await rawGet(port, '/metrics', { host: 'evil.com' })).status, 421);
    assert.is((await rawGet(port, '/metrics', page('cross-site'))).status, 403);
    assert.is((await rawGet(port, '/metrics', page('none'))).status, 200);
    assert.is((await rawGet(port, '/metrics', { method: 'POST' })).status, 405);
    assert.is((await rawGet(port, '/')).status, 404);
    // The server that others reach has none.
    assert.not.match((await rawGet(daemon.port, '/metrics')).body.toString(), 'drayer_requests');
  }),
);

test(
  'metrics :: a port that is taken ends the start, and nothing stays open',
  scope(async (t) => {
    const { daemon } = await start(t, { metricsPort: 0 });
    const path = makeSite(t, { a: '1' }, { name: 'b.stream' }).path;
    const port = daemon.port + 1;

    const second = startDaemon({
      streams: [{ path }],
      port,
      operator: { dataDir: t.path('data'), metricsPort: daemon.metricsPort },
    });
    await rejectsCode(second, 'ADDRESS_IN_USE');

    const third = await startDaemon({ streams: [{ path }], port });
    await third.close();
  }),
);

test(
  'access log :: a line for each request, of the client that a trusted proxy names',
  scope(async (t) => {
    const { daemon, lines } = await start(t, {
      accessLog: 'common',
      logAddress: 'full',
      behindProxy: ['127.0.0.1'],
    });

    await rawGet(daemon.port, `${base}?x`, { headers: ['X-Forwarded-For: 6.6.6.6, 203.0.113.9'] });
    await rawGet(daemon.port, base, { address: '::1', headers: ['X-Forwarded-For: 203.0.113.9'] });

    assert.is(lines.length, 2);
    assert.match(lines[0] ?? '', /^203\.0\.113\.9 - - \[.+\] "GET \/.*\?x HTTP\/1\.1" 200 6$/);
    assert.match(lines[1] ?? '', /^::1 - - /);
  }),
);

test(
  'deny :: a stream is gone from the next request on, and back when it is taken off the list',
  scope(async (t) => {
    const { daemon, dataDir } = await start(t, {});
    const status = async (): Promise<number> => (await rawGet(daemon.port, base)).status;
    const id = formatStreamId(KEY_A.publicKey);

    assert.is(await status(), 200);
    changeKeys(dataDir, 'deny', { key: id, wish: 'add' });
    assert.is(await status(), 410);
    changeKeys(dataDir, 'deny', { key: labelA, wish: 'remove' });
    assert.is(await status(), 200);
  }),
);

test(
  'deny :: a list that cannot be read is told once, however many ask, and serves nobody meanwhile',
  scope(async (t) => {
    const errors: unknown[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    const { daemon, dataDir } = await start(t, {}, { onError });
    const status = async (): Promise<number> => (await rawGet(daemon.port, base)).status;
    mkdirSync(join(dataDir, 'deny'), { recursive: true });

    for (let i = 0; i < 5; i += 1) assert.is(await status(), 500);
    assert.is(errors.length, 1);
    rmdirSync(join(dataDir, 'deny'));
    assert.is(await status(), 200);
    mkdirSync(join(dataDir, 'deny'));
    assert.is(await status(), 500);
    assert.is(errors.length, 2);
  }),
);

test(
  'site ports :: one for each site, the same after a restart, and never another site’s',
  scope(async (t) => {
    const a = { path: makeSite(t, { 'index.html': 'site a' }).path };
    const b = {
      path: makeSite(t, { 'index.html': 'site b' }, { key: KEY_B, name: 'b.stream' }).path,
    };
    const first = firstOwnPort();
    const one = await start(t, { sitePorts: first }, { streams: [a, b] });
    const portsOf = (daemon: typeof one.daemon): number[] =>
      daemon.streams.map(({ addresses }) => Number(new URL(addresses.at(-1) ?? '').port));
    const ports = portsOf(one.daemon);

    assert.equal(ports, [first, first + 1]);
    assert.is((await rawGet(ports[0] ?? 0, '/')).body.toString(), 'site a');
    assert.is((await rawGet(ports[1] ?? 0, '/')).body.toString(), 'site b');
    assert.is((await rawGet(ports[1] ?? 0, '/', { address: '::1' })).body.toString(), 'site b');
    await one.daemon.close();

    // Without the first, the second keeps its own.
    const two = await start(t, { sitePorts: first }, { streams: [b] });
    assert.equal(portsOf(two.daemon), [first + 1]);
    assert.is((await rawGet(first + 1, '/')).body.toString(), 'site b');
  }),
);

test(
  'openSitePorts :: a new site gets the next port that is free; one that has a port is told whose it is',
  scope(async (t) => {
    const taken: number[] = [45_000];
    const inUse = (port: number): number => {
      if (!taken.includes(port)) return port;
      throw new DrayerError('ADDRESS_IN_USE', `port ${port} is taken by process 7`);
    };
    const open = (key: Uint8Array, first = 45_000): Promise<number> =>
      openSitePorts(t.directory, first).open(key, async (port) => inUse(port));

    assert.is(await open(KEY_A.publicKey), 45_001);
    assert.is(await open(KEY_B.publicKey), 45_002);
    assert.is(await open(KEY_A.publicKey, 50_000), 45_001);
    taken.push(45_001);
    const error = (await rejectsCode(open(KEY_A.publicKey), 'ADDRESS_IN_USE')) as DrayerError;

    assert.match(error.message, /^port 45001 is taken by process 7; it is the port of the site /);
    assert.match(error.hint ?? '', 'site-ports.json');
    await rejectsCode(
      openSitePorts(t.path('other'), 65_535).open(KEY_A.publicKey, async () => inUse(45_000)),
      'USAGE',
    );
  }),
);

test(
  'openOperatorServer :: a port that is taken is told with the flag that chooses another',
  scope(async (t) => {
    const other = t.defer(createServer(), (one) => one.close());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;

    const error = await rejectsCode(start(t, { metricsPort: port }), 'ADDRESS_IN_USE');

    assert.match(error.message, `port ${port} is taken by process ${process.pid}`);
    assert.match((error as DrayerError).hint ?? '', /--metrics-port \d+$/);
  }),
);

test(
  'openSitePorts :: a file that is something else is an error that says so',
  scope((t) => {
    for (const text of ['{', 'null', '[33201]', '{"a": "b"}', '{"a": -1}', '{"a": 70000}']) {
      writeFileSync(t.path('site-ports.json'), text);
      assert.throws(() => openSitePorts(t.directory, 1), throwsCode('CONFIG_INVALID'), text);
    }
  }),
);

/** A certificate of a name, as openssl makes one. */
function makeCertificate(t: Scope, name: string): { readonly cert: string; readonly key: string } {
  const files = { cert: t.path('cert.pem'), key: t.path('key.pem') };
  const type = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const rest = [
    '-x509',
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-addext',
    `subjectAltName=DNS:${name}`,
  ];
  execFileSync('openssl', ['req', ...type, ...rest, '-keyout', files.key, '-out', files.cert], {
    stdio: 'ignore',
  });
  return files;
}

/** Asks over TLS; whom the certificate names, and what came. */
function ask(port: number, path: string): Promise<{ name: string; status: number; body: string }> {
  const options = { port, path, host: '127.0.0.1', rejectUnauthorized: false, agent: false };
  return new Promise((resolve, reject) => {
    const request = httpsGet({ ...options, headers: { host: 'localhost' } }, (response) => {
      const name = String((response.socket as TLSSocket).getPeerCertificate().subject.CN);
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ name, status: response.statusCode ?? 0, body }));
    });
    request.on('error', reject);
  });
}

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.log('  no openssl here: the tests of TLS are skipped');
const withTls = hasOpenssl ? test : test.skip;

withTls(
  'certificate :: HTTPS and no HTTP, with the limits of all connections',
  scope(async (t) => {
    const certificate = makeCertificate(t, 'a.example');
    const { daemon, lines } = await start(t, { certificate, accessLog: 'json' });

    assert.match(daemon.addresses[0] ?? '', `https://localhost:${daemon.port}/`);
    assert.equal(await ask(daemon.port, base), { name: 'a.example', status: 200, body: 'site a' });
    const plain = rawGet(daemon.port, base);
    assert.is(
      await plain.then(
        ({ status }) => status,
        () => 'no answer',
      ),
      'no answer',
    );
    assert.is(lines.length, 1);
  }),
);

withTls(
  'certificate :: a renewed one is taken up, a wrong one is told of and left',
  scope(async (t) => {
    const files = makeCertificate(t, 'a.example');
    const errors: unknown[] = [];
    const taken: string[] = [];
    const server = { setSecureContext: () => void taken.push(readFileSync(files.cert, 'latin1')) };
    const watch = { onError: (error: unknown) => void errors.push(error), lookMs: 5 };
    t.defer(renewCertificate([server as never], files, watch), (stop) => stop());
    const until = async (isSo: () => boolean): Promise<void> => {
      while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
    };

    writeFileSync(files.cert, 'no certificate');
    await until(() => errors.length > 0);
    assert.equal(taken, []);
    makeCertificate(t, 'b.example');
    await until(() => taken.length > 0);
    assert.is(taken.at(-1), readFileSync(files.cert, 'latin1'));
  }),
);

withTls(
  'certificate :: what cannot be read, or is none, ends the start with a sentence',
  scope(async (t) => {
    const { cert } = makeCertificate(t, 'a.example');
    const key = t.path('other.pem');

    await rejectsCode(start(t, { certificate: { cert, key } }), 'FILE_UNREADABLE');
    writeFileSync(key, 'no key');
    const streams = [{ path: t.path('site.stream') }];
    await rejectsCode(start(t, { certificate: { cert, key } }, { streams }), 'USAGE');
  }),
);

test.run();
