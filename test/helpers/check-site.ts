/**
 * Looks at every page of a served site as a strict visitor would, on a phone by day and on a desktop by
 * night, with and without scripts, and lists what is wrong with it.
 */
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { get } from './fetch-site.ts';

/** The most that a page and all it loads may weigh, in bytes, uncompressed. */
const MOST_BYTES = 100_000;

const LOOKS = [
  { what: 'phone, light', viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  { what: 'desktop, dark', viewport: { width: 1280, height: 860 }, colorScheme: 'dark' },
] as const;

/** Options of {@link checkSite}. */
export type CheckSiteOptions = {
  /** Paths that a page may only load when somebody asks for them, such as pictures in full size. */
  readonly onDemand?: RegExp | undefined;
};

/** What {@link checkSite} found. */
export type SiteCheck = {
  /** Paths of the pages that were looked at, relative to the site, sorted. */
  readonly pages: readonly string[];
  /** One sentence for each fault, beginning with the page. */
  readonly faults: readonly string[];
};

// Run in the page, where there is a DOM.
const OVERFLOW = 'document.documentElement.scrollWidth - innerWidth';
const LINKS = `[...document.querySelectorAll('a[href]')].map((link) => link.href)`;
const SHOWN_LINKS = `[...document.querySelectorAll('a[href]')].filter((link) => link.checkVisibility()).length`;
const IDS = `[...document.querySelectorAll('[id]')].map((element) => element.id)`;
const LOADED = `[...document.querySelectorAll('img[src], script[src], link[rel~=icon], link[rel=stylesheet]')]
  .map((element) => element.src || element.href)`;
const AXE = `axe.run(document, { preload: false, resultTypes: ['violations'] }).then(({ violations }) =>
  violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes[0]?.target.join(' ') })))`;

type Violation = { readonly id: string; readonly impact: string; readonly where: string };

/** What one page is made of. */
type Seen = { readonly links: string[]; readonly ids: Set<string>; readonly parts: string[] };

/** Checks every page that links lead to from `base`, and the one for wrong addresses. */
export async function checkSite(
  browser: Browser,
  base: string,
  { onDemand }: CheckSiteOptions = {},
): Promise<SiteCheck> {
  const faults: string[] = [];
  const seen = new Map<string, Seen>();
  const queue = [`${base}index.html`, `${base}no/such/page`];
  const scripted = await browser.newPage();
  const unscripted = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  for (const url of queue) {
    const name = url.slice(base.length);
    const report = (fault: string): void => void faults.push(`${name}: ${fault}`);
    const found = await lookAt(scripted, url, base, onDemand, report);
    await lookWithoutScripts(unscripted, url, found, report);
    seen.set(url, found);
    for (const link of found.links.map(withoutHash)) {
      if (isPage(link, base) && !queue.includes(link)) queue.push(link);
    }
    await weigh(url, found.parts, onDemand, report);
  }
  for (const [url, { links }] of seen) {
    for (const link of new Set(links)) {
      const fault = await faultOfLink(link, base, seen);
      if (fault !== undefined) faults.push(`${url.slice(base.length)}: ${fault}`);
    }
  }
  return { pages: queue.map((url) => url.slice(base.length)).sort(), faults };
}

type Report = (fault: string) => void;

async function lookAt(
  page: Page,
  url: string,
  base: string,
  onDemand: RegExp | undefined,
  report: Report,
): Promise<Seen> {
  page.removeAllListeners();
  page.on('pageerror', (error) => report(`script failed: ${error}`));
  page.on('console', (message) => {
    // That the page for wrong addresses is one, the browser says by itself.
    const isOwn = message.location().url === url && /^Failed to load/.test(message.text());
    if (message.type() === 'error' && !isOwn) report(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const asked = request.url();
    if (!asked.startsWith(base) && !asked.startsWith('data:')) report(`asks for ${asked}`);
    if (onDemand?.test(asked)) report(`loads ${asked} unasked`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400 && response.url() !== url) {
      report(`${response.status()} for ${response.url()}`);
    }
  });
  const [first] = LOOKS;
  await page.setViewportSize(first.viewport);
  await page.emulateMedia({ colorScheme: first.colorScheme, reducedMotion: 'reduce' });
  await page.goto(url, { waitUntil: 'load' });
  await page.evaluate(axe.source);
  for (const { what, viewport, colorScheme } of LOOKS) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    const overflow = Number(await page.evaluate(OVERFLOW));
    if (overflow > 0) report(`${overflow} px too wide (${what})`);
    for (const { id, impact, where } of (await page.evaluate(AXE)) as Violation[]) {
      report(`axe: ${impact} ${id} at ${where} (${what})`);
    }
  }
  return {
    links: (await page.evaluate(LINKS)) as string[],
    ids: new Set((await page.evaluate(IDS)) as string[]),
    parts: (await page.evaluate(LOADED)) as string[],
  };
}

/** Scripts may add comforts; no text and no link may hang on them. */
async function lookWithoutScripts(
  page: Page,
  url: string,
  { links }: Seen,
  report: Report,
): Promise<void> {
  await page.setViewportSize(LOOKS[0].viewport);
  await page.goto(url, { waitUntil: 'load' });
  if (!(await page.locator('h1').first().isVisible())) report('no heading without scripts');
  const overflow = Number(await page.evaluate(OVERFLOW));
  if (overflow > 0) report(`${overflow} px too wide without scripts`);
  const here = (await page.evaluate(LINKS)) as string[];
  // Only a script can know the way home from a wrong address, since it depends on the depth.
  const isWrongAddress = url.endsWith('/no/such/page');
  const lost = links.filter((link) => !here.includes(link));
  if (lost.length > 0 && !isWrongAddress) report(`without scripts no link to ${lost[0]}`);
  if (Number(await page.evaluate(SHOWN_LINKS)) === 0 && !isWrongAddress) {
    report('no link is shown without scripts');
  }
}

async function weigh(
  url: string,
  parts: readonly string[],
  onDemand: RegExp | undefined,
  report: Report,
): Promise<void> {
  let total = 0;
  for (const part of new Set([url, ...parts])) {
    if (part.startsWith('data:') || onDemand?.test(part)) continue;
    total += (await get(part, { 'accept-encoding': 'identity' })).body.length;
  }
  if (total > MOST_BYTES) report(`weighs ${total} bytes`);
}

async function faultOfLink(
  link: string,
  base: string,
  seen: ReadonlyMap<string, Seen>,
): Promise<string | undefined> {
  if (link.startsWith('mailto:')) return undefined;
  const target = withoutHash(link);
  if (!target.startsWith(base)) return `leads out of the site: ${link}`;
  const { status } = await get(target);
  if (status !== 200) return `${status} for the link ${link}`;
  const hash = link.slice(target.length + 1);
  if (hash === '' || seen.get(target)?.ids.has(hash)) return undefined;
  return `leads to no place on its page: ${link}`;
}

function isPage(url: string, base: string): boolean {
  return url.startsWith(base) && url.endsWith('.html');
}

function withoutHash(url: string): string {
  return url.replace(/#.*$/, '');
}
