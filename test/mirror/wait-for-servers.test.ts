import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import {
  type AwaitedGeneration,
  type ServerState,
  type WaitOptions,
  waitForServers,
} from '../../src/mirror/wait-for-servers.ts';
import type { Stream } from '../../src/store/stream.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { type Published, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { scriptedPeer } from '../helpers/scripted-peer.ts';
import { serve } from '../helpers/serving.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/wait-for-servers');

const LONG_MS = 60_000;
/** Long enough for a server on this machine to have been asked; what is never there is waited for. */
const SHORT_MS = 1_000;

test(
  'waitForServers :: a server that has the generation counts, at once',
  scope(async (t) => {
    const { stream, port } = await publishOne(t);

    const [state] = await waitFor(stream, [url(port)]);

    assert.equal(state, { url: url(port), isServing: true, seq: 1 });
  }),
);

test(
  'waitForServers :: a mirror that is behind counts from the moment it has caught up',
  scope(async (t) => {
    const { stream, peer } = await publishOne(t);
    const path = t.path('mirror.stream');
    await mirrorStream({ url: peer.url, publicKey: stream.publicKey, path });
    const mirror = await serve(t, [{ path }]);
    stream.set('apple', 2);
    const seen: string[] = [];

    const [state] = await waitFor(stream, [url(mirror.port)], {
      onProgress: ([server]) => {
        seen.push(server?.problem ?? 'there');
        if (seen.length > 1) return;
        void mirrorStream({ url: peer.url, publicKey: stream.publicKey, path });
      },
    });

    assert.equal(seen, ['serves generation 1', 'there']);
    assert.is(state?.isServing, true);
    assert.is(state?.seq, 2);
  }),
);

test(
  'waitForServers :: who lacks what is told when the time is up',
  scope(async (t) => {
    const { stream, port } = await publishOne(t);
    const old = generationOf(stream);
    stream.set('apple', 2);
    const other = await publish(t, { name: 'other', secretKey: KEY_B.secretKey });
    const silent = await scriptedPeer(t, () => undefined);
    const urls = [url(port), url(other.port), 'http://127.0.0.1:1', silent.url];
    const awaited = generationOf(stream);

    const states = await waitForServers(urls, awaited, { needed: 2, timeoutMs: SHORT_MS });

    assert.equal(
      states.map(({ isServing }) => isServing),
      [true, false, false, false],
    );
    assert.match(states[1]?.problem ?? '', `has no stream ${stream.id}`);
    assert.match(states[2]?.problem ?? '', 'connection refused');
    assert.is(states[3]?.problem, undefined);
    // The one before is no less there for a newer one.
    const [newer] = await waitForServers([url(port)], old, { needed: 1, timeoutMs: LONG_MS });
    assert.equal(newer, { url: url(port), isServing: true, seq: 2 });
  }),
);

test(
  'waitForServers :: a snapshot that the key did not sign does not count',
  scope(async (t) => {
    const { stream, peer } = await publishOne(t);
    peer.tamper((_path, answer) => {
      const at = answer.body.indexOf('sig');
      // The first byte of the signature, behind its name and the header of 64 bytes.
      if (at >= 0) answer.body.writeUInt8(answer.body.readUInt8(at + 5) ^ 1, at + 5);
      return undefined;
    });

    const options = { timeoutMs: SHORT_MS };
    const [state] = await waitFor(stream, [peer.url], options);
    peer.tamper(undefined);
    const [honest] = await waitFor(stream, [peer.url]);

    assert.is(state?.isServing, false);
    assert.match(state?.problem ?? '', 'signature is not of this key');
    assert.is(honest?.isServing, true);
  }),
);

test(
  'waitForServers :: another root for the same generation is two histories',
  scope(async (t) => {
    const { stream } = await publishOne(t);
    const other = await publish(t, { name: 'twin', secretKey: KEY_A.secretKey });
    other.stream.set('apple', 'another');

    const options = { timeoutMs: SHORT_MS };
    const [same] = await waitFor(stream, [url(other.port)], options);
    other.stream.set('apple', 'another again');
    const [next] = await waitFor(stream, [url(other.port)], options);

    for (const state of [same, next]) {
      assert.is(state?.isServing, false);
      assert.match(state?.problem ?? '', 'the key has signed two histories');
    }
  }),
);

test(
  'waitForServers :: of a stream without snapshots the tip is asked',
  scope(async (t) => {
    const { stream, port } = await publish(t, { snapshots: false });
    stream.set('apple', 1);
    const before = generationOf(stream);
    stream.set('apple', 2);
    const after = generationOf(stream);

    const [there] = await waitForServers([url(port)], after, { needed: 1, timeoutMs: LONG_MS });
    const missing = { ...after, tip: after.tip + 1 };
    const [late] = await waitForServers([url(port)], missing, { needed: 1, timeoutMs: SHORT_MS });

    assert.is(before.snapshot, undefined);
    assert.is(there?.isServing, true);
    assert.is(late?.isServing, false);
    assert.match(late?.problem ?? '', `its newest record is ${after.tip}`);
  }),
);

test(
  'waitForServers :: stops when it is told to',
  scope(async (t) => {
    const { stream } = await publishOne(t);
    const silent = await scriptedPeer(t, () => undefined);
    const stop = new AbortController();
    const waiting = waitFor(stream, [silent.url], { signal: stop.signal });

    stop.abort();

    await rejectsCode(waiting, 'ABORTED');
  }),
);

async function publishOne(t: Scope): Promise<Published> {
  const published = await publish(t, { secretKey: KEY_A.secretKey });
  published.stream.set('apple', 1);
  return published;
}

function waitFor(
  stream: Stream,
  urls: readonly string[],
  options: Partial<WaitOptions> = {},
): Promise<readonly ServerState[]> {
  const all = { needed: urls.length, timeoutMs: LONG_MS, pollMs: 10, ...options };
  return waitForServers(urls, generationOf(stream), all);
}

function generationOf({ publicKey, reader }: Stream): AwaitedGeneration {
  const { tip, snapshot } = reader.generation();
  return { publicKey, tip, snapshot };
}

function url(port: number): string {
  return `http://127.0.0.1:${port}`;
}

test.run();
