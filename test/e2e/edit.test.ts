/** A site edited by hand: put and rm; each one generation, seen at once where it is served. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Run, type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { get } from '../helpers/fetch-site.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/edit');

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

async function paths(sh: Shell): Promise<string[]> {
  const { files } = json(await sh.run('ls', 'site', '--json')) as { files: { key: string }[] };
  return files.map(({ key }) => key);
}

async function seq(sh: Shell): Promise<number> {
  const { snapshot } = json(await sh.run('info', 'site', '--json'));
  return (snapshot as { seq: number }).seq;
}

/** The events of a served stream, one after the other. */
async function follow(t: Scope, url: string): Promise<(pattern: RegExp) => Promise<void>> {
  const { port, host } = new URL(url);
  const path = '/.well-known/drayer/events';
  const sent = request({ host: '127.0.0.1', port, path, headers: { host }, agent: false });
  t.defer(sent, () => sent.destroy());
  sent.end();
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject);
  });
  let text = '';
  let look = (): void => undefined;
  answer.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    look();
  });
  return (pattern) =>
    new Promise((resolve, reject) => {
      look = () => (pattern.test(text) ? resolve() : undefined);
      answer.once('close', () => reject(new Error(`ended without ${pattern}: ${text}`)));
      look();
    });
}

test(
  'put, rm :: each is one signed generation, and a running server shows it at once',
  scope(async (t) => {
    const sh = await published(t);
    const server = sh.start('serve', 'site', '--port', '0');
    const [url] = await server.waitFor(SITE_URL);
    const until = await follow(t, url);
    await until(/"seq":1\b/);
    writeFileSync(t.path('about.html'), 'about us');

    const put = json(await sh.run('put', 'site', '/about.html', 'about.html', '--json'));
    await until(/"seq":2\b/);
    const shown = await get(`${url}about.html`, { 'accept-encoding': 'identity' });

    assert.equal([put['changed'], put['seq'], put['key']], [true, 2, 'about.html']);
    assert.equal([shown.status, String(shown.body)], [200, 'about us']);

    const rm = json(await sh.run('rm', 'site', 'about.html', 'posts/one.html', '--json'));
    await until(/"seq":3\b/);

    assert.equal([rm['seq'], rm['removed']], [3, ['about.html', 'posts/one.html']]);
    assert.is((await get(`${url}about.html`)).status, 404);
    assert.is((await get(`${url}posts/two.html`)).status, 200);
    const { stdout, status } = await sh.run('verify', 'site');
    assert.is(status, 0, stdout);
  }),
);

test(
  'put :: from stdin, from the file of that path, and nothing where nothing changes',
  scope(async (t) => {
    const sh = await published(t);
    writeFileSync(t.path('note.txt'), 'from the file');

    const piped = await sh.pipe('from stdin', 'put', 'site', 'piped.txt', '-');
    const named = await sh.run('put', 'site', 'note.txt');
    const again = await sh.run('put', 'site', './note.txt', 'note.txt');

    assert.match(piped.stdout, 'put piped.txt, 10 bytes, generation 2');
    assert.match(named.stdout, 'put note.txt, 13 bytes, generation 3');
    assert.match(
      again.stdout,
      'nothing to put: note.txt, 13 bytes, is there already, generation 3',
    );
    assert.is((await sh.run('cat', 'site', 'piped.txt')).stdout, 'from stdin');
    const both = await sh.pipe('x', 'put', 'site', 'a', '-', '--key-stdin');
    assert.is(both.status, 2);
    assert.match(both.stderr, 'stdin cannot be both the key and the content');
  }),
);

test(
  'put, rm :: say what the next publish of the folder makes of it, and so it is',
  scope(async (t) => {
    const sh = await published(t);
    writeFileSync(t.path('x'), 'by hand');

    const added = await sh.run('put', 'site', 'extra.html', 'x');
    assert.match(added.stderr, 'warning: the next drayer publish site removes extra.html again');
    const replaced = await sh.run('put', 'site', 'index.html', 'x');
    assert.match(replaced.stderr, 'publish site replaces index.html by what the folder has');
    const removed = await sh.run('rm', 'site', 'posts/one.html');
    assert.match(removed.stderr, 'publish site puts posts/one.html back: the folder has it');
    writeFileSync(t.path('site', 'kept.html'), 'by hand');
    const kept = await sh.run('put', 'site', 'kept.html', 'x');
    assert.is(kept.stderr, '');

    const report = json(await sh.run('publish', 'site', '--json'));
    assert.equal(
      [report['added'], report['changed'], report['removed']],
      [['posts/one.html'], ['index.html'], ['extra.html']],
    );
  }),
);

test(
  'rm :: all of it or nothing; near names are told; folders only when asked for',
  scope(async (t) => {
    const sh = await published(t);

    const wrong = await sh.run('rm', 'site', 'index.html', 'posts/tow.html', 'nowhere', 'one.html');
    assert.is(wrong.status, 1);
    assert.match(wrong.stderr, 'posts/tow.html: not in this stream; is it posts/two.html?');
    assert.match(wrong.stderr, /nowhere: not in this stream\n/);
    assert.match(wrong.stderr, 'one.html: not in this stream; is it posts/one.html?');
    const folder = await sh.run('rm', 'site', 'posts/');
    assert.is(folder.status, 2);
    assert.match(folder.stderr, 'posts/: a folder with 2 files in it; nothing was removed');
    assert.equal(
      [await paths(sh), await seq(sh)],
      [['index.html', 'posts/one.html', 'posts/two.html'], 1],
    );

    const all = await sh.run('rm', 'site', 'posts', '--recursive');
    assert.match(all.stdout, 'removed 2 files, generation 2');
    assert.equal(await paths(sh), ['index.html']);
  }),
);

test(
  'put :: what is never published, what cannot lie beside another file, what is no file',
  scope(async (t) => {
    const sh = await published(t);
    writeFileSync(t.path('x'), 'x');
    mkdirSync(t.path('folder'));
    const key = readFileSync(t.path('site.stream.privatekey'));
    const cases = [
      [['.env'], 8, '.env: what is called .env is never published'],
      [['a/.git/config'], 8, 'what is called .git is never published'],
      [['site.stream.privatekey.bak'], 8, 'is never published'],
      [['INDEX.html'], 1, 'INDEX.html: it cannot lie beside index.html on every disk'],
      [['index.html/x'], 1, 'it cannot lie beside index.html on every disk'],
      [['posts'], 1, 'it cannot lie beside posts/one.html on every disk'],
      [['a/../b'], 1, 'expected no segment ..'],
      [['a//b'], 1, 'expected no empty segment'],
      [['a\\b'], 1, 'expected no backslash'],
      [['a\nb'], 1, 'expected no control characters'],
    ] as const;

    for (const [[path], status, message] of cases) {
      const run = await sh.run('put', 'site', path, 'x');
      assert.is(run.status, status, `${path}: ${run.stderr}`);
      assert.match(run.stderr, message);
      assert.match(run.stderr, 'hint: ');
    }
    const folder = await sh.run('put', 'site', 'y', 'folder');
    assert.match(folder.stderr, 'folder: expected a file, found a folder');
    const missing = await sh.run('put', 'site', 'y', 'nope');
    assert.match(missing.stderr, 'nope: no such file or folder');
    const secret = await sh.pipe(`the key is ${key}.`, 'put', 'site', 'y', '-');
    assert.is(secret.status, 8);
    assert.match(secret.stderr, 'y: it contains the private key of this very stream');
    const posted = await sh.pipe(`the key is ${key}.`, 'post', 'site', '-');
    assert.is(posted.status, 8);
    assert.equal(
      [await paths(sh), await seq(sh)],
      [['index.html', 'posts/one.html', 'posts/two.html'], 1],
    );
  }),
);

test.run();
