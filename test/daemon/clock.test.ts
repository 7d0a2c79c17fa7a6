/** A daemon whose clock jumps, or whose machine was asleep (T120): it follows on, and refuses nobody for it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findDaemon } from '../../src/daemon/control-client.ts';
import { mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { createApp } from '../../src/server/app.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import { type Child, runHelper } from '../helpers/child.ts';
import { publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('daemon/clock');

const HOUR_MS = 3_600_000;
const DECADE_MS = 10 * 365 * 24 * HOUR_MS;
/** A decade forth and back, summer time, a leap second, and right again. */
const JUMPS = [DECADE_MS, -DECADE_MS, HOUR_MS, 1_000, 0];
const ASLEEP_MS = 8 * HOUR_MS;

test(
  'runDaemon :: follows on through jumps of its clock, also to a source that goes and comes (T120)',
  scope(async (t) => {
    const rig = await follow(t);
    const { child, stream } = rig;

    let seq = 1;
    for (const ms of JUMPS) {
      await setClock(child, ms);
      seq += 1;
      stream.set('apple', { seq });
      await child.line(`mirrored ${seq}`);
      if (Math.abs(ms) === DECADE_MS) await rig.goAndCome();
      seq += 1;
      stream.set('apple', { seq });
      await child.line(`mirrored ${seq}`);
    }

    assert.equal(streamRows(rig.mirrorPath), streamRows(rig.path));
    const wrong = child.lines.filter((line) => /^(error|problem (?!UNREACHABLE))/.test(line));
    assert.equal(wrong, []);
  }),
);

test(
  'runDaemon :: a machine that slept eight hours is up to date soon after (T120)',
  scope(async (t) => {
    const rig = await follow(t);
    const { child, stream } = rig;

    child.process.kill('SIGSTOP');
    // Whoever it was connected to has long forgotten it.
    await rig.goAndCome();
    for (const seq of [2, 3, 4]) stream.set('apple', { seq });
    child.process.stdin?.write(`${ASLEEP_MS}\n`);
    const woken = performance.now();
    child.process.kill('SIGCONT');
    await child.line('mirrored 4');

    assert.ok(performance.now() - woken < 60_000);
    assert.equal(streamRows(rig.mirrorPath), streamRows(rig.path));
  }),
);

/** A source, and a daemon with a clock of its own that follows it. */
async function follow(t: Scope) {
  const { stream, path } = await publish(t);
  stream.set('apple', { seq: 1 });
  const { streams, listener } = await serve(t, [{ path }]);
  const { port } = listener;
  let server: Listener = listener;
  const goAndCome = async (): Promise<void> => {
    await server.close();
    server = t.defer(await listen(createApp({ streams }), { port }), (one) => one.close());
  };
  const dataDir = t.path('data');
  const child = runHelper('clock-child.ts', [dataDir]);
  t.defer(child, async ({ process: { stdin }, ended }) => {
    stdin?.end();
    await ended;
  });
  await child.line('ready');
  const link = await findDaemon(dataDir);
  await link?.ask({ do: 'mirror', id: stream.id, url: `http://127.0.0.1:${port}` });
  await child.line('mirrored 1');
  return { stream, path, child, goAndCome, mirrorPath: mirrorPathOf(stream.publicKey, dataDir) };
}

async function setClock(child: Child, ms: number): Promise<void> {
  child.process.stdin?.write(`${ms}\n`);
  const year = new Date(Date.now() + ms).getUTCFullYear();
  assert.is(await child.line(`clock ${ms} `), `clock ${ms} ${year}`);
}

test.run();
