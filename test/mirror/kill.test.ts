/** kill -9 in the middle of mirroring: the old generation or the new one, and on from where it was. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noise, publish } from '../helpers/published.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/kill');

const CHILD = fileURLToPath(new URL('../helpers/mirror-child.ts', import.meta.url));
const LOADER = import.meta.resolve('tsx');
const RECORDS = 800;
const FILMS = 6;

test(
  `mirrorStream :: killed at any moment it shows one whole generation and goes on (R15)`,
  scope(async (t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const { stream, path: own, port } = await publish(t);
    const url = `http://127.0.0.1:${port}`;
    const key = Buffer.from(stream.publicKey).toString('hex');
    const fill = (generation: number): void => {
      stream.transaction((tx) => {
        for (let i = 0; i < RECORDS; i += 1 + random.below(generation * 2)) {
          tx.setBytes('file', `page-${i}`, noise(2000, generation * RECORDS + i));
        }
        for (let i = 0; i < FILMS; i += 1) {
          tx.setBytes('file', `film-${i}`, noise(300_000, generation * RECORDS + i));
        }
        if (generation > 1) tx.deleteBytes('file', `page-${RECORDS - 1}`);
      });
    };
    const states: string[] = ['nothing'];
    fill(1);
    states.push(streamRows(own).join('\n'));

    let kills = 0;
    for (let round = 1; round <= scaled(1); round += 1) {
      const path = t.path(`mirror-${round}.stream`);
      for (const generation of [1, 2]) {
        if (generation === 2 && states.length === 2) {
          fill(2);
          states.push(streamRows(own).join('\n'));
        }
        const goal = states.at(-1);
        for (let left = 3; left > 0; left -= 1) {
          const isKilled = await runAndKill({ url, key, path }, random);
          if (isKilled) kills += 1;
          const shown = existsSync(path) ? streamRows(path).join('\n') : 'nothing';
          assert.ok(states.includes(shown), `a mixture is visible, seed ${seed}`);
        }
        const [records = 0] = await runToEnd({ url, key, path });
        assert.ok(records <= RECORDS + FILMS + 1, `${records} records, seed ${seed}`);
        assert.is(existsSync(path) && streamRows(path).join('\n') === goal, true, `seed ${seed}`);
      }
    }

    assert.ok(kills > 0, 'nothing was ever killed');
  }),
);

type Target = { url: string; key: string; path: string };

function start({ url, key, path }: Target) {
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--import', LOADER, CHILD, url, key, path],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return { child, lines, ended };
}

/** Kills the child after a random one of its lines; tells whether it was still running. */
async function runAndKill(target: Target, random: Random): Promise<boolean> {
  const { child, lines, ended } = start(target);
  let left = random.below(10);
  for await (const line of lines) {
    if (line.startsWith('done')) break;
    left -= 1;
    if (left < 0) child.kill('SIGKILL');
  }
  await ended;
  return child.signalCode === 'SIGKILL';
}

async function runToEnd(target: Target): Promise<number[]> {
  const { lines, ended } = start(target);
  let counts: number[] = [];
  for await (const line of lines) {
    if (line.startsWith('done')) counts = line.split(' ').slice(1).map(Number);
  }
  await ended;
  return counts;
}

test.run();
