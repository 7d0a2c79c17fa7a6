/** Following sources that flap, storm, hold their events back or say nothing: never stuck, never stormed. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Micros } from '../../src/core/record.ts';
import { type FollowOptions, followStream } from '../../src/mirror/follow-stream.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { memoryPathOf } from '../../src/mirror/source-memory.ts';
import { LIMITS } from '../../src/wire/limits.ts';
import type { EventsWay } from '../helpers/proxy-peer.ts';
import { type Published, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type ScriptedPeer, scriptedPeer, send } from '../helpers/scripted-peer.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { makeWaiting } from '../helpers/waiting.ts';

const test = suite('mirror/follow-hostile');

const NEVER = 3_600_000;
/** Far more than anything here takes, and less than a source may be silent for. */
const LATE_MS = 20_000;
const QUICK = { ...LIMITS, firstByteMs: 200 };
const GIANT: Micros = Number.MAX_SAFE_INTEGER;

for (const way of ['hold body', 'hold all'] satisfies EventsWay[]) {
  test(
    `followStream :: behind a proxy that holds events back (${way}) it looks by itself, and complains of nothing`,
    scope(async (t) => {
      const source = await publishOne(t);
      source.peer.events(way);
      const mirror = await follow(t, source, { pollMs: 50, limits: QUICK });

      for (const seq of [2, 3]) {
        source.stream.set('apple', { seq });
        await mirror.came(seq);
      }

      assert.equal(streamRows(mirror.path), streamRows(source.path));
      assert.equal(mirror.problems, []);
    }),
  );
}

test(
  'followStream :: a source that ends its events at once is asked less and less often',
  scope(async (t) => {
    const source = await publishOne(t);
    const peer = await withEvents(t, source, (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(eventOf(1));
    });
    await follow(t, { ...source, peer }, { pollMs: NEVER });

    await wait(3_000);

    // 0, 0.5, 1.5 and 3.5 s after the first; it was every half second.
    const count = peer.requests.filter((path) => path.endsWith('/events')).length;
    assert.ok(count <= 4, `${count} times`);
  }),
);

test(
  'followStream :: a source that storms with news nobody has is looked at less and less; an honest one is heard',
  scope(async (t) => {
    const source = await publishOne(t);
    const liar = await withEvents(t, source, (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write(eventOf(GIANT)), 10);
      t.defer(timer, clearInterval);
    });
    const mirror = await follow(t, source, { pollMs: NEVER, urls: [liar.url] });
    liar.requests.length = 0;

    await wait(3_000);
    const looks = liar.requests.filter((path) => path.includes('/crdr/')).length;
    source.stream.set('apple', { seq: 2 });
    await mirror.came(2);

    // At 0, 0.2, 0.6, 1.4 and 3 s; it was ten times a second, and each a look at all.
    assert.ok(looks <= 12, `${looks} looks`);
    assert.equal(streamRows(mirror.path), streamRows(source.path));
  }),
);

test(
  'followStream :: one source that is frozen hides nothing from who knows a finder',
  scope(async (t) => {
    const source = await publishOne(t);
    const peer = await frozenPeer(t, source);
    const finder = { name: 'test', find: () => [source.peer.url] };
    const mirror = await follow(t, { ...source, peer }, { pollMs: 100, finders: [finder] });

    source.stream.set('apple', { seq: 2 });
    await mirror.came(2);

    assert.equal(streamRows(mirror.path), streamRows(source.path));
  }),
);

test(
  'followStream :: what is remembered of sources may be unreadable or nonsense: it goes on, and mends',
  scope(async (t) => {
    const source = await publishOne(t);
    const mirror = await follow(t, source, { pollMs: 50, others: true });
    const memory = memoryPathOf(mirror.path);
    rmSync(memory, { force: true });
    mkdirSync(memory);
    source.stream.set('apple', { seq: 2 });
    await mirror.came(2);

    rmSync(memory, { recursive: true });
    const nonsense = { address: 'ftp:nowhere', kind: 'found', score: 9, failures: 0 };
    const sources = [{ ...nonsense, restsUntil: 0, tip: 0, heardAt: 0 }];
    writeFileSync(memory, JSON.stringify({ v: 1, sources, changedAt: 0 }));
    source.stream.set('apple', { seq: 3 });
    await mirror.came(3);
  }),
);

type Source = Pick<Published, 'stream' | 'path'> & {
  readonly peer: Pick<ScriptedPeer, 'url'>;
};

type Mirror = {
  readonly path: string;
  readonly problems: string[];
  came(seq: number): Promise<void>;
};

async function publishOne(t: Scope): Promise<Published> {
  const source = await publish(t);
  source.stream.set('apple', { seq: 1 });
  return source;
}

async function follow(
  t: Scope,
  { stream, peer: { url } }: Source,
  options: Partial<FollowOptions>,
): Promise<Mirror> {
  const { publicKey } = stream;
  const mirrored = await mirrorStream({ url, publicKey, dataDir: t.path('data') });
  const problems: string[] = [];
  let newest = 0;
  const { wake, until } = makeWaiting(problems, LATE_MS);
  const following = followStream(mirrored, {
    url,
    onGeneration: ({ generation }) => {
      newest = generation.snapshot?.seq ?? 0;
      wake();
    },
    onProblem: ({ code }) => {
      problems.push(code);
      wake();
    },
    ...options,
  });
  t.defer(following, (one) => one.close().catch(() => undefined));
  return {
    path: mirrored.path,
    problems,
    came: (seq) => until(`generation ${seq}`, () => newest >= seq),
  };
}

/** The source with other events. */
function withEvents(
  t: Scope,
  { port }: Published,
  script: (response: ServerResponse) => void,
): Promise<ScriptedPeer> {
  return scriptedPeer(t, async (asked, response) => {
    if (asked.endsWith('/events')) return script(response);
    const answer = await fetch(`http://127.0.0.1:${port}${asked}`);
    return send(response, Buffer.from(await answer.arrayBuffer()), answer.status);
  });
}

/** A source that stays as it is: each question is answered as it was the first time. */
function frozenPeer(t: Scope, { port }: Published): Promise<ScriptedPeer> {
  const answers = new Map<string, { readonly body: Buffer; readonly status: number }>();
  return scriptedPeer(t, async (asked, response) => {
    if (asked.endsWith('/events')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return response.write(eventOf(1));
    }
    let known = answers.get(asked);
    if (known === undefined) {
      const answer = await fetch(`http://127.0.0.1:${port}${asked}`);
      known = { body: Buffer.from(await answer.arrayBuffer()), status: answer.status };
      answers.set(asked, known);
    }
    return send(response, known.body, known.status);
  });
}

function eventOf(tip: Micros): string {
  return `event: generation\ndata: {"tip":${tip}}\n\n`;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

test.run();
