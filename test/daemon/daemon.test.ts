import { once } from 'node:events';
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Daemon, type DaemonOptions, startDaemon } from '../../src/daemon/daemon.ts';
import { createStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { get } from '../helpers/fetch-site.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('daemon/daemon');

function makeStream(t: Scope, name: string): Stream {
  const stream = t.defer(createStream(t.path(`${name}.stream`)), (one) => one.close());
  stream.putFile('index.html', Buffer.from(`<h1>${name}</h1>`));
  return stream;
}

async function start(t: Scope, options: Partial<DaemonOptions>): Promise<Daemon> {
  const daemon = await startDaemon({ streams: [], port: 0, pollMs: 5, ...options });
  return t.defer(daemon, (one) => one.close());
}

function siteUrl(daemon: Daemon, n = 0): string {
  const url = daemon.streams[n]?.addresses.find((address) => address.includes('.localhost:'));
  assert.ok(url);
  return url;
}

test(
  'startDaemon :: serves every stream on an address of its own',
  scope(async (t) => {
    const streams = ['a', 'b'].map((name) => ({ path: makeStream(t, name).path, name }));

    const daemon = await start(t, { streams });

    assert.equal(
      daemon.streams.map(({ name }) => name),
      ['a', 'b'],
    );
    assert.is((await get(siteUrl(daemon, 0))).body.toString(), '<h1>a</h1>');
    assert.is((await get(siteUrl(daemon, 1))).body.toString(), '<h1>b</h1>');
    assert.ok(daemon.addresses.every((address) => new URL(address).port === String(daemon.port)));
  }),
);

test(
  'startDaemon :: tells about a generation that somebody else commits, and serves it',
  scope(async (t) => {
    const stream = makeStream(t, 'a');
    let heard: (seq: number | undefined) => void = () => {};
    const next = new Promise<number | undefined>((resolve) => {
      heard = resolve;
    });
    const daemon = await start(t, {
      streams: [{ path: stream.path }],
      onGeneration: ({ generation }) => heard(generation.snapshot?.seq),
    });

    stream.putFile('index.html', Buffer.from('<h1>new</h1>'));

    assert.is(await next, 2);
    assert.is((await get(siteUrl(daemon))).body.toString(), '<h1>new</h1>');
  }),
);

test(
  'startDaemon :: serves a mirror that comes into the data folder, and not half of one',
  scope(async (t) => {
    const own = makeStream(t, 'own');
    const other = makeStream(t, 'other');
    other.close();
    mkdirSync(t.path('data'));
    let heard: (id: string) => void = () => {};
    const next = new Promise<string>((resolve) => {
      heard = resolve;
    });
    const daemon = await start(t, {
      streams: [{ path: own.path }],
      dataDir: t.path('data'),
      onStream: ({ id }) => heard(id),
    });

    copyFileSync(other.path, t.path('data', 'x.stream.part'));
    renameSync(t.path('data', 'x.stream.part'), t.path('data', 'x.stream'));

    assert.is(await next, other.id);
    const list = await get(`http://127.0.0.1:${daemon.port}/streams.json`);
    assert.is(JSON.parse(list.body.toString()).streams.length, 2);
  }),
);

test(
  'startDaemon :: close ends it once and for all; the signal does the same',
  scope(async (t) => {
    const { path } = makeStream(t, 'a');
    const stop = new AbortController();
    const daemon = await start(t, { streams: [{ path }], signal: stop.signal });
    const url = siteUrl(daemon);
    assert.is((await get(url)).status, 200);

    stop.abort();
    await daemon.closed;
    await Promise.all([daemon.close(), daemon.close()]);

    const error = await get(url).catch((reason: NodeJS.ErrnoException) => reason);
    assert.is((error as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    await rejectsCode(
      startDaemon({ streams: [{ path }], port: 0, signal: stop.signal }),
      'ABORTED',
    );
  }),
);

test(
  'startDaemon :: what is wrong is said before anything listens, and nothing stays open',
  scope(async (t) => {
    const { path } = makeStream(t, 'a');
    writeFileSync(t.path('text.stream'), 'no stream at all, but long enough to look like a file');
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    t.defer(holder, (server) => server.close());
    const { port } = holder.address() as AddressInfo;
    const streams = [{ path }];

    await rejectsCode(
      startDaemon({ streams: [{ path: t.path('none') }], port: 0 }),
      'STREAM_NOT_FOUND',
    );
    await rejectsCode(
      startDaemon({ streams: [{ path: t.path('text.stream') }], port: 0 }),
      'STREAM_INVALID',
    );
    await rejectsCode(startDaemon({ streams, port }), 'ADDRESS_IN_USE');
    await rejectsCode(startDaemon({ streams, port: 0, site: new Uint8Array(32) }), 'USAGE');
  }),
);

test.run();
