/** The servers that a site names are told of each generation, and hold no publish up. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openStream } from '../../src/store/open-stream.ts';
import { SITE_URL, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { scriptedPeer, send } from '../helpers/scripted-peer.ts';

const test = suite('e2e/announce');

type Message = Record<string, unknown>;

test(
  'publish :: tells the primary servers of the new generation, and nobody where there is none',
  scope(async (t) => {
    const sh = shell(t);
    const { messages, server } = await listening(t);
    const socket = t.defer(createSocket('udp4'), (one) => one.close());
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const datagram = once(socket, 'message');
    writeSite(t, 'first');
    assert.is((await sh.run('publish', 'site')).status, 0);
    const stream = openStream(t.path('site.stream'));
    const udp = ['127.0.0.1', (socket.address() as AddressInfo).port] as const;
    stream.transaction((tx) => {
      tx.setPrimaryServers([{ type: 'http', url: `${server.url}/`, udp }]);
    });
    stream.close();

    writeSite(t, 'second');
    const run = await sh.run('publish', 'site', '--json');
    const again = await sh.run('publish', 'site');

    assert.is(run.status, 0, run.stderr);
    assert.is(run.stderr, '');
    assert.match(again.stdout, 'nothing to publish');
    assert.equal(
      messages.map(({ mod }) => mod),
      [JSON.parse(run.stdout).tip],
    );
    const [received] = (await datagram) as [Buffer];
    assert.is((decode(received.subarray(4)) as Message)['mod'], JSON.parse(run.stdout).tip);
  }),
);

test(
  'publish :: a server that is not there is one line, and no failure',
  scope(async (t) => {
    const sh = shell(t);
    writeSite(t, 'first');
    assert.is((await sh.run('publish', 'site')).status, 0);
    assert.is((await sh.run('servers', 'site', 'add', 'http://127.0.0.1:1/')).status, 0);

    writeSite(t, 'second');
    const run = await sh.run('publish', 'site');

    assert.is(run.status, 0);
    assert.is(
      run.stderr.match(/warning: published, but could not tell of it: http:\/\/127\.0\.0\.1:1/g)
        ?.length,
      1,
      run.stderr,
    );
  }),
);

test(
  'publish --watch :: tells them of each generation, with the port it is served on',
  scope(async (t) => {
    const sh = shell(t);
    const { server, next } = await listening(t);
    writeSite(t, 'first');
    assert.is((await sh.run('publish', 'site')).status, 0);
    assert.is((await sh.run('servers', 'site', 'add', `${server.url}/`)).status, 0);
    const watch = sh.start('publish', 'site', '--watch', '--serve', '--port', '0');
    await watch.waitForStderr(/watching site/);

    const second = next();
    writeSite(t, 'second');
    const { mod, httpport } = await second;
    const third = next();
    writeSite(t, 'third');
    const last = await third;

    assert.ok(Number(last['mod']) > Number(mod));
    const { port } = new URL(/http:\/\/\S+/.exec((await watch.stop()).stdout)?.[0] ?? '');
    assert.is(String(httpport), port);
  }),
);

test(
  'mirror --serve :: looks at its source when it is told of a generation',
  scope(async (t) => {
    const sh = shell(t);
    const other = shell(t, { home: 'other', directory: t.path('elsewhere') });
    writeSite(t, 'first');
    assert.is((await sh.run('publish', 'site')).status, 0);
    const server = sh.start('serve', 'site', '--port', '0');
    const [, , port] = await server.waitFor(SITE_URL);
    // Without live events, and so soon it would not look by itself.
    const quiet = await scriptedPeer(t, (path, response, { headers }) => {
      if (path.endsWith('/events')) return send(response, 'no', 404);
      const host = `127.0.0.1:${port}`;
      const to = { host: '127.0.0.1', port, path, headers: { ...headers, host } };
      return request(to, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      }).end();
    });
    const mirror = other.start('mirror', quiet.url, '--serve', '--port', '0');
    const [, , mirrorPort] = await mirror.waitFor(SITE_URL);
    const { stderr } = await sh.run('servers', 'site', 'add', `http://127.0.0.1:${mirrorPort}/`);
    writeSite(t, 'second');
    const run = await sh.run('publish', 'site', '--wait-mirrors', '1', '--timeout', '20');

    assert.is(run.status, 0, stderr + run.stderr);
    await mirror.waitFor(/generation 3/);
  }),
);

/** A server that takes what it is told. */
async function listening(t: Scope) {
  const messages: Message[] = [];
  const waiting: ((message: Message) => void)[] = [];
  const server = await scriptedPeer(t, async (_path, response, request) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    send(response, '');
    if (request.method !== 'POST') return;
    const message = decode(Buffer.concat(chunks)) as Message;
    messages.push(message);
    waiting.shift()?.(message);
  });
  const next = (): Promise<Message> => new Promise((resolve) => waiting.push(resolve));
  return { messages, server, next };
}

function writeSite(t: Scope, text: string): void {
  mkdirSync(t.path('site'), { recursive: true });
  writeFileSync(t.path('site', 'index.html'), text);
}

test.run();
