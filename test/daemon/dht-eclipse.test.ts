/** Most of the nodes near a stream's numbers belong to somebody who hides its newest generations. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findDaemon } from '../../src/daemon/control-client.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { withDht } from '../../src/daemon/dht.ts';
import { writeKept } from '../../src/daemon/kept-mirrors.ts';
import { listStreams } from '../../src/daemon/list-streams.ts';
import { runDaemon } from '../../src/daemon/run-daemon.ts';
import { signPointer } from '../../src/discovery/dht-pointer.ts';
import { makeDataDir, mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { keyPathOf, readKeyFile } from '../../src/store/key-file.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { type Child, runHelper } from '../helpers/child.ts';
import { openDhtLab } from '../helpers/dht-lab.ts';
import { openSybils } from '../helpers/dht-sybils.ts';
import { hasNetLab, netLab } from '../helpers/net-lab.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('daemon/dht-eclipse');
// Namespaces are made by root on Linux only.
const lab = hasNetLab() ? test : test.skip;

test(
  'eclipse :: with 18 of 20 nodes against it a mirror follows whom it knows, and the list says so (T083)',
  scope(async (t) => {
    const stream = t.defer(createStream(t.path('own.stream')), (one) => one.close());
    const { path, publicKey, id } = stream;
    stream.putFile('index.html', Buffer.from('one'));
    const publisher = t.defer(await startDaemon({ streams: [{ path }], port: 0 }), (one) =>
      one.close(),
    );
    const old = signPointer(
      { seq: 1, modified: 1_763_900_000_000_000, root: new Uint8Array(32).fill(1) },
      readKeyFile(keyPathOf(path)),
    );
    const lab = t.defer(await openDhtLab(2), (one) => one.close());
    const sybils = await openSybils(publicKey, { count: 18, pointer: old });
    for (const one of sybils) t.defer(one, ({ close }) => close());
    const bootstrap = [lab.bootstrap, ...sybils.map(({ port }) => `127.0.0.1:${port}`)];
    const dataDir = t.path('mirror');
    makeDataDir(dataDir);
    const kept = { id, urls: [`http://127.0.0.1:${publisher.port}`], isHidden: false };
    writeKept({ ...kept, path: mirrorPathOf(publicKey, dataDir), quota: undefined });
    const seen = new Map<number, () => void>();
    const reached = (seq: number) => new Promise<void>((resolve) => seen.set(seq, resolve));
    const [first, third] = [reached(1), reached(3)];
    let disagree: (id: string) => void = () => {};
    const disagreed = new Promise<string>((resolve) => {
      disagree = resolve;
    });
    const start = withDht(
      (options) =>
        runDaemon({
          ...options,
          dataDir,
          version: '1.2.3',
          onMirrored: ({ generation }) => seen.get(generation.snapshot?.seq ?? 0)?.(),
        }),
      { bootstrap, anyAddress: true, everyMs: 1_000, dataDir },
      { onDisagree: disagree },
    );
    t.defer(await start({ streams: [], port: 0 }), (one) => one.close());
    await first;

    stream.putFile('index.html', Buffer.from('two'));
    stream.putFile('index.html', Buffer.from('three'));
    await third;
    assert.is(await disagreed, id);

    const link = await findDaemon(dataDir);
    const run = await link?.ask({ do: 'list' }, { signal: new AbortController().signal });
    link?.close();
    const [summary] = listStreams([], run);
    assert.is(summary?.isDisputed, true);
    assert.is(summary?.seq, 3);
    // Who had it was hidden, too: nobody else was to be found there.
    assert.ok(sybils.every(({ asked }) => asked.length > 0));
  }),
);

lab(
  'eclipse :: with 18 of 20 nodes against it and its source gone, a mirror follows who is on the network (T083)',
  scope(async (t) => {
    const stream = createStream(t.path('own.stream'));
    const { path, id } = stream;
    stream.putFile('index.html', Buffer.from('one'));
    stream.close();
    const old = signPointer(
      { seq: 1, modified: 1_763_900_000_000_000, root: new Uint8Array(32).fill(1) },
      readKeyFile(keyPathOf(path)),
    );
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    const pointer = JSON.stringify({
      ...old,
      root: hex(old.root),
      signature: hex(old.signature),
    });
    const net = netLab(t);
    const run = (last: number, ...args: string[]): Child => {
      const machine = net.machine({ lan: 'a', addresses: [`10.1.0.${last}/24`] });
      return t.defer(runHelper('eclipse-child.ts', args, machine), async ({ process, ended }) => {
        process.kill('SIGKILL');
        await ended;
      });
    };
    const mirror = run(2, 'mirror', t.path('mirror'), id, pointer, 'lan');
    const deaf = run(3, 'mirror', t.path('deaf'), id, pointer, 'quiet');
    await Promise.all([mirror.line('waits'), deaf.line('waits')]);
    const publisher = run(1, 'publish', path);

    await mirror.line('mirrored 1');
    publisher.process.stdin?.write('two\nthree\n');
    await mirror.line('mirrored 3');

    await Promise.all([mirror.line('disagrees'), deaf.line('looked')]);
    assert.not(deaf.lines.some((line) => line.startsWith('mirrored')));
  }),
);

test.run();
