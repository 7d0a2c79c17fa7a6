/**
 * A site that uses what the web offers, in every mode it can be served in: fonts, a film that is sought in,
 * modules, fetch, storage, workers. And two sites of one server, of which one wants to read the other.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import type { SeenRequest } from '../../src/server/request-watch.ts';
import { hasBrowser, openBrowser } from '../helpers/chromium.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { makeFilm } from '../helpers/make-film.ts';
import { makeFont } from '../helpers/make-font.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('e2e/browser-modes');
const run = hasBrowser ? test : test.skip;

// Larger than what a browser reads ahead.
const SECONDS = 500;
const [urlA, urlB] = [KEY_A, KEY_B].map(({ publicKey }) => formatStreamId(publicKey, 'base64url'));
const [labelA, labelB] = [KEY_A, KEY_B].map(({ publicKey }) => formatStreamId(publicKey, 'base32'));

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>All of it</title>
<link rel="stylesheet" href="style.css"><link rel="icon" href="icon.svg">
<h1>All of it</h1><p>A bar of a font: <span id="bar">AA</span></p>
<video id="film" src="film.webm" muted preload="metadata" controls width="640"></video>
<pre id="out">…</pre><script type="module" src="app/main.js"></script></html>`;

const STYLE = `@font-face { font-family: Bar; src: url(fonts/bar.ttf); }
body { font: 16px sans-serif; margin: 2rem } #bar { font: 20px Bar }`;

const MAIN = `import { half } from './half.js';
const outcome = (promise) => promise.then((value) => value, (error) => error.name);
const attempt = (work) => outcome((async () => work())());
const film = document.getElementById('film');
const facts = {
  module: half(42),
  late: await import('./late.js?x=1').then((m) => m.default),
  data: await attempt(async () => (await (await fetch('data/list.json')).json()).n),
  missing: await attempt(async () => (await fetch('data/none.json')).status),
  part: await attempt(async () => {
    const headers = { Range: 'bytes=2-4' };
    const response = await fetch('data/text.txt', { headers });
    return response.status + ' ' + (await response.text());
  }),
  font: await attempt(async () => {
    await document.fonts.load('20px Bar', 'A');
    return document.getElementById('bar').getBoundingClientRect().width;
  }),
  storage: await attempt(() => {
    localStorage.setItem('x', 'kept');
    return localStorage.getItem('x');
  }),
  database: await attempt(() => new Promise((resolve, reject) => {
    const opening = indexedDB.open('d');
    opening.onsuccess = () => resolve('open');
    opening.onerror = () => reject(opening.error);
  })),
  cookie: await attempt(() => { document.cookie = 'a=1'; return document.cookie; }),
  worker: await attempt(async () => {
    if (!navigator.serviceWorker) return 'none';
    await navigator.serviceWorker.register('worker.js', { scope: './' });
    await navigator.serviceWorker.ready;
    return 'ready';
  }),
  origin: self.origin,
  isSecure: isSecureContext,
};
document.getElementById('out').textContent = JSON.stringify(facts, undefined, 1);
globalThis.facts = facts;
`;

type Facts = Readonly<Record<string, unknown>>;

const pictures = fileURLToPath(new URL('../../templates/gallery/site/pictures/', import.meta.url));

const PLAIN = { 'plain.html': '<!doctype html><title>A</title><p>a' };

function siteFiles(): Record<string, string | Uint8Array> {
  const all = readdirSync(pictures)
    .filter((name) => name.endsWith('.webp'))
    .map((name) => readFileSync(pictures + name));
  return {
    'index.html': PAGE,
    'style.css': STYLE,
    'icon.svg':
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>',
    'app/main.js': MAIN,
    'app/half.js': 'export const half = (n) => n / 2;',
    'app/late.js': 'export default "late";',
    'worker.js': 'self.onfetch = () => {};',
    'data/list.json': '{"n": 7}',
    'data/text.txt': 'abcdefgh',
    'fonts/bar.ttf': makeFont(),
    'film.webm': makeFilm({ pictures: all, seconds: SECONDS, width: 1200, height: 800 }),
  };
}

/** A server of both sites, in all modes at once: D on its only port where that is wished. */
async function serveBoth(
  t: Scope,
  options: Parameters<typeof serve>[2] = {},
  files: Readonly<Record<string, string | Uint8Array>> = PLAIN,
) {
  const seen: SeenRequest[] = [];
  const a = makeSite(t, files).path;
  const secret = {
    'index.html': '<!doctype html><title>B</title><p>b',
    'secret.txt': 'secret of b',
  };
  const b = makeSite(t, secret, { key: KEY_B, name: 'b.stream' }).path;
  const listening = { onRequest: (one: SeenRequest) => void seen.push(one) };
  const serving = await serve(t, [{ path: a }, { path: b }], options, listening);
  return { ...serving, seen };
}

/** Opens a page and remembers what the browser complains of. */
async function openPage(browser: Browser, url: string): Promise<{ page: Page; wrong: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
  const wrong: string[] = [];
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
  await page.goto(url);
  await page.waitForFunction('globalThis.facts');
  return { page, wrong };
}

/** Jumps to near the end of the film, and says where it then is and what it shows. */
const SEEK = `(async () => {
  const film = document.getElementById('film');
  if (film.readyState < 1) await new Promise((done) => film.addEventListener('loadedmetadata', done, { once: true }));
  const sought = new Promise((done, fail) => {
    film.addEventListener('seeked', done, { once: true });
    film.addEventListener('error', () => fail(new Error(film.error.message)), { once: true });
  });
  film.currentTime = 490.5;
  await sought;
  return { duration: film.duration, at: film.currentTime, width: film.videoWidth, ready: film.readyState };
})()`;

const allowed: Facts = { storage: 'kept', database: 'open', cookie: 'a=1' };
const refused: Facts = {
  storage: 'SecurityError',
  database: 'SecurityError',
  cookie: 'SecurityError',
};

type Mode = {
  readonly name: string;
  readonly options?: ((ports: Map<number, Uint8Array>) => Parameters<typeof serve>[2]) | undefined;
  readonly host: (port: number) => string;
  readonly path?: string | undefined;
  /** What differs from mode to mode. */
  readonly facts: Facts;
  /** What the browser may complain of. */
  readonly wrong?: RegExp | undefined;
};

// One request for what is not there is a part of the page.
const NOT_FOUND = /404 \(Not Found\)/;

const modes: readonly Mode[] = [
  {
    name: 'A, its name below localhost',
    host: (port) => `${labelA}.localhost:${port}`,
    facts: { ...allowed, worker: 'ready', isSecure: true },
  },
  {
    name: 'C, a domain',
    options: () => ({ domains: { 'blog.example': KEY_A.publicKey } }),
    host: (port) => `blog.example:${port}`,
    // Over plain HTTP as here it has no workers; behind TLS it does.
    facts: { ...allowed, worker: 'none', isSecure: false },
    wrong: /Cross-Origin-Opener-Policy header has been ignored/,
  },
  {
    name: 'D, a port of an address',
    options: (ports) => ({ ports }),
    host: (port) => `192.168.77.7:${port}`,
    facts: { ...allowed, worker: 'none', isSecure: false },
  },
  {
    name: 'E, a path in a sandbox',
    host: (port) => `127.0.0.1:${port}`,
    path: `/${urlA}/webAccess/`,
    facts: { ...refused, worker: 'SecurityError', origin: 'null', isSecure: true },
  },
];

/** Whether a request is for a part of the film behind what a browser reads ahead. */
function isFarIntoFilm({ request, status }: SeenRequest): boolean {
  if (status !== 206 || request.url?.endsWith('film.webm') !== true) return false;
  return Number(/\d+/.exec(request.headers.range ?? '')?.[0]) > 10_000_000;
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('it never came to hold');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const whole = hasBrowser ? siteFiles() : PLAIN;

for (const { name, options, host, path = '/', facts, wrong: mayBeWrong } of modes) {
  run(
    `mode ${name} :: fonts, film, modules, fetch, and as much more as it allows`,
    scope(async (t) => {
      const ports = new Map<number, Uint8Array>();
      const { port, seen, errors } = await serveBoth(t, options?.(ports), whole);
      if (name.startsWith('D')) ports.set(port, KEY_A.publicKey);
      const rules = 'MAP blog.example 127.0.0.1, MAP 192.168.77.7 127.0.0.1';
      const browser = await openBrowser(t, [`--host-resolver-rules=${rules}`]);

      const { page, wrong } = await openPage(browser, `http://${host(port)}${path}`);
      const got = (await page.evaluate('facts')) as Facts;
      const film = (await page.evaluate(SEEK)) as Facts;
      const shots = env['DRAYER_SHOTS'];
      if (shots !== undefined) await page.screenshot({ path: `${shots}/mode-${name[0]}.png` });

      assert.equal(got, {
        module: 21,
        late: 'late',
        data: 7,
        missing: 404,
        part: '206 cde',
        // Two glyphs, two em each.
        font: 80,
        origin: `http://${host(port)}`,
        ...facts,
      });
      assert.is(film['duration'], SECONDS);
      assert.is(film['at'], 490.5);
      assert.ok(Number(film['ready']) >= 2, `${film['ready']}`);
      // Not by reading all that comes before. A request is told when it is over: with its page it is.
      await page.close();
      await until(() => seen.some(isFarIntoFilm));
      const unforeseen = wrong.filter((one) => !NOT_FOUND.test(one) && !mayBeWrong?.test(one));
      assert.equal(unforeseen, []);
      assert.equal(errors, []);
    }),
  );
}

/** Run in a page of site A: all it can try to learn of B. */
const SPY = `async (other) => {
  const attempt = async (work) => {
    try { return await work(); } catch (error) { return error.name; }
  };
  const frame = document.createElement('iframe');
  frame.src = other;
  await new Promise((done) => { frame.onload = done; document.body.append(frame); });
  return {
    fetch: await attempt(async () => (await fetch(other + 'secret.txt')).text()),
    opaque: await attempt(async () => (await fetch(other + 'secret.txt', { mode: 'no-cors' })).type),
    frame: await attempt(() => frame.contentDocument?.body.textContent ?? 'null'),
    storage: await attempt(() => localStorage.getItem('b')),
    cookie: await attempt(() => document.cookie),
    workers: await attempt(async () => (await navigator.serviceWorker.getRegistrations()).length),
    heard: await attempt(() => new Promise((done) => {
      new BroadcastChannel('b').onmessage = ({ data }) => done(data);
      setTimeout(done, 300, 'nothing');
    })),
  };
}`;

/** Run in a page of site B, which leaves all it can. */
const LEAVE = `(() => {
  const attempt = (work) => { try { work(); } catch {} };
  attempt(() => localStorage.setItem('b', 'secret'));
  attempt(() => { document.cookie = 'b=secret'; });
  attempt(() => {
    const channel = new BroadcastChannel('b');
    setInterval(() => channel.postMessage('secret'), 20);
  });
})()`;

/** Lets B leave what it can, and A look for it. */
async function spy(t: Scope, { a, b }: { readonly a: string; readonly b: string }): Promise<Facts> {
  const rules = 'MAP 192.168.77.7 127.0.0.1';
  const browser = await openBrowser(t, [`--host-resolver-rules=${rules}`]);
  const context = await browser.newContext();
  const [pageB, pageA] = [await context.newPage(), await context.newPage()];
  await pageB.goto(b);
  await pageB.evaluate(LEAVE);
  await pageA.goto(a);
  return (await pageA.evaluate(`(${SPY})(${JSON.stringify(b)})`)) as Facts;
}

run(
  'two sites :: in mode A the one learns nothing of the other (T107)',
  scope(async (t) => {
    const { port } = await serveBoth(t);

    const found = await spy(t, {
      a: `http://${labelA}.localhost:${port}/plain.html`,
      b: `http://${labelB}.localhost:${port}/`,
    });

    assert.equal(found, {
      fetch: 'TypeError',
      opaque: 'TypeError',
      frame: 'null',
      storage: null,
      cookie: '',
      workers: 0,
      heard: 'nothing',
    });
  }),
);

run(
  'two sites :: in mode D the one learns nothing of the other but its cookies (T107)',
  scope(async (t) => {
    const [portsA, portsB] = [new Map<number, Uint8Array>(), new Map<number, Uint8Array>()];
    const one = await serveBoth(t, { ports: portsA });
    const b = makeSite(
      t,
      { 'index.html': 'b', 'secret.txt': 's' },
      { key: KEY_B, name: 'd.stream' },
    );
    const two = await serve(t, [{ path: b.path }], { ports: portsB });
    portsA.set(one.port, KEY_A.publicKey);
    portsB.set(two.port, KEY_B.publicKey);

    const found = await spy(t, {
      a: `http://192.168.77.7:${one.port}/plain.html`,
      b: `http://192.168.77.7:${two.port}/`,
    });

    assert.equal(found, {
      fetch: 'TypeError',
      opaque: 'TypeError',
      frame: 'null',
      storage: null,
      // Browsers keep cookies by host, not by port.
      cookie: 'b=secret',
      workers: 'TypeError',
      heard: 'nothing',
    });
  }),
);

run(
  'two sites :: in mode E the one reads the files of the other, which are public, and no more (T107)',
  scope(async (t) => {
    const { port } = await serveBoth(t);

    const found = await spy(t, {
      a: `http://127.0.0.1:${port}/${urlA}/webAccess/plain.html`,
      b: `http://127.0.0.1:${port}/${urlB}/webAccess/`,
    });

    assert.equal(found, {
      fetch: 'secret of b',
      opaque: 'opaque',
      frame: 'null',
      storage: 'SecurityError',
      cookie: 'SecurityError',
      workers: 'SecurityError',
      heard: 'nothing',
    });
  }),
);

run(
  'the rig :: without the sandbox the one would read what the other keeps',
  scope(async (t) => {
    const { port } = await serveBoth(t);
    const browser = await openBrowser(t);
    const context = await browser.newContext();
    // As a server would that sends the path form without the header.
    await context.route('**/webAccess/**', async (route) => {
      const response = await route.fetch();
      const { 'content-security-policy': _, ...headers } = response.headers();
      await route.fulfill({ response, headers });
    });
    const [pageB, pageA] = [await context.newPage(), await context.newPage()];
    await pageB.goto(`http://127.0.0.1:${port}/${urlB}/webAccess/`);
    await pageB.evaluate(LEAVE);
    await pageA.goto(`http://127.0.0.1:${port}/${urlA}/webAccess/plain.html`);

    assert.is(await pageA.evaluate(`localStorage.getItem('b')`), 'secret');
  }),
);

test.run();
