/** kill -9 in the middle of mirroring: the old generation or the new one, and on from where it was. */
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Child, runHelper } from '../helpers/child.ts';
import { noise, publish } from '../helpers/published.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/kill');

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
    const states: string[] = ['nothing'];
    const fill = (): void => {
      const generation = states.length;
      stream.transaction((tx) => {
        for (let i = 0; i < RECORDS; i += 1 + random.below(generation === 1 ? 2 : 4)) {
          tx.setBytes('file', `page-${i}`, noise(2000, generation * RECORDS + i));
        }
        for (let i = 0; i < FILMS; i += 1) {
          tx.setBytes('file', `film-${i}`, noise(300_000, generation * RECORDS + i));
        }
        if (generation > 1) tx.deleteBytes('file', `page-${RECORDS - 1}`);
      });
      states.push(streamRows(own).join('\n'));
    };
    fill();

    for (let round = 1; round <= scaled(1); round += 1) {
      const path = t.path(`mirror-${round}.stream`);
      const target = { url, key, path };
      for (const isNewer of [false, true]) {
        if (isNewer) fill();
        const goal = states.at(-1);
        for (let attempt = 0; attempt < 3; attempt += 1) {
          // The first at a line that comes before any end; the others wherever they fall.
          const isSure = attempt === 0;
          const line = isSure ? 0 : random.below(10);
          const isKilled = await runAndKill(target, line, !isSure && random.oneIn(2));
          assert.ok(isKilled || !isSure, `it ended before it was killed, seed ${seed}`);
          const shown = existsSync(path) ? streamRows(path).join('\n') : 'nothing';
          assert.ok(states.includes(shown), `a mixture is visible, seed ${seed}`);
        }
        const [records = 0] = await runToEnd(target);
        assert.ok(records <= RECORDS + FILMS + 1, `${records} records, seed ${seed}`);
        assert.is(existsSync(path) && streamRows(path).join('\n') === goal, true, `seed ${seed}`);
      }
    }
  }),
);

type Target = { url: string; key: string; path: string };

function start({ url, key, path }: Target, onLine: (line: string, child: Child) => void): Child {
  const args = [url, key, path, '{}', 'step'];
  const child = runHelper('mirror-child.ts', args, { onLine: (line) => onLine(line, child) });
  return child;
}

/** Kills the child at one of its lines, where it stands still, or in what it does after it; tells whether it ran still. */
async function runAndKill(target: Target, left: number, isAfter: boolean): Promise<boolean> {
  let lines = 0;
  const child = start(target, (line, { process }) => {
    if (line.startsWith('done')) return;
    if (lines < left || isAfter) process.stdin?.write('\n');
    if (lines >= left) process.kill('SIGKILL');
    lines += 1;
  });
  return (await child.ended) === 'SIGKILL';
}

async function runToEnd(target: Target): Promise<number[]> {
  const child = start(target, (line, { process }) => {
    if (!line.startsWith('done')) process.stdin?.write('\n');
  });
  await child.ended;
  return child.lines.at(-1)?.split(' ').slice(1).map(Number) ?? [];
}

test.run();
