/** `drayer publish --wait-mirrors`: real mirrors that come, and servers that do not. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Running, type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/wait-mirrors');

test(
  '--wait-mirrors :: ends when a mirror that follows the site serves the new generation',
  scope(async (t) => {
    const { sh, mirrorUrl } = await publishWithMirror(t);
    writeFileSync(t.path('site', 'index.html'), '<h1>Second</h1>');

    const run = await sh.run('publish', 'site', '--wait-mirrors', '1', '--mirror', mirrorUrl);

    assert.is(run.status, 0, run.stderr);
    assert.match(run.stdout, `served by ${mirrorUrl}`);
    const { base64url } = JSON.parse((await sh.run('info', 'site', '--json')).stdout);
    const page = await sh.run('cat', `drayer://${base64url}/index.html`, '--from', mirrorUrl);
    assert.is(page.stdout, '<h1>Second</h1>');
  }),
);

test(
  '--wait-mirrors :: with --json says of each server how far it is, and ends with 3 where one lacks',
  scope(async (t) => {
    const { sh, mirrorUrl } = await publishWithMirror(t);
    await sh.run('servers', 'site', 'add', 'http://127.0.0.1:1/');
    writeFileSync(t.path('site', 'index.html'), '<h1>Third</h1>');

    const flags = ['--wait-mirrors', '2', '--timeout', '3', '--mirror', mirrorUrl, '--json'];
    const run = await sh.run('publish', 'site', ...flags);

    assert.is(run.status, 3, run.stderr);
    const { seq, wrote, mirrors } = JSON.parse(run.stdout);
    assert.is(wrote, true);
    assert.is(mirrors.needed, 2);
    assert.is(mirrors.met, false);
    assert.equal(
      mirrors.servers.map(({ url, serving }: { url: string; serving: boolean }) => [url, serving]),
      [
        ['http://127.0.0.1:1', false],
        [mirrorUrl, true],
      ],
    );
    assert.match(mirrors.servers[0].problem, 'connection refused');
    assert.is(mirrors.servers[1].seq, seq);
    assert.match(run.stderr, 'published, but only 1 of 2 servers came to serve generation 3:');
    assert.match(run.stderr, 'drayer:   http://127.0.0.1:1');
  }),
);

test(
  '--wait-mirrors :: waits also where there was nothing to publish, and for no server that is not known',
  scope(async (t) => {
    const { sh, mirrorUrl } = await publishWithMirror(t);

    const again = await sh.run('publish', 'site', '--wait-mirrors', '1', '--mirror', mirrorUrl);
    const alone = await sh.run('publish', 'site', '--wait-mirrors', '1');

    assert.is(again.status, 0, again.stderr);
    assert.match(again.stdout, 'nothing to publish');
    assert.match(again.stdout, `served by ${mirrorUrl}`);
    assert.is(alone.status, 3);
    assert.match(alone.stderr, '1 server cannot serve generation 1: the stream names none');
  }),
);

test(
  '--wait-mirrors :: what cannot be meant is said before anything is published',
  scope(async (t) => {
    const sh = shell(t);
    mkdirSync(t.path('site'));
    writeFileSync(t.path('site', 'index.html'), 'x');
    const mistakes: [string[], string][] = [
      [['--wait-mirrors', '0'], '--wait-mirrors: expected a number of servers from 1 to 100'],
      [['--wait-mirrors', '1', '--timeout', '1.5'], '--timeout: expected a number of seconds'],
      [['--wait-mirrors', '1', '--mirror', 'ftp://a'], 'expected http or https, got ftp'],
      [['--timeout', '5'], '--timeout and --mirror are for --wait-mirrors'],
      [['--wait-mirrors', '1', '--dry-run'], '--wait-mirrors and --dry-run exclude each other'],
      [['--wait-mirrors', '1', '--watch'], '--wait-mirrors and --watch exclude each other'],
    ];

    for (const [flags, message] of mistakes) {
      const run = await sh.run('publish', 'site', ...flags);
      assert.is(run.status, 2, run.stderr);
      assert.match(run.stderr, message);
      assert.not.match(run.stdout, 'published');
    }
  }),
);

type Mirrored = { readonly sh: Shell; readonly mirror: Running; readonly mirrorUrl: string };

/** A site that is published and served, and a mirror elsewhere that serves it on and follows it. */
async function publishWithMirror(t: Scope): Promise<Mirrored> {
  const sh = shell(t);
  const other = shell(t, { home: 'other', directory: t.path('elsewhere') });
  mkdirSync(t.path('site'));
  writeFileSync(t.path('site', 'index.html'), '<h1>First</h1>');
  assert.is((await sh.run('publish', 'site')).status, 0);
  const server = sh.start('serve', 'site', '--port', '0');
  const [, , port] = await server.waitFor(SITE_URL);
  const mirror = other.start('mirror', `http://127.0.0.1:${port}`, '--serve', '--port', '0');
  const [, , mirrorPort] = await mirror.waitFor(SITE_URL);
  return { sh, mirror, mirrorUrl: `http://127.0.0.1:${mirrorPort}` };
}

test.run();
