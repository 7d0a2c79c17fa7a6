/** Hostile sources (T043–T053): each is refused in bounded time and memory, and the honest one is reached in the same round. */
import { copyFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { type Fault, faults, honestly, hostilePeer } from '../helpers/hostile-peers.ts';
import { change, fill, startTrap } from '../helpers/hostile-site.ts';
import { type Published, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/hostile');

/** A single source is waited for as long as it takes: shorter here than 5 to 15 s. */
const ALONE = { connectMs: 200, firstByteMs: 200, idleMs: 200 };
const LIMITS = { connectMs: 2_000, firstByteMs: 2_000, idleMs: 1_000 };
const NOWHERE = 'http://127.0.0.1:9/';
/** Tested at the same time. */
const GROUP = 8;
const ALL = [...faults(NOWHERE).keys()];

for (let at = 0; at < ALL.length; at += GROUP) {
  const names = ALL.slice(at, at + GROUP);
  test(
    `mirrorStream :: refused, and the honest one reached (R16, R19): a source that ${names.join(', ')}`,
    scope(async (t) => {
      const started = await startMirror(t);
      const honest = await hostilePeer(t, started.published.port, honestly);
      const trap = await startTrap(t);
      const all = faults(trap.url);
      const memory = watchMemory();

      // At once: most of it is waiting.
      await Promise.all(
        names.map(async (name) => {
          const fault = all.get(name) as Fault;
          const { url } = await hostilePeer(t, started.published.port, fault);
          await refuses(t, started, { name, url });
          await reaches(t, started, { name, urls: [url, honest.url] });
        }),
      );

      assert.is(trap.dialled(), 0);
      assert.ok(memory.peakMiB() < 150, `${memory.peakMiB()} MiB`);
    }),
  );
}

test(
  'mirrorStream :: with all of them hostile nothing is shown that never was (control for T050)',
  scope(async (t) => {
    const { published, before, options } = await startMirror(t);
    // One that leaves something out would do: what it leaves out depends on what it is asked for, and
    // together two of them have it all.
    const names = ['changes a key', 'changes links', 'sends another stream'];
    const all = faults(NOWHERE);
    const urls: string[] = [];
    for (const name of names) {
      urls.push((await hostilePeer(t, published.port, all.get(name) as Fault)).url);
    }

    const error = await mirrorStream({ ...options, urls, limits: LIMITS }).catch((one) => one);

    assert.ok(isDrayerError(error), String(error));
    assert.match(error.message, 'none of 3 sources', error.message);
    assert.equal(streamRows(options.path), before);
  }),
);

/** Nothing wrong is shown, whatever it does; a few faults leave a source that is of use all the same. */
async function refuses(
  t: Scope,
  { published, options, before }: Started,
  { name, url }: { readonly name: string; readonly url: string },
): Promise<void> {
  const path = t.path(`${name}.stream`);
  for (const end of ['', '.trust']) copyFileSync(options.path + end, path + end);
  const outcome = await mirrorStream({ ...options, path, url, limits: ALONE }).then(
    ({ changed }) => changed,
    (error: unknown) => error,
  );
  assert.ok(outcome === true || isDrayerError(outcome), `${name}: ${String(outcome)}`);
  assert.equal(streamRows(path), outcome === true ? streamRows(published.path) : before, name);
}

async function reaches(
  t: Scope,
  { published, options }: Started,
  { name, urls }: { readonly name: string; readonly urls: readonly string[] },
): Promise<void> {
  const path = t.path(`${name} and an honest one.stream`);
  await mirrorStream({ urls, publicKey: options.publicKey, path, limits: LIMITS });
  assert.equal(streamRows(path), streamRows(published.path), name);
}

type Started = {
  readonly published: Published;
  readonly options: { readonly publicKey: Uint8Array; readonly path: string };
  readonly before: string[];
};

/** A mirror at the first of two generations. */
async function startMirror(t: Scope): Promise<Started> {
  const published = await publish(t);
  fill(published);
  const options = { publicKey: published.stream.publicKey, path: t.path('mirror.stream') };
  await mirrorStream({ ...options, url: published.peer.url });
  const before = streamRows(options.path);
  change(published);
  return { published, options, before };
}

/** What the process grows by, at most, looked at often. */
function watchMemory(): { peakMiB(): number } {
  const before = process.memoryUsage().rss;
  let peak = before;
  const look = (): void => {
    peak = Math.max(peak, process.memoryUsage().rss);
  };
  const timer = setInterval(look, 20);
  return {
    peakMiB: () => {
      clearInterval(timer);
      look();
      return Math.round((peak - before) / 1024 / 1024);
    },
  };
}

test.run();
