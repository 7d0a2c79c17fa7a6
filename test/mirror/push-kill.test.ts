import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LEASE_SECONDS } from '../../src/server/push-leases.ts';
import { runHelper } from '../helpers/child.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { primary } from '../helpers/push-primary.ts';
import { findFork, pushProxy, recordsOfBatch } from '../helpers/push-proxy.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('mirror/push-kill');

const ALL_STEPS = [
  'looked',
  'compared',
  'uploaded',
  'leased',
  'signed',
  'stored',
  'taken',
  'noted',
];
/** All of them in the slow run; those before and after which most can go wrong in every run. */
const STEPS = scaled(1) > 1 ? ALL_STEPS : ['stored', 'taken'];
/** Fifty in the slow run. */
const KILLS = Math.min(50, scaled(2));

/** A primary, a runner that deploys in processes of its own, and everything that is ever sent. */
async function rig(t: Scope) {
  let skippedMs = 0;
  const server = await primary(t, { leaseMs: () => performance.now() + skippedMs });
  const proxy = await pushProxy(t, server.port);
  const folder = writeSite(t.path('runner', 'dist'), { 'index.html': 'one', 'a.txt': 'a' });
  const deploy = (last = '-') =>
    runHelper('push-child.ts', [proxy.url, folder, t.path('runner', 'state'), last]);
  /** As long as it takes: a lease of a process that died is waited for. */
  const untilDone = async (): Promise<string> => {
    for (let attempt = 1; ; attempt += 1) {
      const child = deploy();
      await child.ended;
      const end = child.lines.at(-1) ?? '';
      if (!end.startsWith('failed LEASE_HELD') || attempt > 2) return end;
      skippedMs += LEASE_SECONDS * 1000;
    }
  };
  const edit = (text: string): void => writeFileSync(`${folder}/index.html`, text);
  const fork = () => findFork([...proxy.batches().flatMap(recordsOfBatch), ...server.records()]);
  return { ...server, proxy, deploy, untilDone, edit, fork };
}

test(
  'publishTo :: killed after any of its steps and run again, it makes one generation (A11)',
  scope(async (t) => {
    const { deploy, untilDone, edit, seq, fork, errors } = await rig(t);
    assert.is(await untilDone(), 'done 1');

    for (const [index, step] of STEPS.entries()) {
      edit(`killed after ${step}`);
      const killed = deploy(step);
      assert.is(await killed.ended, 'SIGKILL', step);
      assert.is(killed.lines.at(-1), step);
      assert.is(await untilDone(), `done ${index + 2}`, step);
      assert.is(seq(), index + 2);
    }

    assert.is(fork(), undefined);
    assert.equal(errors, []);
  }),
);

test(
  'publishTo :: killed at random moments and run again, it makes one generation each',
  scope(async (t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const { deploy, proxy, untilDone, edit, seq, fork } = await rig(t);
    assert.is(await untilDone(), 'done 1');

    for (let kill = 0; kill < KILLS; kill += 1) {
      edit(`kill ${kill}`);
      let left = random.below(7);
      const child = deploy();
      // At a request of its own, before the server has it or while its answer is on its way.
      const isBefore = random.oneIn(2);
      proxy.decide(() => {
        left -= 1;
        if (left !== 0) return 'forward';
        child.process.kill('SIGKILL');
        return isBefore ? 'lose' : 'lose answer';
      });
      await child.ended;
      proxy.decide(() => 'forward');

      assert.is(await untilDone(), `done ${kill + 2}`, `seed ${seed}, kill ${kill}`);
      assert.is(seq(), kill + 2, `seed ${seed}, kill ${kill}`);
    }

    assert.is(fork(), undefined, `seed ${seed}`);
  }),
);

test.run();
