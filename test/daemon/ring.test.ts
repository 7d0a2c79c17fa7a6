/** Mirrors that follow each other in a circle (T054): nothing goes round twice, nobody is stormed. */
import { rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type RunningDaemon, runDaemon } from '../../src/daemon/run-daemon.ts';
import { mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { memoryPathOf } from '../../src/mirror/source-memory.ts';
import type { Stream } from '../../src/store/stream.ts';
import { type ProxyPeer, proxyPeer } from '../helpers/proxy-peer.ts';
import { type Published, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('daemon/ring');

/** Nothing comes by looking around within a test: what comes has been told. */
const NEVER = 3_600_000;
const NODES = 4;
const GENERATIONS = 5;

/** One mirror of the ring. */
type Node = {
  readonly daemon: RunningDaemon;
  readonly path: string;
  /** Through which the others see it. */
  readonly door: ProxyPeer;
  /** The generations that it took, in order. */
  readonly taken: number[];
  /** Resolves once it has this generation or a later one. */
  reached(seq: number): Promise<void>;
};

test(
  'runDaemon :: in a ring each generation comes to each mirror once, and then all is quiet (T054)',
  scope(async (t) => {
    const source = await publish(t);
    const { stream } = source;
    stream.set('apple', { seq: 1 });
    const { nodes, doors } = await makeRing(t, source);

    for (let seq = 2; seq < 2 + GENERATIONS; seq += 1) {
      stream.set('apple', { seq });
      await Promise.all(nodes.map((node) => node.reached(seq)));
    }
    await settled(doors);

    for (const { path, taken } of nodes) {
      assert.equal(streamRows(path), streamRows(source.path));
      const ascending = [...new Set(taken)].sort((a, b) => a - b);
      assert.equal(taken, ascending, 'none twice, none after a later one');
    }
    // Its tip, its records and word of them, from each of two neighbours, and half as much to spare.
    for (const { requests } of doors) {
      assert.ok(requests.length <= 9 * GENERATIONS, requests.join('\n'));
      assert.ok(requests.some(isNews), 'it was told');
    }
  }),
);

test(
  'runDaemon :: who cannot be reached, or hides the mirror, tells no other machine of it',
  scope(async (t) => {
    const source = await publish(t);
    source.stream.set('apple', { seq: 1 });
    // To a mirror this is another machine: its name is none of loopback.
    const elsewhere = `http://0.0.0.0:${source.peer.port}`;
    const heard: boolean[] = [];
    for (const { url, host, isHidden } of [
      { url: elsewhere, host: undefined, isHidden: false },
      { url: elsewhere, host: '0.0.0.0', isHidden: false },
      { url: elsewhere, host: '0.0.0.0', isHidden: true },
      { url: source.peer.url, host: undefined, isHidden: true },
    ]) {
      const { daemon, path, reached, taken } = await nodeOf(t, `one-${heard.length}`, source, host);
      const { signal } = new AbortController();
      await daemon.keeper?.mirror({ id: source.stream.id, url, isHidden }, { signal });
      taken.length = 0;
      source.peer.requests.length = 0;
      await asked(source.peer, '/events');

      const seq = 2 + heard.length;
      source.stream.set('apple', { seq });
      await reached(seq);
      await settled([source.peer]);

      assert.equal(streamRows(path), streamRows(source.path));
      heard.push(source.peer.requests.some(isNews));
      await daemon.close();
    }

    assert.equal(heard, [false, true, false, false]);
  }),
);

function isNews(path: string): boolean {
  return path.endsWith('/newRecordAvailable');
}

/** A ring of mirrors that have the first generation; only the first of them knows the publisher. */
async function makeRing(
  t: Scope,
  { stream, peer, port }: Published,
): Promise<{ nodes: readonly Node[]; doors: readonly ProxyPeer[] }> {
  const nodes: Node[] = [];
  for (let index = 0; index < NODES; index += 1) {
    nodes.push(await nodeOf(t, `data-${index}`, { stream, port }));
  }
  for (const [index, { daemon }] of nodes.entries()) {
    const next = nodes[(index + 1) % NODES]?.door.url ?? '';
    const { signal } = new AbortController();
    const order = { id: stream.id, url: index === 0 ? peer.url : next, from: [next] };
    await daemon.keeper?.mirror(order, { signal });
  }
  const doors = [peer, ...nodes.map(({ door }) => door)];
  // From here on everybody listens.
  await Promise.all(doors.map((door) => asked(door, '/events')));
  for (const { requests } of doors) requests.length = 0;
  return { nodes, doors };
}

async function nodeOf(
  t: Scope,
  name: string,
  { stream, port }: { readonly stream: Stream; readonly port: number },
  host?: string,
): Promise<Node> {
  const dataDir = t.path(name);
  const path = mirrorPathOf(stream.publicKey, dataDir);
  await mirrorStream({ url: `http://127.0.0.1:${port}`, publicKey: stream.publicKey, dataDir });
  // The publisher is not to be remembered.
  rmSync(memoryPathOf(path));
  const taken: number[] = [];
  let wake = (): void => {};
  const daemon = await runDaemon({
    streams: [{ path }],
    dataDir,
    port: 0,
    host,
    pollMs: 5,
    sourcePollMs: NEVER,
    version: '1.2.3',
    onMirrored: ({ generation }) => {
      taken.push(generation.snapshot?.seq ?? 0);
      wake();
    },
  });
  t.defer(daemon, (one) => one.close());
  const reached = async (seq: number): Promise<void> => {
    while ((taken.at(-1) ?? 0) < seq) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { daemon, path, door: await proxyPeer(t, daemon.port), taken, reached };
}

async function asked({ requests }: ProxyPeer, end: string): Promise<void> {
  while (!requests.some((path) => path.endsWith(end))) await tick(10);
}

/** Waits until nobody has asked anybody anything for a while. */
async function settled(doors: readonly ProxyPeer[]): Promise<void> {
  const count = (): number => doors.reduce((sum, { requests }) => sum + requests.length, 0);
  for (let before = -1; before !== count(); ) {
    before = count();
    await tick(500);
  }
}

function tick(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test.run();
