/** The template for one page, as visitors meet it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSite } from '../helpers/check-site.ts';
import { hasBrowser } from '../helpers/chromium.ts';
import { withTemplate } from '../helpers/served-template.ts';

const test = suite('e2e/template-page');
const run = hasBrowser ? test : test.skip;
const { site, browser } = withTemplate(test, 'page');

run('page :: nothing is wrong with any page of it', async () => {
  const { url } = site();

  const { pages, faults } = await checkSite(browser(), url);

  assert.equal(faults, []);
  assert.equal(pages, ['index.html', 'no/such/page']);
});

test.run();
