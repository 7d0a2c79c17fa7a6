/** A mirrored site in a real browser: its own origin, its pictures, scripts and data. */
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SITE_URL, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const hello = fileURLToPath(new URL('../../examples/hello', import.meta.url));
// Pictures for whoever wants to look: DRAYER_SCREENSHOTS=folder.
const screenshots = process.env['DRAYER_SCREENSHOTS'];

const suiteOf = suite('e2e/browser');
// A newcomer's machine may have no Chromium where Debian has it; the continuous run installs it.
const test = existsSync(CHROMIUM) ? suiteOf : suiteOf.skip;

/** What a page says of itself. */
type Seen = {
  readonly origin: string;
  readonly isSecure: boolean;
  readonly heading: string;
  readonly font: string;
  readonly pictures: readonly number[];
  readonly links: readonly string[];
};

function launch(t: Scope): Promise<Browser> {
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  return chromium
    .launch({ executablePath: CHROMIUM, args })
    .then((browser) => t.defer(browser, () => browser.close()));
}

test(
  'a mirrored site :: looks and works in Chromium as the published one',
  scope(async (t) => {
    cpSync(hello, t.path('site'), { recursive: true });
    const author = shell(t);
    const friend = shell(t, { home: 'friend' });
    await author.run('publish', 'site');
    const server = author.start('serve', 'site', '--port', '0');
    const [source] = await server.waitFor(SITE_URL);
    await friend.run('mirror', source);
    await server.stop();
    const mirror = friend.start('serve', '--port', '0');
    const [url] = await mirror.waitFor(SITE_URL);

    const browser = await launch(t);
    const page = await browser.newPage({ viewport: { width: 1100, height: 800 } });
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('response', (response) => {
      if (response.status() >= 400) faults.push(`${response.status()} ${response.url()}`);
    });
    await page.goto(url, { waitUntil: 'networkidle' });

    // As text: the compiler's helpers are unknown in the page.
    const seen = (await page.evaluate(`({
      origin: location.origin,
      isSecure: isSecureContext,
      heading: document.querySelector('h1')?.textContent?.trim() ?? '',
      font: getComputedStyle(document.body).fontFamily,
      pictures: [...document.images].map((image) => image.naturalWidth),
      links: [...document.querySelectorAll('a[href]')].map((a) => a.href.replace(/#.*/, '')),
    })`)) as Seen;
    assert.is(`${seen.origin}/`, url);
    assert.ok(seen.isSecure, 'a secure context');
    assert.ok(seen.heading.length > 0, 'a heading');
    assert.not.match(seen.font, /^.?Times/);
    assert.ok(seen.pictures.length > 0, 'a picture');
    assert.ok(
      seen.pictures.every((width) => width > 0),
      `pictures ${seen.pictures}`,
    );

    const inside = [...new Set(seen.links)].filter((link) => link.startsWith(url));
    assert.ok(inside.length >= 2, `links ${seen.links}`);
    for (const link of inside) {
      const response = await page.goto(link);
      assert.is(response?.status(), 200, link);
    }
    assert.equal(faults, []);

    if (screenshots !== undefined) {
      mkdirSync(screenshots, { recursive: true });
      await page.goto(url, { waitUntil: 'networkidle' });
      await page.screenshot({ path: `${screenshots}/hello.png`, fullPage: true });
      await page.setViewportSize({ width: 390, height: 800 });
      await page.screenshot({ path: `${screenshots}/hello-phone.png`, fullPage: true });
      await page.goto(new URL('/', url.replace(/[a-z2-7]{52}\./, '')).href);
      await page.screenshot({ path: `${screenshots}/front.png`, fullPage: true });
    }
  }),
);

test(
  'the path form :: works under its sandbox, which keeps it from everything else of the server',
  scope(async (t) => {
    cpSync(hello, t.path('site'), { recursive: true });
    const author = shell(t);
    await author.run('publish', 'site');
    const server = author.start('serve', 'site', '--port', '0');
    const [url] = await server.waitFor(/http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}\/webAccess\//);

    const browser = await launch(t);
    const page = await browser.newPage();
    await page.goto(url, { waitUntil: 'networkidle' });

    const seen = (await page.evaluate(`({
      origin: self.origin,
      storage: (() => { try { return localStorage.length } catch (error) { return error.name } })(),
      heading: document.querySelector('h1')?.textContent?.trim() ?? '',
    })`)) as { origin: string; storage: unknown; heading: string };
    assert.is(seen.origin, 'null');
    assert.is(seen.storage, 'SecurityError');
    assert.ok(seen.heading.length > 0);
  }),
);

suiteOf.run();
