/** Daemons that know nothing of each other but a key, and find each other in a DHT of twenty nodes. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { withDht } from '../../src/daemon/dht.ts';
import { writeKept } from '../../src/daemon/kept-mirrors.ts';
import { runDaemon } from '../../src/daemon/run-daemon.ts';
import { DhtDiscovery } from '../../src/discovery/dht-discovery.ts';
import { makeDataDir, mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { createStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { openDhtLab } from '../helpers/dht-lab.ts';
import { TEST_KEYS } from '../helpers/records.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { setUnchecked } from '../helpers/set-unchecked.ts';

const test = suite('daemon/dht');

/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';

type Told = { readonly heard: Promise<string>; readonly tell: (what: string) => void };

function told(): Told {
  let tell: (what: string) => void = () => {};
  const heard = new Promise<string>((resolve) => {
    tell = resolve;
  });
  return { heard, tell };
}

function dhtOf(bootstrap: string, dataDir: string) {
  return { bootstrap: [bootstrap], anyAddress: true, everyMs: 8_000, dataDir };
}

async function mirrorOf(
  t: Scope,
  { id, publicKey }: Pick<Stream, 'id' | 'publicKey'>,
  { bootstrap, url }: { readonly bootstrap: string; readonly url: string },
) {
  const dataDir = t.path('mirror');
  makeDataDir(dataDir);
  const kept = { id, urls: [url], isHidden: false, quota: undefined };
  writeKept({ ...kept, path: mirrorPathOf(publicKey, dataDir) });
  const [first, second] = [told(), told()];
  const onMirrored = ({ generation }: { generation: { snapshot: { seq: number } | undefined } }) =>
    (generation.snapshot?.seq === 1 ? first : second).tell(`${generation.snapshot?.seq}`);
  const base = { version: '1.2.3', dataDir, onMirrored };
  const start = withDht((options) => runDaemon({ ...options, ...base }), dhtOf(bootstrap, dataDir));
  const daemon = await start({ streams: [], port: 0 });
  t.defer(daemon, (one) => one.close());
  return { daemon, first: first.heard, second: second.heard };
}

test(
  'withDht :: with nothing but the key, a mirror finds the stream, and follows it (§11)',
  scope(async (t) => {
    const lab = t.defer(await openDhtLab(20), (one) => one.close());
    const path = t.path('own.stream');
    const stream = t.defer(createStream(path), (one) => one.close());
    stream.putFile('index.html', Buffer.from('one'));
    const start = withDht(startDaemon, dhtOf(lab.bootstrap, t.path('publisher')));
    const publisher = await start({ streams: [{ path }], port: 0 });
    t.defer(publisher, (one) => one.close());

    const mirror = await mirrorOf(t, stream, { bootstrap: lab.bootstrap, url: NOWHERE });

    assert.is(await mirror.first, '1');
    stream.putFile('index.html', Buffer.from('two'));
    assert.is(await mirror.second, '2');
  }),
);

test(
  'withDht :: where a router leads another port here, others are told that one',
  scope(async (t) => {
    const lab = t.defer(await openDhtLab(8), (one) => one.close());
    const path = t.path('own.stream');
    const stream = t.defer(createStream(path), (one) => one.close());
    let outside = 0;
    const start = withDht(
      async (options) => ({ ...(await startDaemon(options)), outsidePort: () => outside }),
      { ...dhtOf(lab.bootstrap, t.path('publisher')), everyMs: 1_000 },
    );
    const publisher = await start({ streams: [{ path }], port: 0 });
    t.defer(publisher, (one) => one.close());
    outside = 40_404;
    const seeker = new DhtDiscovery({
      bootstrap: [lab.bootstrap],
      anyAddress: true,
      everyMs: 1_000,
      onPeers: () => found.tell(seeker.known(stream.publicKey).urls.join()),
    });
    const found = told();
    t.defer(seeker, (one) => one.stop());
    seeker.open();
    seeker.put({ publicKey: stream.publicKey, port: 0 });

    // The port it listens on was never told.
    assert.is(await found.heard, 'http://127.0.0.1:40404');
  }),
);

test(
  'withDht :: nobody is told of a mirror before its signatures are checked (R22)',
  scope(async (t) => {
    const lab = t.defer(await openDhtLab(8), (one) => one.close());
    const path = t.path('mirror.stream');
    const { publicKey, secretKey } = TEST_KEYS;
    createStream(path, { secretKey }).setBytes('file', 'f', new Uint8Array(1)).close();
    // It stays as it is: nobody checks again what was found to be wrong.
    setUnchecked(path, { from: NOWHERE, fault: 'record 2' });
    const everyMs = 300;
    const way = { ...dhtOf(lab.bootstrap, t.path('daemon')), everyMs };
    const daemon = await withDht(startDaemon, way)({ streams: [{ path }], port: 0 });
    t.defer(daemon, (one) => one.close());
    let looks = 0;
    let whenLooked: () => void = () => {};
    const found = told();
    const seeker = new DhtDiscovery({
      bootstrap: [lab.bootstrap],
      anyAddress: true,
      everyMs,
      onPeers: () => found.tell(seeker.known(publicKey).urls.join()),
      onLook: () => {
        looks += 1;
        whenLooked();
      },
    });
    t.defer(seeker, (one) => one.stop());
    seeker.open();
    seeker.put({ publicKey, port: 0 });
    while (looks < 3) {
      await new Promise<void>((resolve) => {
        whenLooked = resolve;
      });
    }
    assert.equal(seeker.known(publicKey).urls, []);

    setUnchecked(path, undefined);

    assert.is(await found.heard, `http://127.0.0.1:${daemon.port}`);
  }),
);

test.run();
