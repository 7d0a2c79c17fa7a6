/** A hundred sources of which one is honest (T050): it is found, and soon. */
import { env } from 'node:process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { type Fault, faults, honestly, hostilePeer } from '../helpers/hostile-peers.ts';
import { change, fill, startTrap } from '../helpers/hostile-site.ts';
import { publish } from '../helpers/published.ts';
import { scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/hostile-crowd');

const NOWHERE = 'http://127.0.0.1:9/';
/** What costs time, rather than being seen through at once; of these there are 99 of a kind. */
const SLOW = [
  'says nothing at all',
  'never ends its headers',
  'keeps pages to itself',
  'sends pages a byte at a time',
  'sends half a list',
  'leaves a record out',
  'breaks off each page',
  'sends values a byte at a time',
  'keeps values to itself',
  'has other values',
];

test(
  'mirrorStream :: with 99 of 100 sources hostile it converges in under 30 s (T050)',
  scope(async (t) => {
    const trap = await startTrap(t);
    const scripts = [...faults(trap.url).values()];
    for (let run = 0; run < scaled(1); run += 1) {
      await converges(t, `run-${run}`, (at) => scripts[(at + run) % scripts.length] as Fault);
    }
    assert.is(trap.dialled(), 0);
  }),
);

// With 99 of one kind nobody but the honest one has what that kind keeps back.
for (const name of SLOW.slice(0, scaled(1) > 1 ? SLOW.length : 0)) {
  test(
    `mirrorStream :: with 99 of 100 sources each of which ${name} it converges in under 30 s (T050)`,
    scope(async (t) => {
      const fault = faults(NOWHERE).get(name) as Fault;
      await converges(t, 'same', () => fault);
    }),
  );
}

async function converges(t: Scope, name: string, faultAt: (at: number) => Fault): Promise<void> {
  const published = await publish(t, { name });
  const { stream, port } = published;
  const hostile = await Promise.all(
    Array.from({ length: 99 }, (_, at) => hostilePeer(t, port, faultAt(at))),
  );
  // The worst place for it: whoever asks in order asks it last.
  const honest = await hostilePeer(t, port, honestly);
  const urls = [...hostile, honest].map(({ url }) => url);
  const options = { urls, publicKey: stream.publicKey, path: t.path(`${name}-mirror.stream`) };
  fill(published);

  for (const from of ['nothing', 'the generation before']) {
    const since = performance.now();
    const report = await mirrorStream(options);
    const seconds = (performance.now() - since) / 1000;

    assert.is(report.changed, true, from);
    assert.equal(streamRows(options.path), streamRows(published.path), from);
    assert.ok(seconds < 30, `${seconds} s from ${from}`);
    if (env['DRAYER_TEST_FIGURES'] === '1')
      process.stderr.write(`${name} ${seconds} s from ${from}\n`);
    change(published);
  }
}

test.run();
