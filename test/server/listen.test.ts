import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { clickableAddresses } from '../../src/server/addresses.ts';
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/listen.ts';
import { findPortHolder, listeningInodes } from '../../src/server/port-holder.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { rawGet, readAll } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('server/listen');

const emptyApp = () =>
  createApp({ streams: { find: () => undefined, list: () => [], onGeneration: () => () => {} } });
const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}`;

/** A server of another program on a port of one address. */
async function occupy(t: Scope, host: string, port = 0): Promise<number> {
  const server = t.defer(createServer(), (one: Server) => one.close());
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

test(
  'listen :: loopback in both families, and nothing else',
  scope(async (t) => {
    const { port } = t.defer(await listen(emptyApp(), { port: 0 }), (one) => one.close());

    assert.is((await rawGet(port, '/', { address: '127.0.0.1' })).status, 200);
    assert.is((await rawGet(port, '/', { address: '::1', host: `[::1]:${port}` })).status, 200);
    const socket = connect(port, '127.0.0.2');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.is(error.code, 'ECONNREFUSED');
  }),
);

for (const host of ['127.0.0.1', '::1']) {
  test(
    `listen :: a port taken on ${host} is an error that says by whom (T112)`,
    scope(async (t) => {
      const port = await occupy(t, host);

      const error = await rejectsCode(listen(emptyApp(), { port }), 'ADDRESS_IN_USE');

      assert.match(error.message, `port ${port} is taken by process ${process.pid} (`);
      assert.match(error.message, 'node');
      assert.ok(isDrayerError(error));
      assert.match(error.hint ?? '', `--port ${port + 1}`);
      // Nothing of the attempt stays open: the other family is free.
      await occupy(t, host === '::1' ? '127.0.0.1' : '::1', port);
    }),
  );
}

test(
  'listen :: an address this machine does not have is an error that says so',
  scope(async () => {
    const error = await rejectsCode(listen(emptyApp(), { port: 0, host: '192.0.2.1' }), 'USAGE');

    assert.match(error.message, '192.0.2.1 is not an address of this machine');
  }),
);

test(
  'listen :: --lan is all interfaces, one --host is that one',
  scope(async (t) => {
    const lan = t.defer(await listen(emptyApp(), { port: 0, lan: true }), (one) => one.close());
    const one = t.defer(await listen(emptyApp(), { port: 0, host: '127.0.0.2' }), (it) =>
      it.close(),
    );

    assert.is((await rawGet(lan.port, '/', { address: '127.0.0.2' })).status, 200);
    assert.is((await rawGet(lan.port, '/', { address: '::1', host: '[::1]' })).status, 200);
    assert.equal(one.addresses, [`http://127.0.0.2:${one.port}/`]);
    assert.is((await rawGet(one.port, '/', { address: '127.0.0.2' })).status, 200);
  }),
);

test(
  'listen :: says the addresses of what is hosted',
  scope(async (t) => {
    const { listener, port } = await serve(t, [{ path: makeSite(t, {}).path }]);

    assert.equal(listener.addresses, [
      `http://localhost:${port}/`,
      `http://${formatStreamId(KEY_A.publicKey, 'base32')}.localhost:${port}/`,
      `http://127.0.0.1:${port}${base}/webAccess/`,
    ]);
  }),
);

test('clickableAddresses :: one site at /, the LAN, a mount, many sites', () => {
  const labelA = formatStreamId(KEY_A.publicKey, 'base32');
  const pathB = `/m/${formatStreamId(KEY_B.publicKey, 'base64url')}/webAccess/`;
  const publicKeys = [KEY_A.publicKey];
  const lan = { port: 80, lanAddresses: ['192.168.1.7'] };

  const site = clickableAddresses(lan, { publicKeys, site: KEY_A.publicKey, mount: '' });
  const both = clickableAddresses(
    { port: 80, lanAddresses: [] },
    { publicKeys: [KEY_A.publicKey, KEY_B.publicKey], site: KEY_A.publicKey, mount: '/m' },
  );
  const given = clickableAddresses(
    { port: 81, host: '2001:db8::1', lanAddresses: [] },
    { publicKeys: [KEY_B.publicKey], mount: '/m' },
  );
  const many = clickableAddresses(lan, { publicKeys: Array(6).fill(KEY_A.publicKey), mount: '' });

  assert.equal(site, ['http://localhost/', 'http://192.168.1.7/', `http://${labelA}.localhost/`]);
  assert.equal(both, [
    'http://localhost/m/',
    `http://${labelA}.localhost/`,
    `http://${formatStreamId(KEY_B.publicKey, 'base32')}.localhost/`,
    `http://127.0.0.1${pathB}`,
  ]);
  assert.equal(given, ['http://[2001:db8::1]:81/m/', `http://[2001:db8::1]:81${pathB}`]);
  assert.equal(many, ['http://localhost/', 'http://192.168.1.7/']);
});

test('listeningInodes :: reads the table of the kernel, only what listens', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:8165 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 71234 1 0 100',
    '   1: 0100007F:8165 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 71999 1 0 20',
    '   2: 00000000000000000000000001000000:8165 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5 1 0',
    '   3: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 6 1 0 100',
  ].join('\n');

  assert.equal(listeningInodes(table, 33125), ['71234', '5']);
  assert.equal(listeningInodes(table, 80), ['6']);
  assert.equal(listeningInodes(table, 81), []);
});

test(
  'findPortHolder :: nobody holds a port that is free',
  scope(async (t) => {
    const port = await occupy(t, '127.0.0.1');

    assert.is((await findPortHolder(port))?.pid, process.pid);
    assert.is(await findPortHolder(1), undefined);
  }),
);

test(
  'close :: ends within 3 s with idle, paused and half-written connections, and twice',
  scope(async (t) => {
    const path = t.path('a.stream');
    const stream = t.defer(createStream(path, { secretKey: KEY_A.secretKey }), (one) =>
      one.close(),
    );
    stream.setBytes('blob', 'a', new Uint8Array(32 * 1024 * 1024));
    const { port, listener, errors } = await serve(t, [{ path }]);
    const [idle, half, paused] = await Promise.all([open(port), open(port), open(port)]);
    half.write('GET / HTTP/1.1\r\nHost: loc');
    paused.write(`GET ${base}/rawwebacess/blob/a HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await once(paused, 'readable');
    const ends = [idle, half].map(readAll);

    const started = performance.now();
    await Promise.all([listener.close(), listener.close()]);

    assert.ok(performance.now() - started < 3000);
    const last = readAll(paused);
    paused.resume();
    await Promise.all([...ends, last]);
    assert.equal(errors, []);
  }),
);

/** Runs a server in a network of its own, whose loopback was changed by `change`; its answers on both addresses. */
function inNetwork(change: string): unknown {
  const child = fileURLToPath(new URL('../helpers/family-child.ts', import.meta.url));
  const node = `"$0" --conditions=source --import "$1" "$2" 127.0.0.1 ::1`;
  const words = [process.execPath, import.meta.resolve('tsx'), child];
  const script = `ip link set lo up && ${change} && exec ${node}`;
  const run = spawnSync('unshare', ['-rn', 'sh', '-c', script, ...words], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout);
}

const hasNetworks = spawnSync('unshare', ['-rn', 'ip', 'link', 'set', 'lo', 'up']).status === 0;
if (!hasNetworks)
  console.log('  no networks of our own here: the tests of missing families are skipped');

(hasNetworks ? test : test.skip)(
  'listen :: a family that the system lacks is gone on without, whichever it is',
  () => {
    assert.equal(inNetwork('true'), [200, 200]);
    assert.equal(inNetwork('ip -6 addr del ::1/128 dev lo'), [200, 'nobody']);
    assert.equal(inNetwork('ip -4 addr del 127.0.0.1/8 dev lo'), ['nobody', 200]);
  },
);

test.run();
