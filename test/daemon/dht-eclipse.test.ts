/** Most of the nodes near a stream's numbers belong to somebody who hides its newest generations. */
import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findDaemon } from '../../src/daemon/control-client.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { withDht } from '../../src/daemon/dht.ts';
import { writeKept } from '../../src/daemon/kept-mirrors.ts';
import { listStreams } from '../../src/daemon/list-streams.ts';
import { runDaemon } from '../../src/daemon/run-daemon.ts';
import {
  infoHashOf,
  SALT,
  type SignedPointer,
  signPointer,
  valueIn,
} from '../../src/discovery/dht-pointer.ts';
import { makeDataDir, mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { keyPathOf, readKeyFile } from '../../src/store/key-file.ts';
import { createStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { contact, type FalseNode, openDhtLab, openFalseNode, replyTo } from '../helpers/dht-lab.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('daemon/dht-eclipse');

/** Nodes as near to one of two numbers as can be made, that show an old pointer and name each other. */
async function openSybils(
  t: Scope,
  { publicKey }: Pick<Stream, 'publicKey'>,
  { count, pointer }: { readonly count: number; readonly pointer: SignedPointer },
): Promise<readonly FalseNode[]> {
  const targets = [
    Buffer.from(infoHashOf(publicKey)),
    createHash('sha1').update(publicKey).update(SALT).digest(),
  ];
  const { seq, signature: sig } = pointer;
  const item = { k: publicKey, seq, sig, v: valueIn(pointer) };
  const nodes: { readonly id: Buffer; readonly node: FalseNode }[] = [];
  for (let at = 0; at < count; at += 1) {
    const id = Buffer.from(targets[at % 2] ?? '');
    id[19] = (id[19] ?? 0) ^ (at + 1);
    const node = await openFalseNode((asked) => {
      const others = nodes.map((one) =>
        Buffer.concat([one.id, contact('127.0.0.1', one.node.port)]),
      );
      const values = [contact('8.8.8.8', 2_000 + at)];
      return [replyTo(asked, { id, token: 'x', nodes: Buffer.concat(others), values, ...item })];
    });
    nodes.push({ id, node: t.defer(node, (one) => one.close()) });
  }
  return nodes.map(({ node }) => node);
}

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
    const sybils = await openSybils(t, stream, { count: 18, pointer: old });
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

test.run();
