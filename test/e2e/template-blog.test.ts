/** The blog template, as visitors and feed readers meet it. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSite } from '../helpers/check-site.ts';
import { hasBrowser } from '../helpers/chromium.ts';
import { readFolder } from '../helpers/fetch-site.ts';
import { withTemplate } from '../helpers/served-template.ts';

const test = suite('e2e/template-blog');
const run = hasBrowser ? test : test.skip;
const { site, browser } = withTemplate(test, 'blog');

/** The entries of a list of links with dates, or of a feed. */
type Entry = { readonly url: string; readonly title: string; readonly date: string };

// Run in the page, where there is a DOM.
const LISTED = `[...document.querySelectorAll('.entries a')].map((link) => ({
  url: link.href,
  title: link.querySelector('.title').textContent,
  date: link.querySelector('time').dateTime,
}))`;
const FEED = `fetch('feed.xml').then(async (reply) => {
  const type = reply.headers.get('content-type');
  const xml = new DOMParser().parseFromString(await reply.text(), 'application/xml');
  const all = (name, within) => [...within.getElementsByTagName(name)].map((one) => one.textContent);
  return {
    type,
    broken: xml.querySelector('parsererror')?.textContent,
    root: xml.documentElement.namespaceURI + ' ' + xml.documentElement.localName,
    ids: all('id', xml),
    updated: all('updated', xml.documentElement)[0],
    entries: [...xml.getElementsByTagName('entry')].map((entry) => ({
      url: new URL(entry.querySelector('link').getAttribute('href'), reply.url).href,
      title: all('title', entry)[0],
      date: all('published', entry)[0].slice(0, 10),
    })),
  };
})`;

run('blog :: nothing is wrong with any page of it, and links lead to every one', async () => {
  const { url, folder } = site();

  const { pages, faults } = await checkSite(browser(), url);

  assert.equal(faults, []);
  const files = [...readFolder(folder).keys()].filter((name) => /(?<!404)\.html$/.test(name));
  assert.equal(pages, [...files, 'no/such/page'].sort());
});

run('blog :: the list, the feed, the entries and their neighbours tell the same', async () => {
  const { url } = site();
  const page = await browser().newPage();
  await page.goto(url);

  const listed = (await page.evaluate(LISTED)) as Entry[];
  const feed = (await page.evaluate(FEED)) as {
    type: string;
    broken?: string;
    root: string;
    ids: string[];
    updated: string;
    entries: Entry[];
  };

  assert.is(feed.broken, undefined);
  assert.is(feed.root, 'http://www.w3.org/2005/Atom feed');
  assert.match(feed.type, /xml/);
  assert.equal(feed.entries, listed);
  assert.is(new Set(feed.ids).size, listed.length + 1);
  assert.ok(feed.ids.every((id) => id.startsWith('tag:example.org,2026:')));
  const dates = listed.map(({ date }) => date);
  assert.equal(dates, [...dates].sort().reverse());
  assert.match(feed.updated, `${dates[0]}`);
  for (const [index, { url: address, title, date }] of listed.entries()) {
    await page.goto(address);
    assert.is(await page.locator('h1').textContent(), title);
    assert.is(await page.locator('article time').getAttribute('datetime'), date);
    const beside = [listed[index + 1]?.url, listed[index - 1]?.url];
    for (const [at, rel] of (['prev', 'next'] as const).entries()) {
      const link = page.locator(`a[rel=${rel}]`);
      const target = (await link.count()) === 0 ? undefined : await link.getAttribute('href');
      assert.is(target && new URL(target, address).href, beside[at], `${rel} of ${title}`);
    }
  }
});

test.run();
