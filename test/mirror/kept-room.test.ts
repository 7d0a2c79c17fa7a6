/** Values under way where there is little room, and where two processes are at one mirror (R17). */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { partValuesPathOf } from '../../src/store/part-values.ts';
import { runHelper } from '../helpers/child.ts';
import { killRig } from '../helpers/kill-again.ts';
import { noise } from '../helpers/published.ts';
import { scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/kept-room');

const RATE = 2_000_000;
const FILM = noise(3_000_000);

test(
  'settleValues :: two processes at one mirror are in nobody’s way',
  scope(async (t) => {
    const rig = await killRig(t, RATE);
    rig.stream.setBytes('file', 'film', FILM);
    await mirrorStream({ ...rig.to, values: { metadataOnly: true } });
    assert.not.equal(streamRows(rig.path), streamRows(rig.own));

    const both = [1, 2].map(() => runHelper('mirror-child.ts', [...rig.args, '{}']));
    for (const child of both) assert.is(await child.ended, 0, child.lines.at(-1));

    assert.equal(streamRows(rig.path), streamRows(rig.own));
    assert.not(existsSync(partValuesPathOf(rig.path)));
  }),
);

const canMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
const onMounts = canMount ? test : test.skip;

onMounts(
  'mirrorStream :: on a small disk what is kept gives way to the whole; where that has no room either, it says so once',
  scope(async (t) => {
    const rig = await killRig(t, RATE);
    rig.stream.setBytes('file', 'film', FILM);
    mkdirSync(t.path('disk'));
    const [urls = '', key = ''] = rig.args;
    const onDisk = async (size: string): Promise<[end: number | string, said: string[]]> => {
      const mount = `mount -t tmpfs -o size=${size} none "$0"; exec "$@"`;
      const through = ['unshare', '-m', 'sh', '-ec', mount, t.path('disk')];
      const args = [urls, key, t.path('disk/m.stream')];
      const child = runHelper('mirror-child.ts', args, { through });
      const end = await child.ended;
      return [end, child.lines.filter((line) => /^(done|failed)/.test(line))];
    };

    // Room for one of it, and for some of it, and for none.
    for (const size of ['4m', '5m']) assert.is((await onDisk(size))[0], 0, size);
    for (const size of ['2m']) {
      const [end, said] = await onDisk(size);
      assert.is(end, 1, size);
      assert.is(said.length, 1);
      assert.match(said[0] ?? '', /^failed STORAGE_FAILED .*full/);
    }
  }),
);

test.run();
