/** What keeps a site from being emptied by accident, with a real disk that is not there any more. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/guards');
const bin = fileURLToPath(new URL('../../dist/cli/bin.cjs', import.meta.url));

/** Runs a script in which mounts are its own and gone at its end. */
function withOwnMounts(t: Scope, script: string) {
  return spawnSync('unshare', ['-m', 'sh', '-ec', script], {
    cwd: t.directory,
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: t.path('home'),
      DRAYER: bin,
      NODE: process.execPath,
    },
  });
}

const canMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
const onMounts = canMount ? test : test.skip;

onMounts(
  'publish :: a disk that is not mounted empties no stream (T104)',
  scope(async (t) => {
    const sh = shell(t);
    mkdirSync(t.path('site'));
    const mounted = withOwnMounts(
      t,
      `mount -t tmpfs none site
       echo '<h1>Hello</h1>' > site/index.html
       echo a > site/a.txt
       "$NODE" "$DRAYER" publish site`,
    );
    assert.is(mounted.status, 0, mounted.stderr);
    assert.match(mounted.stdout, 'published site: 2 added');

    const { status, stderr } = await sh.run('publish', 'site');

    assert.is(status, 8);
    assert.match(
      stderr,
      'the directory has no files; publishing it would delete all 2 of the stream',
    );
    assert.match(stderr, '--allow-mass-delete');
    const { stdout } = await sh.run('ls', 'site');
    assert.match(stdout, 'index.html');
    assert.is((await sh.run('publish', 'site', '--dry-run')).status, 8);
    assert.is((await sh.run('publish', 'site', '--allow-mass-delete')).status, 0);
  }),
);

onMounts(
  'publish :: a disk in the site that is not mounted takes away no more than ten files (T104)',
  scope(async (t) => {
    const sh = shell(t);
    mkdirSync(t.path('site', 'photos'), { recursive: true });
    const mounted = withOwnMounts(
      t,
      `mount -t tmpfs none site/photos
       echo '<h1>Hello</h1>' > site/index.html
       for i in 1 2 3 4 5 6 7 8 9 10 11; do echo $i > site/photos/$i.jpg; done
       "$NODE" "$DRAYER" publish site`,
    );
    assert.is(mounted.status, 0, mounted.stderr);

    const { status, stderr } = await sh.run('publish', 'site', '--json');

    assert.is(status, 8);
    assert.match(stderr, "11 of the stream's 12 files are not in the directory");
  }),
);

test.run();
