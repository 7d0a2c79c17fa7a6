/** One daemon that announces many streams on the network and in a DHT, and one that follows all of them. */
import { existsSync, mkdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Child, runHelper } from '../helpers/child.ts';
import { openDhtLab } from '../helpers/dht-lab.ts';
import { scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('daemon/many-streams');
const linux = existsSync('/proc/self/task') ? test : test.skip;

type Used = { readonly ms: number; readonly mb: number };

function run(t: Scope, role: string, ...args: string[]): Child {
  const directory = t.path(role);
  mkdirSync(directory);
  const child = runHelper('many-child.ts', [role, directory, ...args]);
  return t.defer(child, async ({ process, ended }) => {
    process.kill('SIGKILL');
    await ended;
  });
}

/** Of the daemon, and of its DHT process. */
async function usedBy(child: Child): Promise<readonly [Used, Used]> {
  const from = child.lines.length;
  child.process.stdin?.write('\n');
  while (!child.lines.slice(from).includes('end')) await wait(10);
  const used = child.lines.slice(from).filter((line) => line.startsWith('used'));
  const [main, dht] = used.map((line) => line.split(' ').slice(2).map(Number));
  const read = ([ms = 0, mb = 0]: readonly number[] = []): Used => ({ ms, mb });
  return [read(main), read(dht)];
}

linux(
  'a daemon :: with many streams of others, and one with as many own ones, stay within 500 MB',
  scope(async (t) => {
    const count = scaled(20);
    const lab = t.defer(await openDhtLab(20), (one) => one.close());
    const publisher = run(t, 'publish', lab.bootstrap, `${count}`);
    const [, url = ''] = (await publisher.line('up')).split(' ');
    const ids = publisher.lines
      .filter((line) => line.startsWith('id'))
      .map((line) => line.slice(3));
    const mirror = run(t, 'mirror', lab.bootstrap, url, ...ids);
    await mirror.line('up');

    const figures = process.env['DRAYER_TEST_FIGURES'] !== undefined;
    // Until each stream has been looked up once, and everything was said twice.
    if (figures) await wait(180_000);
    const before = [await usedBy(publisher), await usedBy(mirror)];
    const begunMs = performance.now();
    if (figures) await wait(60_000);
    const after = [await usedBy(publisher), await usedBy(mirror)];
    const spanMs = performance.now() - begunMs;

    for (const [at, used] of after.entries()) {
      for (const [which, { ms, mb }] of used.entries()) {
        const share = (100 * (ms - (before[at]?.[which]?.ms ?? 0))) / spanMs;
        const name = `${at === 0 ? 'publisher' : 'mirror'} ${which === 0 ? 'daemon' : 'DHT'}`;
        if (figures) console.log(`${name}: ${share.toFixed(2)} % of a core, ${mb} MB`);
        // Some 45 MB of it are what reads TypeScript in tests.
        assert.ok(mb > 0 && mb < 500, `${name}: ${mb} MB`);
      }
    }
  }),
);

test.run();
