/** kill -9, again and again, while one large value comes slowly: what had come is not asked for again (R17). */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { partValuesPathOf } from '../../src/store/part-values.ts';
import { killAgain, killRig } from '../helpers/kill-again.ts';
import { noise } from '../helpers/published.ts';
import { scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/kill-parts');

const RATE = 1_500_000;
const BYTES = 3_600_000 * scaled(1);
const KILLS = 2 * scaled(1);

test(
  'mirrorStream :: a value under way survives kill -9',
  scope(async (t) => {
    const rig = await killRig(t, RATE);
    const folder = partValuesPathOf(rig.path);
    let kept = 0;
    const after = (): void => {
      const names = existsSync(folder) ? readdirSync(folder) : [];
      kept += names.length;
      for (const name of names) assert.is(statSync(`${folder}/${name}`).mode & 0o777, 0o600);
    };
    rig.stream.setBytes('file', 'film', noise(BYTES));

    const bytes = await killAgain(rig, { kills: KILLS, bytes: BYTES, after });

    assert.ok(bytes < 1.2 * BYTES, `${bytes} bytes`);
    assert.is(kept, KILLS);
    assert.equal(streamRows(rig.path), streamRows(rig.own));
    assert.not(existsSync(folder));
  }),
);

test(
  'mirrorStream :: the control: without what was kept it is fetched again each time',
  scope(async (t) => {
    const rig = await killRig(t, RATE);
    const after = (): void => rmSync(partValuesPathOf(rig.path), { recursive: true, force: true });
    rig.stream.setBytes('file', 'film', noise(1_500_000));

    const bytes = await killAgain(rig, { kills: 1, bytes: 1_500_000, after });

    assert.ok(bytes > 1.5 * 1_500_000, `${bytes} bytes`);
    assert.equal(streamRows(rig.path), streamRows(rig.own));
  }),
);

test.run();
