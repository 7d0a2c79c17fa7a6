/** What has come of the values of a mirror goes with the mirror. */
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { removeMirrorFiles, removeRemains } from '../../src/daemon/remove-mirror.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { breakOffAfter, type KillRig, killRig } from '../helpers/kill-again.ts';
import { noise } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('daemon/remove-kept');

const MB = 1_000_000;
const FILM = noise(3 * MB);

test(
  'removeMirrorFiles, removeRemains :: take along what has come of values, and count it',
  scope(async (t) => {
    const rig = await killRig(t, 4 * MB);
    rig.stream.setBytes('file', 'film', FILM);
    await breakOffAfter(rig, FILM.length / 2);
    removeRemains(rig.path);
    assert.equal(besides(t, rig), []);

    rig.stream.setBytes('file', 'film', noise(1000));
    await mirrorStream(rig.to);
    rig.stream.setBytes('file', 'film', FILM);
    await breakOffAfter(rig, FILM.length / 2);
    const { bytes } = removeMirrorFiles(rig.path, rig.to.publicKey);
    assert.ok(bytes > MB, `${bytes} bytes`);
    assert.equal(besides(t, rig), ['mirror.stream.trust']);
  }),
);

/** What there is of a mirror. */
function besides(t: Scope, { path }: KillRig): string[] {
  return readdirSync(t.directory).filter((name) => name.startsWith(basename(path)));
}

test.run();
