/** Values under way where there is little room (R17). */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runHelper } from '../helpers/child.ts';
import { killRig } from '../helpers/kill-again.ts';
import { noise } from '../helpers/published.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('mirror/kept-room');

const RATE = 2_000_000;
const FILM = noise(3_000_000);

const canMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
const onMounts = canMount ? test : test.skip;

onMounts(
  'mirrorStream :: on a small disk what is kept gives way to the whole; where that has no room either, it says so once',
  scope(async (t) => {
    // Each of them by a line of its own, so that the value is under way as long as it takes to be kept.
    const onDisk = async (size: string): Promise<[end: number | string, said: string[]]> => {
      const folder = t.path(size);
      mkdirSync(folder);
      const rig = await killRig(t, RATE, { name: size });
      rig.stream.setBytes('file', 'film', FILM);
      const [urls = '', key = ''] = rig.args;
      const mount = `mount -t tmpfs -o size=${size} none "$0"; exec "$@"`;
      const through = ['unshare', '-m', 'sh', '-ec', mount, folder];
      const child = runHelper('mirror-child.ts', [urls, key, `${folder}/m.stream`], { through });
      const end = await child.ended;
      return [end, child.lines.filter((line) => /^(done|failed)/.test(line))];
    };

    // Room for one of it, and for some of it, and for none.
    const [one, some, none] = await Promise.all(['4m', '5m', '2m'].map(onDisk));

    assert.is(one?.[0], 0, '4m');
    assert.is(some?.[0], 0, '5m');
    assert.is(none?.[0], 1, '2m');
    assert.is(none?.[1].length, 1);
    assert.match(none?.[1][0] ?? '', /^failed STORAGE_FAILED .*full/);
  }),
);

test.run();
