/** Following several sources, and mirrors of mirrors: by events, whoever tells, whoever is silent. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Following,
  type FollowOptions,
  followStream,
} from '../../src/mirror/follow-stream.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import type { FallenSource } from '../../src/mirror/score.ts';
import { readMemory, writeMemory } from '../../src/mirror/source-memory.ts';
import { createStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { scriptedPeer, send } from '../helpers/scripted-peer.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/follow-several');

/** Nothing comes by looking around within a test: what comes has been told. */
const NEVER = 3_600_000;
/** As often as a daemon looks at its files. */
const DAEMON_POLL_MS = 50;
const HOPS = 3;
const GENERATIONS = 7;

/** A mirror that is followed; resolves each generation with the time it came. */
type Mirror = {
  readonly path: string;
  readonly port: number;
  readonly following: Following;
  readonly words: string[];
  /** Resolves with the time at which this generation came. */
  came(seq: number): Promise<number>;
};

test(
  'followStream :: a generation goes from mirror to mirror by events alone, each hop in no time',
  scope(async (t) => {
    const { stream, path } = makeStream(t);
    const { port } = await serve(t, [{ path }], { pollMs: DAEMON_POLL_MS });
    const chain: Mirror[] = [];
    for (let hop = 0; hop < HOPS; hop += 1) {
      const from = chain.at(-1)?.port ?? port;
      chain.push(await mirrorOf(t, [urlOf(from)], { pollMs: NEVER, publicKey: stream.publicKey }));
    }

    const hops: number[] = [];
    for (let seq = 2; seq < 2 + GENERATIONS; seq += 1) {
      stream.set('apple', { seq });
      let before = performance.now();
      for (const mirror of chain) {
        const at = await mirror.came(seq);
        hops.push(at - before);
        before = at;
      }
    }

    for (const mirror of chain) assert.equal(streamRows(mirror.path), streamRows(path));
    // What else this machine does comes on top in some of them; what is waited for is in all of them.
    hops.sort((a, b) => a - b);
    const third = hops[Math.floor(hops.length / 3)] ?? Number.NaN;
    assert.ok(third < 200, `${hops.map((ms) => ms.toFixed(0)).join(' ')} ms`);
  }),
);

test(
  'followStream :: one source goes, one never tells: the generation comes from the third',
  scope(async (t) => {
    const { stream, path } = makeStream(t);
    const first = await serve(t, [{ path }]);
    const third = await serve(t, [{ path }]);
    const frozen = await scriptedPeer(t, async (asked, response) => {
      if (!asked.endsWith('/events')) {
        const answer = await fetch(`${urlOf(third.port)}${asked}`);
        return send(response, Buffer.from(await answer.arrayBuffer()), answer.status);
      }
      // Says nothing but that it is there.
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return response.write(': \n\n');
    });
    const urls = [urlOf(first.port), frozen.url, urlOf(third.port)];
    const mirror = await mirrorOf(t, urls, { pollMs: NEVER, publicKey: stream.publicKey });

    await first.listener.close();
    stream.set('apple', { seq: 2 });
    await mirror.came(2);

    assert.equal(streamRows(mirror.path), streamRows(path));
    assert.equal(
      mirror.words.filter((word) => word.startsWith('problem')),
      [],
    );
  }),
);

test(
  'followStream :: of several sources that send no events all are asked, each time',
  scope(async (t) => {
    const { stream, path } = makeStream(t);
    const { port } = await serve(t, [{ path }]);
    const asked: string[][] = [[], []];
    const urls: string[] = [];
    for (const requests of asked) {
      const peer = await scriptedPeer(t, async (request, response) => {
        if (request.endsWith('/events')) return send(response, 'no', 404);
        requests.push(request);
        const answer = await fetch(`${urlOf(port)}${request}`);
        return send(response, Buffer.from(await answer.arrayBuffer()), answer.status);
      });
      urls.push(peer.url);
    }
    const mirror = await mirrorOf(t, urls, { pollMs: 20, publicKey: stream.publicKey });
    for (const requests of asked) requests.length = 0;

    stream.set('apple', { seq: 2 });
    await mirror.came(2);

    for (const requests of asked) assert.ok(requests.some((one) => one.includes('crdr')));
  }),
);

test(
  'followStream :: whoever serves tells the other sources of a generation, and they come for it (A5)',
  scope(async (t) => {
    const { stream, path } = makeStream(t);
    const { port } = await serve(t, [{ path }]);
    // The second follows a source without events, and looks only when it is told.
    const mute = await scriptedPeer(t, async (asked, response) => {
      if (asked.endsWith('/events')) return send(response, 'no', 404);
      const answer = await fetch(`${urlOf(port)}${asked}`);
      return send(response, Buffer.from(await answer.arrayBuffer()), answer.status);
    });
    const second = await mirrorOf(t, [mute.url], { pollMs: NEVER, publicKey: stream.publicKey });
    const first = await mirrorOf(t, [urlOf(port), urlOf(second.port)], {
      pollMs: NEVER,
      httpPort: 33125,
    });

    stream.set('apple', { seq: 2 });
    await first.came(2);
    await second.came(2);

    assert.equal(streamRows(second.path), streamRows(path));
  }),
);

test(
  'followStream :: a source that has gone back is named once, and what is held stays (A5)',
  scope(async (t) => {
    const { stream, path } = makeStream(t);
    const { port } = await serve(t, [{ path }]);
    const old = await mirrorOf(t, [urlOf(port)], { pollMs: NEVER, publicKey: stream.publicKey });
    await old.following.close();
    let isBack = false;
    const peer = await scriptedPeer(t, async (asked, response) => {
      if (asked.endsWith('/events')) return send(response, 'no', 404);
      const answer = await fetch(`${urlOf(isBack ? old.port : port)}${asked}`);
      return send(response, Buffer.from(await answer.arrayBuffer()), answer.status);
    });
    stream.set('apple', { seq: 2 });
    const fallen: FallenSource[] = [];
    const named = new Promise<void>((resolve) => {
      void mirrorOf(t, [peer.url], {
        pollMs: 20,
        publicKey: stream.publicKey,
        onFallen: (one) => {
          fallen.push(one);
          resolve();
        },
      }).then(() => {
        isBack = true;
      });
    });

    await named;
    const seen = peer.requests.length;
    while (peer.requests.length < seen + 6) await new Promise((next) => setTimeout(next, 10));

    assert.equal(
      fallen.map(({ url }) => url),
      [peer.url],
    );
  }),
);

test(
  'followStream :: whoever is found at a look is listened to as well, by one who had nobody',
  scope(async (t) => {
    const { stream, path } = makeStream(t);
    const { port } = await serve(t, [{ path }]);
    let listened: () => void = () => {};
    const isListened = new Promise<void>((resolve) => {
      listened = resolve;
    });
    const found = await scriptedPeer(t, async (asked, response) => {
      if (asked.endsWith('/events')) return listened();
      const answer = await fetch(`${urlOf(port)}${asked}`);
      return send(response, Buffer.from(await answer.arrayBuffer()), answer.status);
    });
    let pulls = 0;
    const find = (): readonly string[] => {
      pulls += 1;
      return pulls > 2 ? [found.url] : [];
    };
    await mirrorOf(t, [urlOf(port)], {
      pollMs: 10,
      publicKey: stream.publicKey,
      finders: [{ name: 'test', find }],
    });
    await isListened;
  }),
);

test(
  'followStream :: whoever is found is listened to first: where it tells of nothing newer, nobody is asked for that',
  scope(async (t) => {
    const { stream, path } = makeStream(t);
    const [first, second] = [await serve(t, [{ path }]), await serve(t, [{ path }])];
    let turns = 0;
    let mirror: Mirror | undefined;
    const asked: number[] = [];
    let enough: () => void = () => {};
    const isEnough = new Promise<void>((resolve) => {
      enough = resolve;
    });
    // Known after a turn in which all were asked, before the next.
    const remember = (): boolean => {
      if (mirror === undefined || asked.length !== 1) return false;
      const memory = readMemory(mirror.path);
      const [known] = memory.sources;
      if (known === undefined || memory.sources.length > 1) return false;
      const address = known.address.replace(`${first.port}`, `${second.port}`);
      const sources = [known, { ...known, address, kind: 'found' as const, score: 5 }];
      writeMemory(mirror.path, memory, { ...memory, sources });
      asked.push(turns);
      return true;
    };
    const find = (): readonly string[] => {
      if (mirror !== undefined) asked.push(turns);
      if (asked.length === 3) enough();
      return [];
    };
    mirror = await mirrorOf(t, [urlOf(first.port)], {
      pollMs: () => {
        // As long it has to tell what it has.
        const ms = remember() ? 800 : 20;
        turns += 1;
        return ms;
      },
      publicKey: stream.publicKey,
      finders: [{ name: 'test', find }],
    });
    await isEnough;

    const [, known = 0, again = 0] = asked;
    assert.is(again - known, 4);
  }),
);

for (const [what, isFrozen, sources, wanted] of [
  [
    'all are listened to and tell of nothing newer: they are asked in one turn of four',
    false,
    3,
    4,
  ],
  ['one of them never tells: all are asked in each turn', true, 3, 1],
  ['there is one, and it is listened to: nobody else counts the time', false, 1, 4],
] as const) {
  test(
    `followStream :: ${what}`,
    scope(async (t) => {
      const { stream, path } = makeStream(t);
      const [first, second] = [await serve(t, [{ path }]), await serve(t, [{ path }])];
      const third = await scriptedPeer(t, async (asked, response) => {
        if (!asked.endsWith('/events')) {
          const answer = await fetch(`${urlOf(first.port)}${asked}`);
          return send(response, Buffer.from(await answer.arrayBuffer()), answer.status);
        }
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const { tip } = stream.reader.generation();
        return response.write(isFrozen ? ': \n\n' : `event: generation\ndata: {"tip":${tip}}\n\n`);
      });
      let turns = 0;
      let last = 0;
      const gaps: number[] = [];
      const isEnough = (): boolean => gaps.length >= 5 && gaps.slice(-3).every((n) => n === wanted);
      const enough = new Promise<void>((resolve) => {
        const find = (): readonly string[] => {
          gaps.push(turns - last);
          last = turns;
          if (isEnough()) resolve();
          return [];
        };
        const urls = [urlOf(first.port), urlOf(second.port), third.url];
        void mirrorOf(t, urls.slice(0, sources), {
          // Asked for before each turn, and by no one else once all who listen have somebody, or there is nobody.
          pollMs: () => {
            turns += 1;
            return 10;
          },
          publicKey: stream.publicKey,
          finders: [{ name: 'test', find }],
        });
      });
      await enough;
      if (isFrozen) assert.not.ok(gaps.includes(4), gaps.join(' '));
    }),
  );
}

function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function makeStream(t: Scope): { stream: Stream; path: string } {
  const path = t.path('own.stream');
  const stream = t.defer(createStream(path), (one) => one.close());
  stream.set('apple', { seq: 1 });
  return { stream, path };
}

let count = 0;

/** A mirror of these sources, followed and served. */
async function mirrorOf(
  t: Scope,
  urls: readonly string[],
  { publicKey, ...options }: Partial<FollowOptions> & { publicKey?: Uint8Array },
): Promise<Mirror> {
  count += 1;
  const mirrored = await mirrorStream({ urls, publicKey, dataDir: t.path(`data-${count}`) });
  const words: string[] = [];
  const times = new Map<number, number>();
  const waiting = new Set<() => void>();
  const following = followStream(mirrored, {
    urls,
    onGeneration: ({ generation }) => {
      times.set(generation.snapshot?.seq ?? 0, performance.now());
      for (const look of waiting) look();
    },
    onProblem: ({ code }) => words.push(`problem ${code}`),
    ...options,
  });
  t.defer(following, (one) => one.close());
  const { port } = await serve(t, [{ path: mirrored.path }], {
    pollMs: DAEMON_POLL_MS,
    onAnnounced: () => following.pull(),
  });
  const came = (seq: number): Promise<number> =>
    new Promise((resolve) => {
      const look = (): void => {
        // Several generations may come in one.
        const at = [...times].filter(([one]) => one >= seq).map(([, time]) => time);
        const [first] = at.sort((a, b) => a - b);
        if (first === undefined) return;
        waiting.delete(look);
        resolve(first);
      };
      waiting.add(look);
      look();
    });
  return { path: mirrored.path, port, following, words, came };
}

test.run();
