/** The files in which values under way are kept: of a whole mirror, with its quota and its choice (R17, R19). */
import { existsSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { type MirrorOptions, mirrorStream } from '../../src/mirror/mirror.ts';
import { connect } from '../../src/store/database.ts';
import { partValuesPathOf } from '../../src/store/part-values.ts';
import { breakOffAfter, type KillRig, killRig, sentBy } from '../helpers/kill-again.ts';
import { noise } from '../helpers/published.ts';
import { scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/kept-files');

const MB = 1_000_000;
const RATE = 4 * MB;
const FILM = noise(3 * MB);

/** Half of the film comes. */
function breakOff(rig: KillRig, options: MirrorOptions = {}): Promise<void> {
  return breakOffAfter(rig, FILM.length / 2, options);
}

function keptIn({ path }: KillRig): string[] {
  const folder = partValuesPathOf(path);
  return existsSync(folder) ? readdirSync(folder) : [];
}

function nameOf(value: Uint8Array): string {
  return Buffer.from(hash(value)).toString('hex');
}

test(
  'mirrorStream :: bytes of values under way count for the quota, once (R19)',
  scope(async (t) => {
    const rig = await killRig(t, RATE);
    rig.stream.setBytes('file', 'film', FILM);
    const all = connect(rig.own);
    const sum =
      all.query<{ n: number }>('SELECT sum(length(value)) AS n FROM record').get()?.n ?? 0;
    all.close();

    await rejectsCode(mirrorStream({ ...rig.to, quota: { bytes: 2 * MB } }), 'TOO_LARGE');
    assert.ok(sentBy(rig) < 2.7 * MB, `${sentBy(rig)} bytes`);
    assert.equal(keptIn(rig), []);

    await breakOff(rig, { quota: { bytes: sum } });
    assert.equal(keptIn(rig), [nameOf(FILM)]);
    await rejectsCode(mirrorStream({ ...rig.to, quota: { bytes: sum - 1 } }), 'TOO_LARGE');
    assert.equal(keptIn(rig), []);
    await breakOff(rig, { quota: { bytes: sum } });
    const before = sentBy(rig);
    await mirrorStream({ ...rig.to, quota: { bytes: sum } });
    assert.ok(sentBy(rig) - before < 2.5 * MB, `${sentBy(rig) - before} bytes`);
    assert.equal(streamRows(rig.path), streamRows(rig.own));
  }),
);

test(
  'mirrorStream :: what nobody wants any more is removed, what is wanted still is not',
  scope(async (t) => {
    const rig = await killRig(t, RATE);
    rig.stream.setBytes('file', 'page', noise(1000));
    await mirrorStream(rig.to);
    const old = t.path('old.stream');
    await mirrorStream({ ...rig.to, path: old });
    rig.stream.setBytes('file', 'film', FILM);
    await breakOff(rig);
    assert.equal(keptIn(rig), [nameOf(FILM)]);

    // The source of the newer generation is away: there is nothing to do, and nothing is lost.
    const { port } = await serve(t, [{ path: old }]);
    await mirrorStream({ ...rig.to, urls: [`http://127.0.0.1:${port}`] });
    assert.equal(keptIn(rig), [nameOf(FILM)]);

    const other = noise(3 * MB, 2);
    rig.stream.setBytes('file', 'film', other);
    await breakOff(rig);
    assert.equal(keptIn(rig), [nameOf(other)]);

    rig.stream.deleteBytes('file', 'film');
    await mirrorStream(rig.to);
    assert.equal(keptIn(rig), []);
    assert.not(existsSync(partValuesPathOf(rig.path)));
    assert.equal(streamRows(rig.path), streamRows(rig.own));
  }),
);

test(
  'settleValues :: a choice that wants no values any more removes what has come of them',
  scope(async (t) => {
    const rig = await killRig(t, RATE);
    rig.stream.setBytes('file', 'film', FILM);
    await mirrorStream({ ...rig.to, values: { metadataOnly: true } });
    await breakOff(rig, { values: {} });
    assert.equal(keptIn(rig), [nameOf(FILM)]);
    await mirrorStream({ ...rig.to, values: { metadataOnly: true } });
    assert.not(existsSync(partValuesPathOf(rig.path)));
  }),
);

test.run();
