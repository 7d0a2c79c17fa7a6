/** kill -9, again and again, while one large value comes slowly: what had come is not asked for again. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { partValuesPathOf } from '../../src/store/part-values.ts';
import { runHelper } from '../helpers/child.ts';
import { noise, publish } from '../helpers/published.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type SlowLine, slowLine } from '../helpers/slow-line.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/kill-parts');

const FILM_BYTES = 4_000_000;
const RATE = 1_000_000;
const KILLS = 2 + scaled(1);

type Rig = {
  readonly lines: readonly SlowLine[];
  readonly key: string;
  readonly path: string;
  readonly mode?: string | undefined;
  /** Done after each kill. */
  readonly after?: (() => void) | undefined;
};

/** Runs until it is done, killed each time a share of the film has come; returns the bytes asked for in all. */
async function killAgain({ lines, key, path, mode, after }: Rig): Promise<number> {
  const sent = (): number => lines.reduce((sum, line) => sum + line.sent(), 0);
  const urls = lines.map(({ url }) => url).join(',');
  const seed = freshSeed();
  const random = randomFrom(seed);
  const begin = sent();
  const args = [urls, key, path, ...(mode === undefined ? [] : [mode])];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const from = sent();
    const most = (FILM_BYTES * (0.85 + 0.15 * (random.below(100) / 100))) / KILLS;
    const child = runHelper('mirror-child.ts', args);
    const timer = setInterval(() => {
      if (sent() - from >= most) child.process.kill('SIGKILL');
    }, 10);
    const end = await child.ended;
    clearInterval(timer);
    assert.is(end, 'SIGKILL', `it was done before kill ${kill}, seed ${seed}`);
    after?.();
  }
  const last = runHelper('mirror-child.ts', args);
  assert.is(await last.ended, 0, `${last.lines.at(-1)}, seed ${seed}`);
  return sent() - begin;
}

async function begin(t: Scope, count = 1) {
  const { stream, path: own, port } = await publish(t);
  const lines: SlowLine[] = [];
  for (let i = 0; i < count; i += 1) lines.push(await slowLine(t, port, RATE / count));
  const key = Buffer.from(stream.publicKey).toString('hex');
  return { stream, own, lines, key, path: t.path('mirror.stream') };
}

test(
  'mirrorStream :: a value under way survives kill -9, in a first generation and a later one (R17)',
  scope(async (t) => {
    const { stream, own, ...rig } = await begin(t);
    const folder = partValuesPathOf(rig.path);
    let most = 0;
    const after = (): void => {
      const names = existsSync(folder) ? readdirSync(folder) : [];
      most = Math.max(most, names.length);
      for (const name of names) assert.is(statSync(`${folder}/${name}`).mode & 0o777, 0o600);
    };

    for (const generation of [1, 2]) {
      stream.setBytes('file', 'film', noise(FILM_BYTES, generation));
      const bytes = await killAgain({ ...rig, after });
      assert.ok(bytes < 1.2 * FILM_BYTES, `${bytes} bytes, generation ${generation}`);
      assert.is(most, 1);
      assert.equal(streamRows(rig.path), streamRows(own));
      assert.not(existsSync(folder));
    }
  }),
);

test(
  'mirrorStream :: the control: without what was kept it is fetched again each time',
  scope(async (t) => {
    const { stream, own, ...rig } = await begin(t);
    stream.setBytes('file', 'film', noise(FILM_BYTES));
    const after = (): void => rmSync(partValuesPathOf(rig.path), { recursive: true, force: true });

    const bytes = await killAgain({ ...rig, after });

    assert.ok(bytes > 1.5 * FILM_BYTES, `${bytes} bytes`);
    assert.equal(streamRows(rig.path), streamRows(own));
  }),
);

test.run();
