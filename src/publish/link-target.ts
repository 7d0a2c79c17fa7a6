/**
 * Where a link of a site leads: to a file of the site, out of it, or nowhere. By the rules the site is
 * served by; what is outside is never looked at.
 */
import { isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { formatStreamId, parseStreamUrl } from '../core/stream-id.ts';
import { candidatesOf } from '../files/path-candidates.ts';
import { foldSitePath } from '../files/site-path.ts';
import { findLead, isOfApp, isPathOfFile, type RedirectRules } from '../files/site-redirects.ts';

/** Where a link leads. */
export type LinkTarget =
  /** Another site, a mail address, a script, data. */
  | { readonly kind: 'outside' }
  /** This file; `fragment` as written, empty where it names no place in it. */
  | { readonly kind: 'file'; readonly key: string; readonly fragment: string }
  | { readonly kind: 'broken'; readonly why: string };

/** The site that links are followed in. */
export type LinkedSite = {
  /** Keys of all files, as they will be published. */
  readonly keys: ReadonlySet<string>;
  /** What lies in the directory and is left out, by path, and why. */
  readonly leftOut: ReadonlyMap<string, string>;
  /** The stream's; links to its own addresses stay inside. */
  readonly publicKey: Uint8Array;
  /** What its `_redirects` says. */
  readonly redirects?: RedirectRules | undefined;
};

/** Follows the links of one page. */
export type FollowLink = (url: string) => LinkTarget;

const ORIGIN = 'http://site.invalid';
const OUTSIDE: LinkTarget = { kind: 'outside' };
/** Links seen before are not followed again: the same ones stand on every page. */
const MOST_REMEMBERED = 100_000;
/** Redirects that are followed one after the other. */
const MOST_HOPS = 5;
/** A path as most are: nothing to decode, no dot segment, no scheme. */
const PLAIN = /^\/?(?:[\w-][\w.-]*\/)*(?:[\w-][\w.-]*)?$/;

/** The address that stands for a file of the site while links are followed. */
export function addressOf(key: string): string {
  return `${ORIGIN}/${key.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * Makes the function that gives the one for each page.
 *
 * @returns takes the address of the page, or what its `<base>` says instead; see {@link addressOf}
 */
export function makeFollowLinks(site: LinkedSite): (base: string) => FollowLink {
  const find = makeFind(site);
  const follow = remembering(makeFollow(site, find));
  return (base) => {
    const own = base.slice(ORIGIN.length + 1);
    const isPlain = base.startsWith(`${ORIGIN}/`) && PLAIN.test(own);
    const folder = own.slice(0, own.lastIndexOf('/') + 1);
    return (url) => {
      if (!isPlain) return follow(url, base);
      const hash = url.indexOf('#');
      const path = hash < 0 ? url : url.slice(0, hash);
      if (!PLAIN.test(path) || path.includes('/webAccess/')) return follow(url, base);
      const fragment = hash < 0 ? '' : url.slice(hash + 1);
      if (path === '') return find(own, fragment);
      return find(path.startsWith('/') ? path.slice(1) : folder + path, fragment);
    };
  };
}

type Follow = (url: string, base: string) => LinkTarget;

function makeFollow({ publicKey }: LinkedSite, find: Find): Follow {
  const id = formatStreamId(publicKey, 'base64url');
  const host = `${formatStreamId(publicKey, 'base32')}.localhost`;
  return (written, base) => {
    const scheme = /^\s*([a-z][a-z0-9+.-]*):/i.exec(written)?.[1]?.toLowerCase();
    if (scheme === 'drayer') return followStreamUrl(written, publicKey, find);
    if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') return OUTSIDE;
    if (!URL.canParse(written, base)) return { kind: 'broken', why: 'not a valid address' };
    const { origin, hostname, pathname, hash } = new URL(written, base);
    // The path form, on whichever server: /ID/webAccess/PATH.
    const [, key, path] = /^(?:\/[^/]+)*?\/([\w-]{43})\/webAccess\/(.*)$/.exec(pathname) ?? [];
    if (key !== undefined) return key === id ? find(decoded(path), hash.slice(1)) : OUTSIDE;
    if (origin !== ORIGIN && hostname !== host) return OUTSIDE;
    return find(decoded(pathname.slice(1)), hash.slice(1));
  };
}

function remembering(follow: Follow): Follow {
  const known = new Map<string, LinkTarget>();
  return (url, base) => {
    // The query of the page itself, or a place in it, is relative to more than its folder.
    const isOfPage = /^\s*(?:$|[#?])/.test(url);
    const name = `${isOfPage ? base : base.slice(0, base.lastIndexOf('/'))} ${url}`;
    const before = known.get(name);
    if (before !== undefined) return before;
    if (known.size >= MOST_REMEMBERED) known.clear();
    const target = follow(url, base);
    known.set(name, target);
    return target;
  };
}

/** Finds the file that a path without its first slash is answered with; undefined: it is no path. */
type Find = (path: string | undefined, fragment: string) => LinkTarget;

function followStreamUrl(written: string, publicKey: Uint8Array, find: Find): LinkTarget {
  try {
    const [url = '', fragment = ''] = written.trim().split('#', 2);
    const target = parseStreamUrl(url);
    if (!bytesEqual(target.publicKey, publicKey)) return OUTSIDE;
    return find(target.path, fragment);
  } catch (error) {
    if (!isDrayerError(error, 'STREAM_ID_INVALID')) throw error;
    return { kind: 'broken', why: 'no stream has this id' };
  }
}

function makeFind(site: LinkedSite): Find {
  let folded: Map<string, string> | undefined;
  return (key, fragment) => {
    if (key === undefined) return { kind: 'broken', why: 'its percent-encoding is broken' };
    if (site.keys.has(key)) return { kind: 'file', key, fragment };
    for (const candidate of candidatesOf(key)) {
      if (site.keys.has(candidate.key)) return { kind: 'file', key: candidate.key, fragment };
    }
    const lead = followLead(site, key);
    if (lead !== undefined)
      return lead === 'outside' ? OUTSIDE : { kind: 'file', key: lead, fragment };
    folded ??= new Map(Array.from(site.keys, (one) => [foldSitePath(one), one]));
    return { kind: 'broken', why: whyNot(key, site, folded) };
  };
}

/** The file that the site's own rules lead to, through others if need be. */
function followLead(site: LinkedSite, key: string): string | undefined {
  const { redirects, keys } = site;
  let at = key;
  for (let hops = 0; redirects !== undefined && hops < MOST_HOPS; hops += 1) {
    const lead = findLead(redirects, at);
    if (lead === undefined) return undefined;
    if (lead.kind === 'redirect' && !lead.location.startsWith('/')) return 'outside';
    const next = lead.kind === 'file' ? lead.key : decoded(pathOf(lead.location));
    if (next === undefined) return undefined;
    const found = candidatesOf(next).find((candidate) => keys.has(candidate.key))?.key;
    const isMissing = lead.kind === 'file' && found !== undefined && isOfApp(lead, found);
    if (isMissing && isPathOfFile(at)) return undefined;
    if (found !== undefined || lead.kind === 'file') return found;
    at = next;
  }
  return undefined;
}

function pathOf(location: string): string {
  return location.slice(1).replace(/[?#].*$/s, '');
}

function whyNot(key: string, site: LinkedSite, folded: ReadonlyMap<string, string>): string {
  for (let path = key.replace(/\/+$/, ''); path !== ''; path = parentOf(path)) {
    const reason = site.leftOut.get(path);
    if (reason !== undefined) return `it is left out of the site: ${reason}`;
  }
  for (const candidate of candidatesOf(key)) {
    const other = folded.get(foldSitePath(candidate.key));
    if (other !== undefined) return `no such file; there is ${other}`;
  }
  const folder = key === '' || key.endsWith('/') ? key : `${key}/`;
  for (const one of site.keys) if (one.startsWith(folder)) return 'a folder without an index.html';
  return 'no such file';
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function decoded(path = ''): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
