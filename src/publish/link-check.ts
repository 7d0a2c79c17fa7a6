/**
 * Looks for broken links in a site as it will be, before it is signed: the files that a walk found, and
 * no others. Loaded only when it is asked for.
 */
import { isDrayerError } from '../core/errors.ts';
import { parseRedirects, REDIRECTS_KEY, type RedirectRules } from '../files/site-redirects.ts';
import { type Link, type Page, readPage } from './link-page.ts';
import { readStyleLinks } from './link-style.ts';
import { addressOf, type FollowLink, makeFollowLinks } from './link-target.ts';
import { readDiskFile } from './read-disk-file.ts';
import { makeSlicer } from './slicer.ts';
import type { DiskFile, Walk } from './walk.ts';

/** A link that leads nowhere. */
export type BrokenLink = {
  /** Site path of the page or style sheet. */
  readonly page: string;
  /** One-based. */
  readonly line: number;
  /** As it is written. */
  readonly link: string;
  readonly why: string;
};

/** What a look at a site's links found. */
export type LinkReport = {
  /** Number of pages and style sheets that were read. */
  readonly pages: number;
  /** Number of links in them, those that lead out of the site included. */
  readonly links: number;
  /** By page, then by line. */
  readonly broken: readonly BrokenLink[];
};

/** Options of {@link checkLinks}. */
export type LinkCheckOptions = {
  readonly publicKey: Uint8Array;
  /** Largest file that is read, in bytes. */
  readonly maxFileBytes: number;
  readonly signal?: AbortSignal | undefined;
};

const PAGE = /\.x?html?$/i;
const STYLE = /\.css$/i;

/** A link to a place in another page, whose places may not be known yet. */
type Pending = BrokenLink & { readonly place: string };

/**
 * Checks every link of a site's pages and style sheets.
 *
 * @throws {DrayerError} ABORTED when the signal says so
 */
export async function checkLinks(walk: Walk, options: LinkCheckOptions): Promise<LinkReport> {
  const site = {
    keys: new Set(walk.files.map(({ key }) => key)),
    leftOut: new Map(walk.skipped.map(({ path, reason }) => [path, reason])),
    publicKey: options.publicKey,
    redirects: readRedirects(walk, options),
  };
  const followFrom = makeFollowLinks(site);
  const places = new Set<string>();
  const broken: BrokenLink[] = brokenRules(site.redirects);
  const pending: Pending[] = [];
  const slice = makeSlicer(options.signal);
  let [pages, links] = [0, 0];
  for (const file of walk.files) {
    if (slice.isOver()) await slice.pause();
    const text = PAGE.test(file.key) || STYLE.test(file.key) ? textOf(file, options) : undefined;
    if (text === undefined) continue;
    const page = STYLE.test(file.key) ? pageOfStyle(text) : readPage(text);
    for (const id of page.ids) places.add(placeOf(file.key, id));
    pages += 1;
    links += page.links.length;
    const found = followLinks(file.key, text, page, followFrom(baseOf(file.key, page)));
    broken.push(...found.broken);
    pending.push(...found.pending.filter(({ place }) => !places.has(place)));
  }
  for (const { place, ...link } of pending) if (!places.has(place)) broken.push(link);
  broken.sort((a, b) => compare(a.page, b.page) || a.line - b.line);
  return { pages, links, broken };
}

function readRedirects(walk: Walk, options: LinkCheckOptions): RedirectRules {
  const file = walk.files.find(({ key }) => key === REDIRECTS_KEY);
  return parseRedirects((file && textOf(file, options)) ?? '');
}

/** Lines of `_redirects` that every server passes over: whoever wrote them thinks that they lead somewhere. */
function brokenRules({ ignored }: RedirectRules): BrokenLink[] {
  return ignored.map(({ line, text, reason }) => {
    return { page: REDIRECTS_KEY, line, link: text, why: `this rule does not count: ${reason}` };
  });
}

function followLinks(
  page: string,
  text: string,
  { links, ids }: Page,
  follow: FollowLink,
): { broken: BrokenLink[]; pending: Pending[] } {
  const [broken, pending]: [BrokenLink[], Pending[]] = [[], []];
  const lineOf = makeLineOf(text);
  for (const { url, at } of links) {
    const target = follow(url);
    if (target.kind === 'outside') continue;
    if (target.kind === 'broken') {
      broken.push({ page, line: lineOf(at), link: copyOf(url), why: target.why });
      continue;
    }
    const fragment = PAGE.test(target.key) ? placeIn(target.fragment) : '';
    if (fragment === '' || (target.key === page && ids.has(fragment))) continue;
    const why = `${target.key === page ? 'this page' : target.key} has no such place`;
    const place = placeOf(target.key, fragment);
    pending.push({ page, line: lineOf(at), link: copyOf(url), why, place });
  }
  return { broken, pending };
}

function baseOf(key: string, { base }: Page): string {
  const own = addressOf(key);
  return base !== undefined && URL.canParse(base, own) ? new URL(base, own).href : own;
}

// A piece of a page would keep the whole page in memory.
function copyOf(url: string): string {
  return ` ${url}`.slice(1).trim();
}

// HTML §7.4.6.4: top is always there. What begins with / or ! is a route of a script, :~: a search.
function placeIn(fragment: string): string {
  const id = fragment.replace(/:~:.*$/s, '');
  if (id === '' || /^(?:top$|[/!])/i.test(id)) return '';
  try {
    return decodeURIComponent(id);
  } catch (error) {
    if (error instanceof URIError) return id;
    throw error;
  }
}

function placeOf(key: string, id: string): string {
  return `${key}#${id}`;
}

function pageOfStyle(text: string): Page {
  // `url(#id)` means something in the page that uses the style sheet.
  const links: Link[] = readStyleLinks(text).filter(({ url }) => !url.startsWith('#'));
  return { links, ids: new Set(), base: undefined };
}

/** Counts lines forwards only: links come in the order of the text, or nearly so. */
function makeLineOf(text: string): (at: number) => number {
  let [line, from] = [1, 0];
  return (at) => {
    if (at < from) [line, from] = [1, 0];
    for (let next = text.indexOf('\n', from); next >= 0 && next < at; ) {
      line += 1;
      from = next + 1;
      next = text.indexOf('\n', from);
    }
    return line;
  };
}

function textOf(file: DiskFile, { maxFileBytes }: LinkCheckOptions): string | undefined {
  try {
    const { content } = readDiskFile(file.path, { maxBytes: maxFileBytes, found: file.stamp });
    return Buffer.from(content.buffer, content.byteOffset, content.length).toString();
  } catch (error) {
    // Changed since it was read for publishing; the next publish looks at it.
    if (isDrayerError(error, 'FILE_CHANGING')) return undefined;
    throw error;
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
