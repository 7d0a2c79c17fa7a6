import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { type DaemonLink, findDaemon } from '../../src/daemon/control-client.ts';
import type { Order, Results } from '../../src/daemon/control-wire.ts';
import { keptPathOf, readKept } from '../../src/daemon/kept-mirrors.ts';
import { type RunningDaemon, type RunOptions, runDaemon } from '../../src/daemon/run-daemon.ts';
import { mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { createStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { trustPathOf } from '../../src/store/trust.ts';
import { get } from '../helpers/fetch-site.ts';
import { noise, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('daemon/run-daemon');

/** Resolves once `isTrue` is; looks again with every event it is told of. */
class Until {
  readonly #waiting = new Set<() => void>();
  readonly told: string[] = [];

  tell(event: string): void {
    this.told.push(event);
    for (const look of this.#waiting) look();
  }

  event(prefix: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ${prefix}: ${this.told}`)), 20_000);
      const look = (): void => {
        const found = this.told.find((one) => one.startsWith(prefix));
        if (found === undefined) return;
        clearTimeout(late);
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

type Rig = { readonly daemon: RunningDaemon; readonly events: Until; readonly dataDir: string };

async function run(t: Scope, options: Partial<RunOptions> = {}): Promise<Rig> {
  const dataDir = options.dataDir ?? t.path('data');
  const events = new Until();
  const daemon = await runDaemon({
    streams: [],
    port: 0,
    pollMs: 5,
    version: '1.2.3',
    onStream: ({ id }) => events.tell(`stream ${id}`),
    onMirrored: ({ generation }) => events.tell(`mirrored ${generation.snapshot?.seq}`),
    onProblem: (_, { code }) => events.tell(`problem ${code}`),
    onMended: () => events.tell('mended'),
    onRemoved: () => events.tell('removed'),
    onSecond: (reason) => events.tell(`second ${reason}`),
    onError: (error, path) => events.tell(`error ${path} ${String(error)}`),
    ...options,
    dataDir,
  });
  t.defer(daemon, (one) => one.close());
  return { daemon, events, dataDir };
}

async function link(dataDir: string): Promise<DaemonLink> {
  const found = await findDaemon(dataDir);
  assert.ok(found);
  return found;
}

async function order<Given extends Order>(
  dataDir: string,
  given: Given,
): Promise<Results[Given['do']]> {
  return await (await link(dataDir)).ask(given);
}

async function page(
  daemon: RunningDaemon,
  stream: Stream,
): Promise<{ status: number; body: string }> {
  const label = formatStreamId(stream.publicKey, 'base32');
  const { status, body } = await get(`http://${label}.localhost:${daemon.port}/index.html`);
  return { status, body: body.toString() };
}

/** The server itself, past the proxy. */
function sourceOf({ port }: { readonly port: number }): string {
  return `http://127.0.0.1:${port}`;
}

function put(stream: Stream, text: string): void {
  stream.putFile('index.html', Buffer.from(text));
}

test(
  'mirror :: many streams are added at run time, served, followed, and removed again',
  scope(async (t) => {
    const first = await publish(t, { name: 'one' });
    const second = await publish(t, { name: 'two' });
    put(first.stream, 'one');
    put(second.stream, 'two');
    const { daemon, events, dataDir } = await run(t);

    for (const { stream, port } of [first, second]) {
      const done = await order(dataDir, { do: 'mirror', id: stream.id, url: sourceOf({ port }) });
      assert.is(done.path, mirrorPathOf(stream.publicKey, dataDir));
      assert.is(done.addresses.length > 0, true);
    }
    assert.is((await page(daemon, first.stream)).body, 'one');
    assert.is((await page(daemon, second.stream)).body, 'two');
    put(first.stream, 'one more');
    await events.event('mirrored 2');
    const { streams, kept } = await order(dataDir, { do: 'list' });
    assert.equal(streams.length, 2);
    assert.equal(
      kept.map(({ isFollowing, urls }) => [isFollowing, urls.length]),
      [
        [true, 1],
        [true, 1],
      ],
    );

    const path = mirrorPathOf(second.stream.publicKey, dataDir);
    const removed = await order(dataDir, { do: 'unmirror', id: second.stream.id });

    assert.is(removed.path, path);
    assert.is((await page(daemon, second.stream)).status, 404);
    const left = readdirSync(dataDir).filter((name) =>
      path.endsWith(`${name.split('.stream', 1)[0]}.stream`),
    );
    // What it has seen stays, so that nobody shows it an older state when it comes again.
    assert.equal(
      left.map((name) => `${dataDir}/${name}`),
      [trustPathOf(path)],
    );
    assert.is((await page(daemon, first.stream)).status, 200);
    await rejectsCode(order(dataDir, { do: 'unmirror', id: second.stream.id }), 'STREAM_NOT_FOUND');
    await order(dataDir, { do: 'mirror', id: second.stream.id, url: sourceOf(second) });
    assert.is((await page(daemon, second.stream)).body, 'two');
  }),
);

test(
  'mirror :: one that is held is kept up to date and shown to nobody, also after a restart',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    put(stream, 'one');
    const { daemon, dataDir } = await run(t);
    await order(dataDir, { do: 'mirror', id: stream.id, url: sourceOf({ port }), isHidden: true });
    const path = mirrorPathOf(stream.publicKey, dataDir);
    assert.is((await page(daemon, stream)).status, 404);
    await daemon.close();

    const again = await run(t, { streams: [{ path }] });
    put(stream, 'two');
    await again.events.event('mirrored 2');

    assert.is((await page(again.daemon, stream)).status, 404);
    assert.equal(again.daemon.served(), []);
    await order(dataDir, { do: 'mirror', id: stream.id, isHidden: false });
    assert.is((await page(again.daemon, stream)).body, 'two');
  }),
);

test(
  'runDaemon :: follows after a restart what it followed before; a source that is back is noticed',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    put(stream, 'one');
    const dataDir = t.path('data');
    const first = await run(t);
    await order(dataDir, { do: 'mirror', id: stream.id, url: sourceOf({ port }) });
    await first.daemon.close();

    const { daemon, events } = await run(t);
    put(stream, 'two');
    await events.event('mirrored 2');
    assert.is((await page(daemon, stream)).body, 'two');
  }),
);

test(
  'mirror :: a failure changes nothing: not the note, not what is followed, not what is served',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    put(stream, 'one');
    const { daemon, events, dataDir } = await run(t);
    const other = createStream(t.path('other.stream'));
    t.defer(other, (one) => one.close());
    await rejectsCode(
      order(dataDir, { do: 'mirror', id: other.id, url: sourceOf({ port }) }),
      'NOT_FOUND',
    );
    assert.is(existsSync(keptPathOf(mirrorPathOf(other.publicKey, dataDir))), false);
    await rejectsCode(order(dataDir, { do: 'mirror', id: other.id }), 'NOT_FOUND');

    await order(dataDir, { do: 'mirror', id: stream.id, url: sourceOf({ port }) });
    await rejectsCode(
      order(dataDir, { do: 'mirror', id: stream.id, url: 'ftp://example.org', isHidden: true }),
      'USAGE',
    );

    assert.is(readKept(mirrorPathOf(stream.publicKey, dataDir))?.isHidden, false);
    assert.is((await page(daemon, stream)).body, 'one');
    put(stream, 'two');
    await events.event('mirrored 2');
    assert.is((await page(daemon, stream)).body, 'two');
  }),
);

test(
  'quota :: a mirror stops at its last complete generation, says so, and goes on when it is raised',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    put(stream, 'one');
    const { daemon, events, dataDir } = await run(t);
    const quota = { bytes: 100_000 };
    await order(dataDir, { do: 'mirror', id: stream.id, url: sourceOf({ port }), quota });

    stream.transaction((tx) => {
      tx.putFile('index.html', Buffer.from('two'));
      tx.putFile('large.bin', Buffer.from(noise(200_000)));
    });
    await events.event('problem TOO_LARGE');

    assert.is((await page(daemon, stream)).body, 'one');
    const [kept] = (await order(dataDir, { do: 'list' })).kept;
    assert.is(kept?.problem?.code, 'TOO_LARGE');
    assert.equal(kept?.quota, quota);
    await order(dataDir, { do: 'mirror', id: stream.id, quota: {} });
    assert.is((await page(daemon, stream)).body, 'two');
    const [after] = (await order(dataDir, { do: 'list' })).kept;
    assert.equal([after?.problem, after?.quota, after?.isFollowing], [undefined, undefined, true]);
  }),
);

test(
  'quota :: many small generations do not grow past it, and a large value is not taken whole',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    const keys = ['a', 'b', 'c', 'd', 'e'];
    const set = (key: string, bytes: number): unknown => stream.set(key, noise(bytes, bytes));
    set('a', 30_000);
    const { events, dataDir } = await run(t);
    const quota = { bytes: 100_000 };
    await order(dataDir, { do: 'mirror', id: stream.id, url: sourceOf({ port }), quota });

    // Replaced and renamed again and again: it is never more than 60,000 at a time.
    for (let n = 2; n < 8; n += 1) {
      set('b', 30_000 + n);
      await events.event(`mirrored ${n}`);
    }
    for (const key of keys.slice(2)) set(key, 30_000);
    await events.event('problem TOO_LARGE');
    for (const key of keys.slice(2)) stream.delete(key);
    await order(dataDir, { do: 'mirror', id: stream.id });

    const [kept] = (await order(dataDir, { do: 'list' })).kept;
    assert.is(kept?.problem, undefined);
    const before = events.told.length;
    set('large', 5_000_000);
    const error = await order(dataDir, { do: 'mirror', id: stream.id }).catch((one) => one.code);
    assert.is(error, 'TOO_LARGE');
    assert.ok(events.told.slice(before).every((one) => !one.startsWith('mirrored')));
    const files = readdirSync(dataDir).filter((name) => name.includes('.part'));
    assert.equal(files, []);
  }),
);

test(
  'unmirror :: own streams, pushed ones and strangers are never removed',
  scope(async (t) => {
    const { dataDir } = await run(t);
    const own = createStream(`${dataDir}/x.stream`);
    own.close();
    const path = mirrorPathOf(own.publicKey, dataDir);
    copyFileSync(`${dataDir}/x.stream`, path);
    const ask = () => order(dataDir, { do: 'unmirror', id: own.id });

    // A copy without any sign that it is a mirror.
    await rejectsCode(ask(), 'STREAM_READ_ONLY');
    writeFileSync(trustPathOf(path), '{"tip":1}');
    for (const name of ['.privatekey', '.mark', '.receipts']) {
      writeFileSync(path + name, 'x');
      await rejectsCode(ask(), 'STREAM_READ_ONLY');
      renameSync(path + name, `${dataDir}/aside${name}`);
    }
    assert.ok(existsSync(path));
    await ask();
    assert.is(existsSync(path), false);
    assert.ok(existsSync(`${dataDir}/x.stream.privatekey`));
  }),
);

test(
  'runDaemon :: a second one over the same folder serves, and says who the first is',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    put(stream, 'one');
    const { daemon, dataDir } = await run(t);
    await order(dataDir, { do: 'mirror', id: stream.id, url: sourceOf({ port }) });

    const second = await run(t);

    const said = await second.events.event('second');
    assert.match(said, `process ${process.pid} (port ${daemon.port}) is the daemon of ${dataDir}`);
    assert.is(second.daemon.keeper, undefined);
    assert.is((await page(second.daemon, stream)).body, 'one');
    await daemon.close();
    const third = await run(t);
    assert.ok(third.daemon.keeper);
  }),
);

test(
  'changed, serve :: a file that was written is looked at at once; another is served from now on',
  scope(async (t) => {
    const own = t.defer(createStream(t.path('own.stream')), (one) => one.close());
    put(own, 'one');
    // Never by itself: what is seen here was told.
    const { daemon, dataDir } = await run(t, { streams: [{ path: own.path }], pollMs: 3_600_000 });
    put(own, 'two');
    const { addresses } = await order(dataDir, { do: 'changed', path: own.path });
    assert.ok(addresses.length > 0);

    const later = t.defer(createStream(t.path('later.stream')), (one) => one.close());
    put(later, 'later');
    assert.equal(await order(dataDir, { do: 'changed', path: later.path }), { addresses: [] });
    const served = await order(dataDir, { do: 'serve', path: later.path, name: 'later' });

    assert.is(served.id, later.id);
    assert.is((await get(served.addresses[0] ?? '')).body.toString(), 'later');
    await rejectsCode(order(dataDir, { do: 'serve', path: t.path('none') }), 'STREAM_NOT_FOUND');
    assert.ok(daemon.port > 0);
  }),
);

test(
  'close :: ends within three seconds, whatever sources and followers are doing',
  scope(async (t) => {
    const { stream, path } = await publish(t);
    put(stream, 'one');
    const mirrorOf = await serve(t, [{ path }]);
    const { daemon, events, dataDir } = await run(t);
    await order(dataDir, { do: 'mirror', id: stream.id, url: sourceOf(mirrorOf) });
    // A source that takes every connection and never says a word.
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    t.defer(silent, (one) => one.close());
    const { port } = silent.address() as { port: number };
    const other = createStream(t.path('other.stream'));
    t.defer(other, (one) => one.close());
    const stuck = order(dataDir, { do: 'mirror', id: other.id, url: `http://127.0.0.1:${port}` });
    stuck.catch(() => {});
    await new Promise((resolve) => silent.once('connection', resolve));
    const follower = fetch(
      `http://127.0.0.1:${daemon.port}/${formatStreamId(stream.publicKey, 'base64url')}/events`,
    );
    assert.is((await follower).status, 200);

    const started = performance.now();
    await daemon.close();
    const tookMs = performance.now() - started;

    assert.ok(tookMs < 3000, `${tookMs} ms`);
    await rejectsCode(stuck, 'UNREACHABLE');
    assert.equal(
      events.told.filter((one) => one.startsWith('error')),
      [],
    );
    assert.is(existsSync(t.path('data', 'daemon.sock')), false);
  }),
);

test(
  'runDaemon :: a note that cannot be read is told, its mirror is hidden, all others are kept',
  scope(async (t) => {
    const { stream, port } = await publish(t);
    put(stream, 'one');
    const first = await run(t);
    await order(first.dataDir, { do: 'mirror', id: stream.id, url: sourceOf({ port }) });
    await first.daemon.close();
    const path = mirrorPathOf(stream.publicKey, first.dataDir);
    writeFileSync(keptPathOf(path), '{"id":"x"}');
    mkdirSync(t.path('data'), { recursive: true });

    const { daemon, events } = await run(t, { streams: [{ path }] });

    assert.match(await events.event('error'), 'expected where a mirror comes from');
    assert.is((await page(daemon, stream)).status, 404);
    assert.is(statSync(path).isFile(), true);
  }),
);

test.run();
