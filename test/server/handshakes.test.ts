/** Handshakes that are begun and not ended, against a server that ends TLS itself. */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { CertificateFiles } from '../../src/server/certificate.ts';
import { parseResponse, readAll } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/handshakes');

function makeCertificate(t: Scope): CertificateFiles {
  const files = { cert: t.path('cert.pem'), key: t.path('key.pem') };
  const type = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const rest = ['-x509', '-days', '2', '-subj', '/CN=localhost'];
  execFileSync('openssl', ['req', ...type, ...rest, '-keyout', files.key, '-out', files.cert], {
    stdio: 'ignore',
  });
  return files;
}

/** Connections that say nothing, from one address. */
async function dumb(
  t: Scope,
  port: number,
  times: number,
  localAddress: string,
): Promise<Socket[]> {
  const sockets = Array.from({ length: times }, () =>
    t.defer(connect({ port, host: '127.0.0.1', localAddress }), (one) => void one.destroy()),
  );
  for (const socket of sockets) socket.on('error', () => {});
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

/** Status of the front page over TLS; undefined when the connection is ended before. */
async function visit(port: number, localAddress: string): Promise<number | undefined> {
  const bare = connect({ port, host: '127.0.0.1', localAddress });
  bare.on('error', () => {});
  const socket = connectTls({ socket: bare, rejectUnauthorized: false });
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  const came = await readAll(socket);
  return came.length === 0 ? undefined : parseResponse(came).status;
}

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.log('  no openssl here: the tests of TLS are skipped');
const withTls = hasOpenssl ? test : test.skip;

withTls(
  'handshakes :: who begins hundreds and ends none keeps nobody out',
  scope(async (t) => {
    const ended: string[] = [];
    const site = makeSite(t, { 'index.html': 'home' }).path;
    const { port, errors } = await serve(
      t,
      [{ path: site }],
      {},
      {
        certificate: makeCertificate(t),
        limits: { most: 40, mostOfOne: 40 },
        onConnection: (event) => void ended.push(event),
      },
    );

    // The oldest of an address gives way to its next one; others keep theirs.
    const [patient] = await dumb(t, port, 1, '127.0.0.3');
    await dumb(t, port, 250, '127.0.0.1');
    assert.is(await visit(port, '127.0.0.2'), 200);
    assert.is(await visit(port, '127.0.0.1'), 200);
    assert.is(patient?.closed, false);
    assert.ok(
      ended.length >= 230 && ended.every((event) => event === 'evicted'),
      `${ended.length}`,
    );

    // Of many addresses the oldest of all.
    for (let last = 10; last < 20; last += 1) await dumb(t, port, 15, `127.0.0.${last}`);
    assert.is(await visit(port, '127.0.0.2'), 200);
    assert.equal(errors, []);
  }),
);

test.run();
