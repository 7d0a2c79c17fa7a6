/** Values under way where two processes are at one mirror (R17). */
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { partValuesPathOf } from '../../src/store/part-values.ts';
import { runHelper } from '../helpers/child.ts';
import { killRig } from '../helpers/kill-again.ts';
import { noise } from '../helpers/published.ts';
import { scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/kept-together');

const RATE = 2_000_000;
const FILM = noise(3_000_000);

test(
  'settleValues :: two processes at one mirror are in nobody’s way',
  scope(async (t) => {
    // They share the line: each has the value under way as long as it takes to be kept.
    const rig = await killRig(t, 2 * RATE);
    rig.stream.setBytes('file', 'film', FILM);
    await mirrorStream({ ...rig.to, values: { metadataOnly: true } });
    assert.not.equal(streamRows(rig.path), streamRows(rig.own));

    const both = [1, 2].map(() => runHelper('mirror-child.ts', [...rig.args, '{}']));
    for (const child of both) assert.is(await child.ended, 0, child.lines.at(-1));

    assert.equal(streamRows(rig.path), streamRows(rig.own));
    assert.not(existsSync(partValuesPathOf(rig.path)));
  }),
);

test.run();
