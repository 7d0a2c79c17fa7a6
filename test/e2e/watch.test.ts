/** `publish --watch --serve` and `mirror --serve --live` as real processes, and in a real browser. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SITE_URL, shell } from '../helpers/drayer.ts';
import { get } from '../helpers/fetch-site.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/watch');

const executablePath = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => existsSync(path));

const page = (title: string): string => `<!doctype html><title>${title}</title><h1>${title}</h1>`;

function makeSite(t: Scope): string {
  const folder = t.path('site');
  mkdirSync(folder);
  writeFileSync(join(folder, 'index.html'), page('one'));
  return folder;
}

test(
  'publish --watch :: a line for each generation, and 130 without a stack at Ctrl-C',
  scope(async (t) => {
    const folder = makeSite(t);
    const running = shell(t).start('publish', 'site', '--watch');
    await running.waitForStderr(/watching site; Ctrl-C stops it/);

    writeFileSync(join(folder, 'index.html'), page('two'));
    await running.waitFor(/^\d\d:\d\d:\d\d {2}\+0 ~1 -0 {2}generation 2$/m);
    writeFileSync(join(folder, 'new.html'), page('new'));
    rmSync(join(folder, 'index.html'));
    await running.waitFor(/^\d\d:\d\d:\d\d {2}\+1 ~0 -1 {2}generation 3$/m);
    const { status, stderr } = await running.stop('SIGINT');

    assert.is(status, 130);
    assert.not.match(stderr, /error|at .*\.js:/);
  }),
);

test(
  'publish --watch --json :: an object a line, also for what is wrong until it is mended',
  scope(async (t) => {
    const folder = makeSite(t);
    const running = shell(t).start('publish', 'site', '--watch', '--json');
    await running.waitFor(/"seq":1/);
    // Nothing tells when it has begun to watch; what came before that is found at its first look.
    writeFileSync(join(folder, 'key.txt'), readFileSync(t.path('site.stream.privatekey')));
    await running.waitFor(/"code":"SECRET_IN_SITE"/);
    rmSync(join(folder, 'key.txt'));
    appendFileSync(join(folder, 'index.html'), '<p>more</p>');
    await running.waitFor(/"seq":2/);
    const { status, stdout } = await running.stop('SIGINT');

    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.is(status, 130);
    assert.equal(
      lines.map(({ seq, error }) => seq ?? (error as { code: string }).code),
      [1, 'SECRET_IN_SITE', 2],
    );
    assert.equal(lines[2]?.['changed'], ['index.html']);
    assert.match(String(lines[2]?.['time']), /^\d{4}-\d\d-\d\dT/);
  }),
);

test(
  'publish --serve :: serves what it published, as it was published, and stops at Ctrl-C',
  scope(async (t) => {
    makeSite(t);
    const running = shell(t).start('publish', 'site', '--serve', '--port', '0');
    const [url] = await running.waitFor(SITE_URL);
    const served = await get(url);
    const { status } = await running.stop('SIGINT');

    assert.is(served.body.toString(), page('one'));
    assert.is(status, 130);
  }),
);

test(
  'mirror --serve :: serves the copy while its source is away, and comes along when it is back',
  scope(async (t) => {
    const folder = makeSite(t);
    const author = shell(t);
    const first = author.start('publish', 'site', '--serve', '--port', '0');
    const [, , port = ''] = await first.waitFor(SITE_URL);
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });
    const id = /^stream (\S+)$/m.exec((await first.stop()).stdout)?.[1] ?? '';
    const source = [`http://127.0.0.1:${port}`, id];
    const none = await friend.run('mirror', ...source, '--serve', '--port', '0');
    const second = author.start('publish', 'site', '--serve', '--port', port);
    await second.waitFor(SITE_URL);
    await friend.run('mirror', ...source);
    await second.stop();

    const mirror = friend.start('mirror', ...source, '--serve', '--port', '0');
    const [url] = await mirror.waitFor(SITE_URL);
    await mirror.waitForStderr(/nobody|refused|reach/i);
    const served = await get(url);
    writeFileSync(join(folder, 'index.html'), page('two'));
    const third = author.start('publish', 'site', '--serve', '--port', port);
    await third.waitFor(SITE_URL);
    await mirror.waitFor(/fetched {2}generation 2$/m);

    assert.is(none.status, 7);
    assert.is(served.body.toString(), page('one'));
    assert.is((await get(url)).body.toString(), page('two'));
  }),
);

test(
  'publish, mirror :: flags that do not go together are refused in a sentence',
  scope(async (t) => {
    makeSite(t);
    const sh = shell(t);
    for (const [args, message] of [
      [['publish', 'site', '--dry-run', '--watch'], '--dry-run and --watch exclude each other'],
      [
        ['publish', 'site', '--port', '0'],
        '--port, --host, --lan, --dht and --upnp are for --serve',
      ],
      [
        ['mirror', 'http://127.0.0.1:9', '--live'],
        '--live, --port, --host, --lan and --upnp are for --serve',
      ],
    ] as const) {
      const { status, stderr } = await sh.run(...args);
      assert.is(status, 2);
      assert.match(stderr, message);
    }
  }),
);

const browse = executablePath === undefined ? test.skip : test;
if (executablePath === undefined) console.log('  no Chromium here: the browser tests are skipped');

browse(
  'live reload :: an edit reloads the open page, here and at a mirror that is served live',
  scope(async (t) => {
    const folder = makeSite(t);
    const author = shell(t).start('publish', 'site', '--watch', '--serve', '--port', '0');
    const [url] = await author.waitFor(SITE_URL);
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });
    const mirror = friend.start('mirror', url, '--serve', '--live', '--port', '0');
    const [mirrorUrl] = await mirror.waitFor(SITE_URL);
    await mirror.waitForStderr(/following/);
    const browser = await openBrowser(t);
    const pages = await Promise.all(
      [url, mirrorUrl, sandboxed(url)].map(async (address) => {
        const one = await browser.newPage();
        await one.goto(address);
        return one;
      }),
    );

    for (const title of ['two', 'three']) {
      writeFileSync(join(folder, 'index.html'), page(title));
      for (const one of pages) await one.waitForFunction(`document.title === '${title}'`);
    }

    // What is signed is what was written.
    const stored = await get(`${url}index.html`, { 'sec-fetch-dest': 'empty' });
    assert.is(stored.body.toString(), page('three'));
    for (const running of [mirror, author]) assert.is((await running.stop('SIGINT')).status, 130);
  }),
);

/** The same site in the form that works without names, in its sandbox. */
function sandboxed(url: string): string {
  const { hostname, port } = new URL(url);
  return `http://127.0.0.1:${port}/${hostname.split('.', 1)[0]}/webAccess/`;
}

async function openBrowser(t: Scope): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: executablePath ?? '',
    args: ['--no-sandbox'],
  });
  return t.defer(browser, (one) => one.close());
}

test.run();
