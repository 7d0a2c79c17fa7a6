/** A disk that is full at every moment of a mirror (ENOSPC): nothing is lost, mixed or left over. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runHelper } from '../helpers/child.ts';
import type { FullDiskTry } from '../helpers/full-disk-child.ts';
import { scaled } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('mirror/full-disk');

const canMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
const onMounts = canMount ? test : test.skip;
const SMALL_DISK = ['unshare', '-m', 'sh', '-ec', 'mount -t tmpfs -o size=8m none "$0"; exec "$@"'];
/** Between two tries; the last of them is gone through in six. */
const STEP_BYTES = Math.max(20_000, Math.round(250_000 / scaled(1)));

onMounts(
  'mirrorStream :: on a disk that is full sooner or later it says so, and goes on when there is room',
  scope(async (t) => {
    mkdirSync(t.path('disk'));
    const through = [...SMALL_DISK, t.path('disk')];
    const args = [t.path('disk'), t.path('copy'), String(STEP_BYTES)];
    const child = runHelper('full-disk-child.ts', args, { through });
    assert.is(await child.ended, 0);
    const tries = child.lines.map((line) => JSON.parse(line) as FullDiskTry);

    let kept = 0;
    for (const { what, free, first, shown, later, fetched, left } of tries) {
      const where = `${what}, ${free} bytes free: ${first}`;
      const [code, message, hint = ''] = first;
      assert.ok(code === 'done' || code === 'STORAGE_FAILED', where);
      if (code !== 'done') {
        assert.match(message ?? '', /the disk is full|no space left/, where);
        assert.match(hint, 'make room', where);
      }
      const before = what === 'first' ? 0 : 1;
      const after = what === 'first' ? 1 : 2;
      assert.is(shown, code === 'done' ? after : before, where);
      assert.is(later, after, where);
      assert.equal(left, [], where);
      kept += Number(code !== 'done' && fetched === 0);
    }
    assert.ok(kept > 0, 'what had come was always fetched again');
    const current = tries.at(-1);
    assert.is(current?.what, 'current');
    assert.is(current?.first[0], 'done');
    assert.match(
      current?.first[1] ?? '',
      /cannot keep what is known of the sources: no space left/,
    );
    for (const what of ['first', 'next']) {
      const codes = tries.filter((one) => one.what === what).map(({ first }) => first[0]);
      assert.ok(codes.includes('done') && codes.includes('STORAGE_FAILED'), what);
    }
  }),
);

test.run();
