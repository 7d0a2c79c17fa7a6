/** A stream edited by hand: posts and servers, and who may write when. */
import { mkdirSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Run, type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/edit-values');

async function published(t: Scope): Promise<Shell> {
  const sh = shell(t);
  mkdirSync(t.path('site', 'posts'), { recursive: true });
  writeFileSync(t.path('site', 'index.html'), '<h1>Hello</h1>');
  writeFileSync(t.path('site', 'posts', 'one.html'), 'one');
  writeFileSync(t.path('site', 'posts', 'two.html'), 'two');
  assert.is((await sh.run('publish', 'site')).status, 0);
  return sh;
}

function json(run: Run): Record<string, unknown> {
  assert.is(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

async function seq(sh: Shell): Promise<number> {
  const { snapshot } = json(await sh.run('info', 'site', '--json'));
  return (snapshot as { seq: number }).seq;
}

test(
  'post, posts :: written, read, replaced, removed; publishing the folder leaves them',
  scope(async (t) => {
    const sh = await published(t);

    const first = await sh.run('post', 'Good morning');
    assert.match(first.stdout, 'posted "Good morning", generation 2');
    await sh.pipe('A longer one\nwith two lines\n', 'post', 'site', '-');
    await sh.run('post', 'site', 'third', '--title', 'On three');
    const same = await sh.run('post', 'Good morning');
    assert.match(same.stdout, 'nothing to post: "Good morning", generation 4 is there already');
    const other = await sh.run('post', 'site', 'Good morning to you', '--title', 'Good morning');
    assert.is(other.status, 1);
    assert.match(other.stderr, 'there is a post with the title "Good morning"');
    assert.is((await sh.run('post', '  ')).status, 2);

    writeFileSync(t.path('site', 'index.html'), 'new');
    await sh.run('publish', 'site');
    const list = json(await sh.run('posts', 'site', '--json'))['posts'] as object[];
    assert.equal(
      list.map((post) => ({ ...post, timestamp: undefined })),
      [
        { title: 'On three', text: 'third', timestamp: undefined },
        { title: 'A longer one', text: 'A longer one\nwith two lines', timestamp: undefined },
        { title: 'Good morning', text: 'Good morning', timestamp: undefined },
      ],
    );
    const { stdout } = await sh.run('posts');
    assert.match(stdout, / {2}On three\n {2}third\n/);
    assert.match(stdout, /\n {2}A longer one\n {2}with two lines\n/);

    await sh.run('post', 'site', 'Better', '--title', 'Good morning', '--replace');
    const rm = await sh.run('rm', 'site', 'On three', '--type', 'post');
    assert.match(rm.stdout, 'removed 1 record');
    const titles = json(await sh.run('ls', 'site', '--type', 'post', '--json'))['records'];
    assert.equal(
      (titles as { key: string }[]).map(({ key }) => key),
      ['A longer one', 'Good morning'],
    );
  }),
);

test(
  'servers :: named, listed, no longer named; an address mirrors cannot use is refused',
  scope(async (t) => {
    const sh = await published(t);

    assert.match((await sh.run('servers')).stderr, 'this stream names no servers');
    const add = await sh.run('servers', 'add', 'https://Example.org/drayer');
    assert.match(add.stdout, 'named: https://example.org/drayer/, generation 2');
    const again = await sh.run('servers', 'site', 'add', 'https://example.org/drayer/');
    assert.match(again.stdout, 'named already');
    await sh.run('servers', 'add', 'http://192.168.1.20:33125');
    const { stdout } = await sh.run('servers', 'site');
    assert.is(stdout, 'https://example.org/drayer/\nhttp://192.168.1.20:33125/\n');
    const rm = json(await sh.run('servers', 'rm', 'https://example.org/drayer', '--json'));
    assert.equal(rm['servers'], [{ type: 'http', url: 'http://192.168.1.20:33125/' }]);

    for (const [args, status, message] of [
      [['add', 'ftp://example.org'], 2, 'expected http or https'],
      [['add', 'example.org'], 2, 'expected an address'],
      [['add', 'https://me:pw@example.org'], 2, 'expected no name and password'],
      [['add', 'https://example.org/?x='], 2, 'expected no query'],
      [['rm', 'https://example.net'], 1, 'not one of the primary servers'],
      [['add'], 2, 'expected [stream] add URL'],
      [['site', 'ad', 'https://example.org'], 2, 'expected [stream] add URL'],
    ] as const) {
      const run = await sh.run('servers', ...args);
      assert.is(run.status, status, run.stderr);
      assert.match(run.stderr, message);
    }
    assert.is(await seq(sh), 4);
  }),
);

test(
  'edits :: of a mirror, without the key, say so',
  scope(async (t) => {
    const sh = await published(t);
    const server = sh.start('serve', 'site', '--port', '0');
    const [url] = await server.waitFor(SITE_URL);
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });
    await friend.run('mirror', url, '--stream', 'copy.stream');

    for (const args of [
      ['post', 'copy.stream', 'hello'],
      ['rm', 'copy.stream', 'index.html'],
      ['servers', 'copy.stream', 'add', 'https://example.org'],
    ]) {
      const { status, stderr } = await friend.run(...args);
      assert.is(status, 8, stderr);
      assert.match(stderr, 'without its private key this stream can only be read');
    }
    const posts = await friend.run('posts', 'copy.stream');
    assert.is(posts.status, 0, 'reading needs no key');
  }),
);

test(
  'edits :: two at once both count; behind a writer that does not end, a sentence says so',
  scope(async (t) => {
    const sh = await published(t);

    const runs = await Promise.all([1, 2, 3].map((n) => sh.run('post', 'site', `post ${n}`)));
    assert.equal(
      runs.map(({ status }) => status),
      [0, 0, 0],
    );
    assert.is(await seq(sh), 4);

    const lock = t.defer(new Database(t.path('site.stream')), (database) => database.close());
    lock.exec('BEGIN IMMEDIATE');
    const blocked = await sh.run('post', 'site', 'late');
    lock.exec('ROLLBACK');
    assert.is(blocked.status, 5);
    assert.match(blocked.stderr, 'another process is writing to this stream');
    assert.match(blocked.stderr, 'hint: wait until the other drayer has finished');
    assert.is((await sh.run('post', 'site', 'late')).status, 0);
  }),
);

test.run();
