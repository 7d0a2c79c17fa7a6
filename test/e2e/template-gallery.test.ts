/** The gallery template, as visitors meet it. */
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSite } from '../helpers/check-site.ts';
import { hasBrowser } from '../helpers/chromium.ts';
import { withTemplate } from '../helpers/served-template.ts';

const test = suite('e2e/template-gallery');
const run = hasBrowser ? test : test.skip;
const { site, browser } = withTemplate(test, 'gallery');

const FULL_SIZE = /\/pictures\/[^/]+\.webp$/;

/** Id of the picture that is open and what the keyboard can reach. */
const STATE = `({
  open: document.querySelector('.view:target')?.id,
  wall: document.querySelector('.page').checkVisibility({ visibilityProperty: true }),
  focus: document.activeElement?.id || document.activeElement?.className,
})`;

async function state(page: Page): Promise<{ open?: string; wall: boolean; focus: string }> {
  return (await page.evaluate(STATE)) as { open?: string; wall: boolean; focus: string };
}

run(
  'gallery :: nothing is wrong with any page of it, and no full-size picture is loaded unasked',
  async () => {
    const { url } = site();

    const { pages, faults } = await checkSite(browser(), url, { onDemand: FULL_SIZE });

    assert.equal(faults, []);
    assert.equal(pages, ['about.html', 'index.html', 'no/such/page']);
  },
);

run(
  'gallery :: a picture opens, leads to its neighbours and closes without scripts, by keyboard alone',
  async () => {
    const { url } = site();
    const page = await (await browser().newContext({ javaScriptEnabled: false })).newPage();
    await page.goto(url);

    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    assert.is((await state(page)).focus, 'at-stars');
    await page.keyboard.press('Enter');
    await page.locator('#stars img').waitFor();
    assert.equal(await state(page), { open: 'stars', wall: false, focus: 'stars' });
    await page.waitForFunction(`document.querySelector('#stars img').naturalWidth === 1600`);

    // Before, close, after: nothing of the wall behind is in between.
    const reached: string[] = [];
    for (let i = 0; i < 3; i++) {
      await page.keyboard.press('Tab');
      reached.push((await state(page)).focus);
    }
    assert.equal(reached, ['prev', 'close', 'next']);
    await page.keyboard.press('Enter');
    assert.is((await state(page)).open, 'grass');
    await page.getByRole('link', { name: 'Close' }).click();
    assert.equal(await state(page).then(({ open, wall }) => ({ open, wall })), {
      open: undefined,
      wall: true,
    });
  },
);

run(
  'gallery :: with scripts the arrow keys and Escape do what the links do, under a shared path too',
  async () => {
    const { pathUrl } = site();
    const page = await browser().newPage();
    const wrong: string[] = [];
    page.on('pageerror', (error) => wrong.push(String(error)));
    page.on('response', (one) => {
      if (one.status() >= 400) wrong.push(one.url());
    });
    await page.goto(`${pathUrl}index.html#fog`);

    await page.keyboard.press('ArrowRight');
    assert.is((await state(page)).open, 'stars');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    assert.is((await state(page)).open, 'starlings');
    await page.keyboard.press('Escape');
    await page.waitForFunction(`document.activeElement.id === 'at-starlings'`);

    assert.is((await state(page)).open, undefined);
    assert.equal(wrong, []);
  },
);

test.run();
