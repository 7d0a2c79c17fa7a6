/** The last step of the straight line in a real browser: a mirrored site, looked at in Chromium. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hasBrowser, openBrowser } from '../helpers/chromium.ts';
import { SITE_URL, shell } from '../helpers/drayer.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/browser');
const root = fileURLToPath(new URL('../..', import.meta.url));
// Run in the page, where there is a DOM.
const OVERFLOW = 'document.documentElement.scrollWidth - innerWidth';
const UNNAMED = `[...document.querySelectorAll('a, button, summary, img')]
  .filter((element) => !(element.textContent.trim() || element.getAttribute('alt'))).length`;

/** A page that remembers what went wrong in it. */
async function openPage(browser: Browser, width: number): Promise<{ page: Page; wrong: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 800 } });
  const wrong: string[] = [];
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('console', (message) => {
    // Chromium asks for it on its own where a page, such as a text, names no icon.
    const isIcon = message.location().url.endsWith('/favicon.ico');
    if (message.type() === 'error' && !isIcon) wrong.push(message.text());
  });
  page.on('response', (response) => {
    const isIcon = response.url().endsWith('/favicon.ico');
    if (response.status() >= 400 && !isIcon) wrong.push(`${response.status()} ${response.url()}`);
  });
  return { page, wrong };
}

const run = hasBrowser ? test : test.skip;

run(
  'a mirrored site :: shows its pages, pictures, styles and scripts, wide and narrow',
  scope(async (t) => {
    cpSync(`${root}/examples/hello`, t.path('hello'), { recursive: true });
    const author = shell(t);
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });
    await author.run('publish', 'hello');
    const server = author.start('serve', 'hello', '--port', '0');
    const [url] = await server.waitFor(SITE_URL);
    await friend.run('mirror', url);
    const mirror = friend.start('serve', '--port', '0');
    const [mirrorUrl] = await mirror.waitFor(SITE_URL);
    const browser = await openBrowser(t);

    for (const width of [1280, 360]) {
      const { page, wrong } = await openPage(browser, width);
      await page.goto(mirrorUrl);
      assert.is(await page.title(), 'Hello from a stream');
      await page.locator('#generation:not([hidden])').waitFor();
      assert.match(
        (await page.locator('#generation').textContent()) ?? '',
        'Generation 1, 12 records',
      );
      assert.is(await page.evaluate("document.querySelector('img').naturalWidth"), 1200);
      const overflow = Number(await page.evaluate(OVERFLOW));
      assert.ok(overflow <= 0, `${width}: ${overflow} px too wide`);

      await page.getByRole('link', { name: 'Notes' }).click();
      await page.getByRole('link', { name: 'Grüße & Küsse.txt' }).click();
      assert.match((await page.textContent('body')) ?? '', 'Grüße aus dem Strom');
      assert.equal(wrong, []);
      await page.close();
    }
  }),
);

run(
  'the template :: every page of it fits a phone, and wrong addresses have a page',
  scope(async (t) => {
    const sh = shell(t);
    await sh.run('init', 'mine');
    const mine = shell(t, { directory: t.path('mine') });
    await mine.run('publish');
    const server = mine.start('serve', '--port', '0');
    const [url] = await server.waitFor(SITE_URL);
    const browser = await openBrowser(t);
    const { page, wrong } = await openPage(browser, 320);

    await page.goto(url);
    assert.is(await page.title(), 'Robin Ashby');
    const overflow = Number(await page.evaluate(OVERFLOW));
    assert.ok(overflow <= 0, `${overflow} px too wide`);
    // Every control and picture has a name that can be read out.
    const unnamed = await page.evaluate(UNNAMED);
    assert.is(unnamed, 0);
    assert.equal(wrong, []);

    const missing = await page.goto(`${url}no/such/page`);
    assert.is(missing?.status(), 404);
    assert.is(await page.title(), 'Nothing here');
  }),
);

run(
  'the pages of the server itself :: fit a phone, the one for a site that is not here too',
  scope(async (t) => {
    const sh = shell(t);
    mkdirSync(t.path('plain'));
    writeFileSync(t.path('plain', `${'long'.repeat(40)}.txt`), 'x');
    await sh.run('publish', 'plain');
    const server = sh.start('serve', 'plain', '--port', '0', '--listing');
    const [url, , port] = await server.waitFor(SITE_URL);
    const browser = await openBrowser(t);
    const { page } = await openPage(browser, 320);

    const stranger = 'L9pJ'.repeat(10);
    for (const [address, title] of [
      [`http://localhost:${port}/`, 'drayer'],
      [`http://localhost:${port}/${stranger}L9o/`, 'This site is not on this server'],
      [url, '/'],
      [`${url}no/such/${'page'.repeat(40)}`, ''],
    ] as const) {
      await page.goto(address);
      const shown = await page.title();
      if (title !== '') assert.is(shown, title);
      const overflow = Number(await page.evaluate(OVERFLOW));
      assert.ok(overflow <= 0, `${shown}: ${overflow} px too wide`);
    }
  }),
);

test.run();
