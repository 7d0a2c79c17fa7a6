/** `followStream`: a mirror comes along with its source, over live events or without them. */
import { request, type ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Following,
  type FollowOptions,
  followStream,
} from '../../src/mirror/follow-stream.ts';
import { type MirrorReport, mirrorStream } from '../../src/mirror/mirror.ts';
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/listen.ts';
import { createStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type ScriptedPeer, scriptedPeer, send } from '../helpers/scripted-peer.ts';
import { serve } from '../helpers/serving.ts';

const test = suite('mirror/follow-stream');

/** What a follower told, in order, and how to wait for it. */
type Heard = { readonly words: string[]; until(word: string): Promise<void> };

type Source = { readonly stream: Stream; readonly path: string };

test(
  'followStream :: mirrors at each generation of the source, without asking in between',
  scope(async (t) => {
    const { stream, path } = makeStream(t);
    const { port } = await serve(t, [{ path }]);
    const { heard, mirrored } = await follow(t, `http://127.0.0.1:${port}`, { pollMs: 3_600_000 });

    for (const seq of [2, 3, 4]) {
      stream.set('apple', { seq });
      await heard.until(`generation ${seq}`);
    }

    assert.equal(heard.words, ['generation 2', 'generation 3', 'generation 4']);
    assert.is(mirrored.generation.snapshot?.seq, 1);
  }),
);

test(
  'followStream :: looks at once when it is told to, also at a source that sends no events',
  scope(async (t) => {
    const source = makeStream(t);
    const peer = await withEvents(t, source, (response) => send(response, 'no', 404));
    const { heard, following } = await follow(t, peer.url, { pollMs: 3_600_000 });

    for (const seq of [2, 3]) {
      source.stream.set('apple', { seq });
      following.pull();
      await heard.until(`generation ${seq}`);
    }

    assert.equal(heard.words, ['generation 2', 'generation 3']);
  }),
);

test(
  'followStream :: tells once that the source is gone, and catches up when it is back',
  scope(async (t) => {
    const { stream, path } = makeStream(t);
    const { streams, listener } = await serve(t, [{ path }]);
    const { port } = listener;
    const { heard } = await follow(t, `http://127.0.0.1:${port}`, { pollMs: 100 });

    await listener.close();
    await heard.until('UNREACHABLE');
    stream.set('apple', { seq: 2 });
    t.defer(await listen(createApp({ streams }), { port }), (one) => one.close());
    await heard.until('generation 2');

    assert.equal(heard.words, ['UNREACHABLE', 'mended', 'generation 2']);
  }),
);

test(
  'followStream :: looks now and then at a source that sends no events',
  scope(async (t) => {
    const source = makeStream(t);
    const peer = await withEvents(t, source, (response) => send(response, 'no', 404));
    const { heard } = await follow(t, peer.url, { pollMs: 20 });

    source.stream.set('apple', { seq: 2 });
    await heard.until('generation 2');

    assert.equal(heard.words, ['generation 2']);
    assert.ok(peer.requests.some((path) => path.endsWith('/events')));
  }),
);

test(
  'followStream :: does not read an event that never ends, and goes on all the same',
  scope(async (t) => {
    const source = makeStream(t);
    const peer = await withEvents(t, source, (response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      response.write(`event: generation\ndata: ${'x'.repeat(5000)}`);
    });
    const { heard } = await follow(t, peer.url, { pollMs: 20 });

    await heard.until('PEER_MISBEHAVED');
    source.stream.set('apple', { seq: 2 });
    await heard.until('generation 2');
  }),
);

test(
  'followStream :: ends with the signal, in the middle of waiting',
  scope(async (t) => {
    const { path } = makeStream(t);
    const { port } = await serve(t, [{ path }]);
    const stop = new AbortController();
    const { following, heard } = await follow(t, `http://127.0.0.1:${port}`, {
      signal: stop.signal,
    });

    stop.abort();
    await following.closed;

    assert.equal(heard.words, []);
  }),
);

function makeStream(t: Scope): Source {
  const path = t.path('own.stream');
  const stream = t.defer(createStream(path), (one) => one.close());
  stream.set('apple', { seq: 1 });
  return { stream, path };
}

async function follow(
  t: Scope,
  url: string,
  options: Partial<FollowOptions>,
): Promise<{ heard: Heard; following: Following; mirrored: MirrorReport }> {
  const words: string[] = [];
  const waiting = new Set<() => void>();
  const say = (word: string): void => {
    words.push(word);
    for (const look of waiting) look();
  };
  const mirrored = await mirrorStream({ url, dataDir: t.path('data') });
  const following = followStream(mirrored, {
    url,
    onGeneration: ({ generation }) => say(`generation ${generation.snapshot?.seq}`),
    onProblem: ({ code }) => say(code),
    onMended: () => say('mended'),
    ...options,
  });
  t.defer(following, (one) => one.close());
  const until = (word: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => void (words.includes(word) && waiting.delete(look) && resolve());
      waiting.add(look);
      look();
    });
  return { heard: { words, until }, following, mirrored };
}

/** A server of ours whose events are answered by `script`. */
async function withEvents(
  t: Scope,
  { path }: Source,
  script: (response: ServerResponse) => void,
): Promise<ScriptedPeer> {
  const { port } = await serve(t, [{ path }]);
  return scriptedPeer(t, (asked, response, { headers }) => {
    if (asked.endsWith('/events')) return script(response);
    const options = { host: '127.0.0.1', port, path: asked, headers };
    return request({ ...options, headers: { ...headers, host: `127.0.0.1:${port}` } }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    }).end();
  });
}

test.run();
