/** The template for a manual, as visitors meet it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSite } from '../helpers/check-site.ts';
import { hasBrowser } from '../helpers/chromium.ts';
import { readFolder } from '../helpers/fetch-site.ts';
import { withTemplate } from '../helpers/served-template.ts';

const test = suite('e2e/template-docs');
const run = hasBrowser ? test : test.skip;
const { site, browser } = withTemplate(test, 'docs');

run('docs :: nothing is wrong with any page of it, and links lead to every one', async () => {
  const { url, folder } = site();

  const { pages, faults } = await checkSite(browser(), url);

  assert.equal(faults, []);
  const files = [...readFolder(folder).keys()].filter((name) => /(?<!404)\.html$/.test(name));
  assert.equal(pages, [...files, 'no/such/page'].sort());
});

run(
  'docs :: on a phone the contents open over the page without scripts; "next" leads through all pages',
  async () => {
    const { url } = site();
    const context = await browser().newContext({
      javaScriptEnabled: false,
      viewport: { width: 390, height: 844 },
    });
    const page = await context.newPage();
    await page.goto(url);

    const menu = page.locator('#menu');
    assert.not(await menu.isVisible());
    await page.getByRole('button', { name: 'Contents' }).click();
    assert.ok(await menu.isVisible());
    await menu.getByRole('link', { name: 'Recipes' }).click();
    assert.is(await page.locator('h1').textContent(), 'Recipes');
    assert.not(await menu.isVisible());

    await page.goto(url);
    const titles: string[] = [];
    for (;;) {
      titles.push((await page.locator('h1').textContent()) ?? '');
      const next = page.locator('a[rel=next]');
      if ((await next.count()) === 0) break;
      await next.click();
      await page.locator('a[rel=prev]').waitFor();
    }
    assert.is(titles.length, 8);
    assert.is(new Set(titles).size, 8);
  },
);

run(
  'docs :: with scripts a command is copied without its prompt and without what it answers',
  async () => {
    const { url } = site();
    const context = await browser().newContext({
      permissions: ['clipboard-read', 'clipboard-write'],
      viewport: { width: 1280, height: 860 },
    });
    const page = await context.newPage();
    await page.goto(`${url}guide/several.html`);

    assert.ok(await page.locator('#menu').isVisible());
    await page.locator('.code').first().hover();
    await page.getByRole('button', { name: 'Copy' }).first().click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();

    assert.is(
      await page.evaluate('navigator.clipboard.readText()'),
      'kettle 18m rice --background\nkettle 7m fish --background\nkettle list',
    );
  },
);

test.run();
