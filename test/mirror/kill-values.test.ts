/** kill -9 while large values come by Range from four sources: on from where it was, and nothing left over. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../src/store/database.ts';
import { type Child, runHelper } from '../helpers/child.ts';
import { noise, publish } from '../helpers/published.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type SlowLine, slowLine } from '../helpers/slow-line.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/kill-values');

const LINES = 4;
const LINE_BYTES = 2_000_000;
const FILMS = 8;
const FILM_BYTES = 400_000;

test(
  'mirrorStream :: killed again and again among values from four sources it fetches nothing twice that it holds (R15, R17)',
  scope(async (t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const { stream, path: own, port } = await publish(t);
    const fill = (generation: number): void => {
      stream.transaction((tx) => {
        for (let i = 0; i < 50; i += 1) {
          tx.setBytes('file', `${i}`, noise(1000, i * generation));
        }
        // In the second generation half of them are held already.
        for (let i = 0; i < FILMS; i += generation) {
          tx.setBytes('file', `film-${i}`, noise(FILM_BYTES, generation * 100 + i));
        }
      });
    };
    const states: string[] = ['nothing'];
    let kills = 0;
    for (const generation of [1, 2]) {
      fill(generation);
      states.push(streamRows(own).join('\n'));
      for (let round = 1; round <= scaled(1); round += 1) {
        const lines = await openLines(t, port);
        const target = { key: hexOf(stream.publicKey), path: t.path(`m${round}`), lines };
        kills += await killAgain(target, random);
        const held = heldFilms(target.path);
        const before = bytesOf(lines);
        const child = start(target);
        assert.is(await child.ended, 0);

        const where = `generation ${generation}, ${held} held, seed ${seed}`;
        // It may have been done before it was killed.
        const wanted = held === undefined ? 0 : FILMS / generation - held;
        const [, , values] = (child.lines.at(-1) ?? '').split(' ').map(Number);
        assert.is(values, wanted, where);
        // Of large values a rest may come twice, where another source has taken it over.
        const most = 1.4 * wanted * FILM_BYTES + 300_000;
        assert.ok(bytesOf(lines) - before < most, `${bytesOf(lines) - before} bytes, ${where}`);
        const shown = existsSync(target.path) ? streamRows(target.path).join('\n') : 'nothing';
        assert.is(shown === states[generation], true, where);
        assert.equal(leftOf(t, target.path), [], where);
      }
    }
    assert.ok(kills > 0, 'nothing was ever killed');
  }),
);

type Target = { readonly key: string; readonly path: string; readonly lines: readonly SlowLine[] };

function openLines(t: Scope, port: number): Promise<SlowLine[]> {
  return Promise.all(Array.from({ length: LINES }, () => slowLine(t, port, LINE_BYTES)));
}

function hexOf(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}

function start({ key, path, lines }: Target, onLine?: (line: string) => void): Child {
  const urls = lines.map(({ url }) => url).join(',');
  return runHelper('mirror-child.ts', [urls, key, path], { onLine });
}

/** Kills twice after a random number of values; returns how often there was something to kill. */
async function killAgain(target: Target, random: Random): Promise<number> {
  let kills = 0;
  for (let run = 0; run < 2; run += 1) {
    let left = random.below(FILMS / 2);
    const child = start(target, (line) => {
      if (line !== 'values') return;
      left -= 1;
      if (left < 0) child.process.kill('SIGKILL');
    });
    if ((await child.ended) === 'SIGKILL') kills += 1;
  }
  return kills;
}

/** How many of the large values are staged; undefined where nothing is. */
function heldFilms(path: string): number | undefined {
  if (!existsSync(`${path}.part`)) return undefined;
  const staged = connect(`${path}.part`);
  try {
    const sql = `SELECT count(*) AS n FROM record WHERE length(value) = ${FILM_BYTES}`;
    return staged.query<{ n: number }>(sql).get()?.n ?? 0;
  } finally {
    staged.close();
  }
}

function bytesOf(lines: readonly SlowLine[]): number {
  return lines.reduce((sum, line) => sum + line.sent(), 0);
}

/** What lies beside a mirror that is complete, other than what belongs to it; an empty log is none. */
function leftOf(t: Scope, path: string): string[] {
  return readdirSync(t.directory).filter((name) => {
    if (!name.startsWith(`${basename(path)}.`) && !name.startsWith(`${basename(path)}-`))
      return false;
    if (name.endsWith('-wal')) return statSync(t.path(name)).size > 0;
    return !/(-shm|\.sources|\.trust)$/.test(name);
  });
}

test.run();
