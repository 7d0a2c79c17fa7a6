/** Names, `_redirects`, `_headers`, an application of one page and the list of a folder, in Chromium. */
import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import type { AppOptions } from '../../src/server/app.ts';
import { hasBrowser, openBrowser } from '../helpers/chromium.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('e2e/site-rules');
const run = hasBrowser ? test : test.skip;

const app = `<!doctype html><title>app</title><p id="at"></p><script type="module" src="/app.js"></script>`;
const script = "document.querySelector('#at').textContent = location.pathname;";

/** Opens a page of the site on an origin of its own. */
async function open(
  t: Scope,
  files: Readonly<Record<string, string>>,
  options: Partial<AppOptions> = {},
): Promise<{ page: Page; origin: string }> {
  const { path } = makeSite(t, files);
  const { port } = await serve(t, [{ path }], options);
  const page = await (await openBrowser(t)).newPage();
  const label = formatStreamId(KEY_A.publicKey, 'base32');
  return { page, origin: `http://${label}.localhost:${port}` };
}

const statusOf = (page: Page, path: string, accept = '*/*'): Promise<number> =>
  page.evaluate(
    `fetch(${JSON.stringify(path)}, { headers: { accept: ${JSON.stringify(accept)} } })
      .then((response) => response.status)`,
  );

for (const [way, files, options] of [
  ['by its own _redirects', { _redirects: '/* /index.html 200' }, {}],
  ['by --spa', {}, { spa: true }],
] as const) {
  run(
    `an application of one page :: opens and reloads anywhere, and misses what is missing, ${way}`,
    scope(async (t) => {
      const site = { 'index.html': app, 'app.js': script, ...files };
      const { page, origin } = await open(t, site, options);

      for (const path of ['/', '/users/1', '/users/1/', '/a/b/c?d=e']) {
        const response = await page.goto(origin + path);
        assert.is(response?.status(), 200, path);
        await page.locator('#at:not(:empty)').waitFor();
        assert.is(await page.textContent('#at'), path.replace(/\?.*/, ''));
      }
      assert.is((await page.reload())?.status(), 200);
      assert.is(await statusOf(page, '/missing.js'), 404);
      assert.is(await statusOf(page, '/api/users'), 404);
      assert.is(await statusOf(page, '/users/2', 'text/html'), 200);
      // A module that is missing says so, and is not a page that fails to parse.
      const failed = await page.evaluate("import('/gone/module').catch((error) => String(error))");
      assert.match(failed as string, 'Failed to fetch dynamically imported module');
    }),
  );
}

const names: readonly string[] = [
  ...['with space.txt', 'pl+us.txt', '100%.txt', '%41.txt', 'a&b=c.txt', 'q?mark.txt', 'hash#.txt'],
  ...['semi;colon.txt', 'col:on.txt', '"quote\'s".txt', '<b>.txt', 'ünï.txt', '日本.txt', '😀.txt'],
  ...['javascript:alert(1).txt', '[x]{y}|^`.txt', '~!$(),*@.txt', '%2e%2e.txt', '...txt', '& .txt'],
];

run(
  'the list of a folder :: each name is a link that shows the file of that name',
  scope(async (t) => {
    const files = Object.fromEntries(names.map((name) => [`pub/${name}`, name]));
    const { page, origin } = await open(t, files, { listing: true });
    await page.goto(`${origin}/pub`);
    const links = await page.evaluate<string[]>(
      "[...document.querySelectorAll('li a')].map((link) => link.href)",
    );

    assert.is(page.url(), `${origin}/pub/`);
    assert.is(links.length, names.length + 1);
    const shown: string[] = [];
    for (const href of links.slice(1)) {
      await page.goto(href);
      shown.push((await page.textContent('body')) ?? '');
    }
    assert.equal(shown.sort(), [...names].sort());
  }),
);

run(
  'an address as it is typed :: shows the file, with a bare percent sign too',
  scope(async (t) => {
    const typed = names.filter((name) => !/[?#]|%[0-9a-f]{2}/i.test(name));
    const { page, origin } = await open(t, Object.fromEntries(names.map((name) => [name, name])));

    for (const name of typed) {
      await page.goto(`${origin}/${name}`);
      assert.is(await page.textContent('body'), name);
    }
    assert.ok(typed.includes('100%.txt'));
  }),
);

run(
  '_redirects and _headers :: are followed by a browser',
  scope(async (t) => {
    const { page, origin } = await open(t, {
      'index.html': `<title>on</title><script>document.title = 'ran'</script>`,
      'strict/index.html': `<title>off</title><script>document.title = 'ran'</script>`,
      'new.html': '<title>new</title>',
      _redirects: '/old/:page /:page 301\n',
      _headers: "/strict/*\n  Content-Security-Policy: script-src 'none'\n",
    });

    await page.goto(`${origin}/old/new?a=b#c`);
    assert.is(page.url(), `${origin}/new?a=b#c`);
    assert.is(await page.title(), 'new');
    await page.goto(`${origin}/`);
    assert.is(await page.title(), 'ran');
    await page.goto(`${origin}/strict/`);
    assert.is(await page.title(), 'off');
  }),
);

test.run();
