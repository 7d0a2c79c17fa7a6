/** Templates as files on a disk, opened without any server, with a name that is hard to set. */
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createProject } from '../../src/config/create-project.ts';
import { listTemplates } from '../../src/config/templates.ts';
import { hasBrowser, openBrowser } from '../helpers/chromium.ts';
import { readFolder } from '../helpers/fetch-site.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('e2e/template-from-disk');
const run = hasBrowser ? test : test.skip;

const LONG = 'The Donaudampfschifffahrtsgesellschaft & Ladies of “The Long Way Round”';

// Run in the page, where there is a DOM: how far anything sticks out to the right, cut off or not.
const OVERFLOW = `Math.max(...[...document.querySelectorAll('h1, header a, header p, .lead, nav a')]
  .filter((element) => element.checkVisibility() && !element.matches('.skip'))
  .map((element) => element.getBoundingClientRect().right), document.documentElement.scrollWidth) - innerWidth`;
const STYLED = `[...document.styleSheets].length > 0 &&
  getComputedStyle(document.body).backgroundColor !== 'rgba(0, 0, 0, 0)'`;

for (const template of await listTemplates()) {
  run(
    `${template} :: opens from a disk, and a long name fits the smallest phone`,
    scope(async (t) => {
      await createProject(t.directory, { template, name: LONG });
      const page = await (await openBrowser(t)).newPage({ viewport: { width: 320, height: 640 } });
      const wrong: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') wrong.push(message.text());
      });
      page.on('requestfailed', (request) => {
        // The icon comes after the page, or not any more when the next page is opened.
        const reason = request.failure()?.errorText;
        if (reason !== 'net::ERR_ABORTED') wrong.push(`${request.url()}: ${reason}`);
      });

      const pages = [...readFolder(t.path('site')).keys()].filter((name) => name.endsWith('.html'));
      for (const name of pages) {
        await page.goto(pathToFileURL(t.path('site', name)).href);

        assert.ok(await page.evaluate(STYLED), `${name} has no style`);
        const overflow = Number(await page.evaluate(OVERFLOW));
        assert.ok(overflow <= 0, `${name}: ${overflow} px too wide`);
      }
      assert.equal(wrong, []);
    }),
  );
}

test.run();
