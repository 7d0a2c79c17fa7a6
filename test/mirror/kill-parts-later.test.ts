/** As kill-parts, of a later generation from several sources, and of a value that is wanted only later (R17, R18). */
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { partValuesPathOf } from '../../src/store/part-values.ts';
import { killAgain, killRig } from '../helpers/kill-again.ts';
import { noise } from '../helpers/published.ts';
import { scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/kill-parts-later');

const RATE = 1_500_000;
const BYTES = 3_600_000 * scaled(1);
const KILLS = 2 * scaled(1);

test(
  'mirrorStream :: a value of a later generation survives kill -9, with parts from three sources',
  scope(async (t) => {
    const rig = await killRig(t, RATE, { count: 3 });
    rig.stream.setBytes('file', 'page', noise(1000));
    await mirrorStream(rig.to);
    rig.stream.setBytes('file', 'film', noise(BYTES));

    const bytes = await killAgain(rig, { kills: KILLS, bytes: BYTES });

    assert.ok(bytes < 1.2 * BYTES, `${bytes} bytes`);
    assert.equal(streamRows(rig.path), streamRows(rig.own));
    assert.not(existsSync(partValuesPathOf(rig.path)));
  }),
);

test(
  'settleValues :: a value that is wanted only later survives kill -9',
  scope(async (t) => {
    const rig = await killRig(t, RATE);
    rig.stream.setBytes('file', 'film', noise(BYTES));
    await mirrorStream({ ...rig.to, values: { metadataOnly: true } });
    assert.not.equal(streamRows(rig.path), streamRows(rig.own));

    const bytes = await killAgain(rig, { kills: 1, bytes: BYTES, mode: '{}' });
    assert.ok(bytes < 1.2 * BYTES, `${bytes} bytes`);
    assert.equal(streamRows(rig.path), streamRows(rig.own));
    assert.not(existsSync(partValuesPathOf(rig.path)));
  }),
);

test.run();
