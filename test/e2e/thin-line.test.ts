/** The straight line as real processes: folder, stream, server, mirror, server, browser. */
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { filesWithSecrets, SITE_URL, shell } from '../helpers/drayer.ts';
import { assertServes, get } from '../helpers/fetch-site.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/thin-line');
const examples = fileURLToPath(new URL('../../examples', import.meta.url));

test(
  'examples/ :: published, served, mirrored elsewhere and served from there, every byte is the same',
  scope(async (t) => {
    const site = t.path('examples');
    // Without what a publish leaves out.
    const isPublished = (path: string): boolean =>
      !/\.stream|\/\.git|drayer\.config|node_modules/.test(path.slice(examples.length));
    cpSync(examples, site, { recursive: true, filter: isPublished });
    const author = shell(t);
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });

    const published = await author.run('publish', 'examples');
    assert.is(published.status, 0, published.stderr);
    const server = author.start('serve', 'examples', '--port', '0');
    const [url] = await server.waitFor(SITE_URL);
    const count = await assertServes(url, site);
    assert.ok(count >= 12, `${count} files`);

    // What stands in the browser's address bar is an address to mirror from.
    const mirrored = await friend.run('mirror', url);
    assert.is(mirrored.status, 0, mirrored.stderr);
    assert.match(mirrored.stdout, 'proved whole by its snapshot');
    await server.stop();
    const away = await get(url).then(
      () => 'still there',
      (error: NodeJS.ErrnoException) => error.code,
    );
    assert.is(away, 'ECONNREFUSED');

    const mirror = friend.start('serve', '--port', '0');
    const [mirrorUrl, host] = await mirror.waitFor(SITE_URL);
    assert.ok(url.includes(host ?? ''), 'the same stream');
    assert.is(await assertServes(mirrorUrl, site), count);

    assert.equal(filesWithSecrets(t.directory), [], 'the secret key is in its own file only');

    // And the form that works without names.
    const [pathUrl] = await mirror.waitFor(/http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}\/webAccess\//);
    assert.is(await assertServes(pathUrl, site), count);
  }),
);

test(
  'publish, again and again :: a running server and a mirror of it follow',
  scope(async (t) => {
    cpSync(`${examples}/hello`, t.path('site'), { recursive: true });
    const author = shell(t);
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });
    await author.run('publish', 'site');
    const server = author.start('serve', 'site', '--port', '0');
    const [url] = await server.waitFor(SITE_URL);
    await friend.run('mirror', url);
    const mirror = friend.start('serve', '--port', '0');
    const [mirrorUrl] = await mirror.waitFor(SITE_URL);

    writeFileSync(t.path('site', 'new.txt'), 'new');
    rmSync(t.path('site', 'notes'), { recursive: true });
    const published = await author.run('publish', 'site', '--json');
    const { seq, added, removed } = JSON.parse(published.stdout);
    assert.is(seq, 2);
    assert.equal(added, ['new.txt']);
    assert.is(removed.length, 3);
    await server.waitForStderr(/is at generation 2 /);
    await assertServes(url, t.path('site'));
    assert.is((await get(`${url}notes/index.html`)).status, 404);

    const synced = await friend.run('mirror', url);
    assert.match(synced.stdout, 'generation 2');
    await mirror.waitForStderr(/is at generation 2 /);
    await assertServes(mirrorUrl, t.path('site'));
    assert.is((await get(`${mirrorUrl}notes/index.html`)).status, 404);

    const again = await friend.run('mirror', url);
    assert.match(again.stdout, 'up to date');
    const unchanged = await author.run('publish', 'site', '--json');
    assert.is(JSON.parse(unchanged.stdout).wrote, false);
    assert.is(JSON.parse(unchanged.stdout).seq, 2);
  }),
);

test(
  'init, publish, serve :: the template is a site at once',
  scope(async (t) => {
    const sh = shell(t);
    const started = await sh.run('init', 'mine');
    assert.match(started.stdout, 'cd mine && drayer publish');
    const mine = shell(t, { directory: t.path('mine') });

    const published = await mine.run('publish');
    assert.is(published.status, 0, published.stderr);
    assert.match(published.stdout, 'look at it: drayer serve\n');
    const server = mine.start('serve', '--port', '0');
    const [url] = await server.waitFor(/http:\/\/127\.0\.0\.1:\d+\/|http:\/\/localhost:\d+\//);
    assert.ok(
      (await assertServes(url.replace('localhost', '127.0.0.1'), t.path('mine', 'site'))) >= 4,
    );
    const missing = await get(`${url.replace('localhost', '127.0.0.1')}nothing/here`);
    assert.is(missing.status, 404);
    assert.match(missing.body.toString(), 'The tide has taken this page');
    const beside = readdirSync(t.path('mine')).filter((name) => name.startsWith('site.stream'));
    assert.ok(beside.includes('site.stream') && beside.includes('site.stream.privatekey'));
  }),
);

test(
  'drayer.config.ts of this repository :: publishes and serves examples/hello, at / and on its own name',
  scope(async (t) => {
    cpSync(examples, t.path('examples'), {
      recursive: true,
      filter: (path) => !/\.stream/.test(path),
    });
    cpSync(`${examples}/../drayer.config.ts`, t.path('drayer.config.ts'));
    const sh = shell(t);

    const published = await sh.run('publish');
    assert.is(published.status, 0, published.stderr);
    assert.match(published.stdout, 'published examples/hello: 11 added');
    const server = sh.start('serve', '--port', '0');
    const [ownUrl, , port] = await server.waitFor(SITE_URL);

    assert.is(await assertServes(ownUrl, t.path('examples', 'hello')), 11);
    assert.is(await assertServes(`http://127.0.0.1:${port}/`, t.path('examples', 'hello')), 11);
  }),
);

test(
  'serve, and mirror meanwhile :: the new mirror is served without a restart',
  scope(async (t) => {
    cpSync(`${examples}/hello`, t.path('site'), { recursive: true });
    const author = shell(t);
    await author.run('publish', 'site');
    const server = author.start('serve', 'site', '--port', '0');
    const [url, label] = await server.waitFor(SITE_URL);
    const friend = shell(t, { home: 'friend', directory: t.path('site') });
    mkdirSync(t.path('mine'));
    writeFileSync(t.path('mine', 'index.html'), 'mine');
    await friend.run('publish', '../mine');
    const both = friend.start('serve', '../mine', '--port', '0');
    await both.waitFor(SITE_URL);
    writeFileSync(t.path('site', 'drayer.config.mjs'), `export default { directory: '../mine' };`);
    const all = friend.start('serve', '--port', '0');
    const [, port] = await all.waitFor(/http:\/\/localhost:(\d+)\//);

    await friend.run('mirror', url);

    await all.waitForStderr(/serving one more stream: /);
    assert.is((await get(`http://${label}.localhost:${port}/index.html`)).status, 200);
    assert.not.match((await both.stop()).stderr, 'serving one more');
  }),
);

test.run();
