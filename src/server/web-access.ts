/**
 * A file of a site as a browser wants it: gzip as stored for those who take it, inflated for the
 * others, found by clean names, in one generation. Reads the stream and nothing else: no path of a
 * request ever reaches the file system.
 */
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';
import { MAX_FILE_BYTES } from '../files/site-path.ts';
import { mediaTypeOf } from '../files/media-type.ts';
import { encodeSitePath } from '../files/path-candidates.ts';
import type { ByteRange } from '../files/stored-gzip.ts';
import type { StreamReader } from '../store/reader.ts';
import { chooseEncoding } from './choose-encoding.ts';
import { fileEtag } from './etag.ts';
import type { EventHub } from './events.ts';
import { type Found, type FoundFile, find, findFile, type Lookup } from './find-file.ts';
import { sendFolder } from './folder-list.ts';
import type { HeldFile } from './held-bytes.ts';
import { measureContent, openContent } from './inflate.ts';
import { isForPage, sendLive, withLiveReload } from './live-reload.ts';
import { notFound } from './problem.ts';
import { type Representation, sendRepresentation, sendWithStatus } from './reply.ts';
import { headersFor } from './site-headers.ts';
import { decodeSitePath, encodeLonePercents } from './site-path.ts';
import { rulesOf, type SiteRules } from './site-rules.ts';
import type { ValueCache } from './value-cache.ts';
import { wantsPage } from './wants-page.ts';

/** How the sites of a server are served. */
export type SiteOptions = {
  readonly sizes: SizeCache;
  /** Whether pages reload themselves. */
  readonly live: boolean;
  /** Whether `index.html` stands for every page that is none. */
  readonly spa: boolean;
  /** Whether a folder without `index.html` shows what is in it. */
  readonly listing: boolean;
};

/** A site and where it stands. */
export type Site = SiteOptions & {
  readonly reader: StreamReader;
  /** What stands before its paths: empty on an origin of its own. */
  readonly base: string;
  readonly values: ValueCache;
  readonly hub: EventHub;
};

/** Content sizes found by inflating, by hash: what has been found out once is not inflated twice for. */
export type SizeCache = Map<string, number>;

const MOST_SIZES = 10_000;

/**
 * Answers a request for a path of a site.
 *
 * @param path - percent-encoded, within the site, without the leading slash
 * @throws {DrayerError} NOT_FOUND, PATH_INVALID, VALUE_NOT_HELD, FILE_RECORD_INVALID
 */
export async function sendSiteFile(
  ctx: Context,
  site: Site,
  { path, search }: { readonly path: string; readonly search: string },
): Promise<void> {
  if (site.live && sendLive(ctx, site, path)) return;
  ctx.vary('Accept-Encoding');
  const proper = encodeLonePercents(path);
  const key = decodeSitePath(proper);
  const { reader, values, spa, listing } = site;
  const lookup = { reader, values, spa, listing, wantsPage: (one: string) => wantsPage(ctx, one) };
  const { rules, found } = reader.reading(() => {
    const present = rulesOf(reader);
    return { rules: present, found: find(lookup, key, present) };
  });
  // RFC 9112 §3.2: an improper target is refused, or its sender is led to the proper one.
  if (proper !== path && found?.kind !== 'redirect') {
    return sendRedirect(ctx, site, { ...properlyTo(key, found), search });
  }
  if (found === undefined) return sendNotFound(ctx, site, { key, lookup, rules });
  if (found.kind === 'folder') return sendFolder(ctx, reader, found.prefix);
  if (found.kind === 'redirect') return sendRedirect(ctx, site, { ...found, search });
  await sendFound(ctx, site, { found, key, rules });
}

function properlyTo(key: string, found: Found | undefined): { location: string; status: number } {
  if (found !== undefined) return { location: encodeSitePath(key), status: 308 };
  throw new DrayerError('PATH_INVALID', 'expected two hexadecimal digits after each %');
}

function sendRedirect(
  ctx: Context,
  { base }: Site,
  { status, location, search }: { status: number; location: string; search: string },
): void {
  ctx.status = status;
  // What the site leads to with a query of its own does not get that of the request as well.
  const isBare = !/[?#]/.test(location);
  ctx.set('Location', (location.startsWith('/') ? base : '') + location + (isBare ? search : ''));
}

async function sendFound(
  ctx: Context,
  site: Site,
  given: { readonly found: FoundFile; readonly key: string; readonly rules: SiteRules },
): Promise<void> {
  const { found, key, rules } = given;
  const { type, ...rest } = await representationOf(ctx, site, found);
  const isFound = found.status === 200;
  const own = headersFor(rules.headers, `/${key}`, { type, isFound });
  for (const [name, value] of own) setOwn(ctx, name, value);
  if (site.live) ctx.set('Cache-Control', 'no-cache');
  const what = { ...rest, type: own.get('Content-Type') ?? type };
  if (isFound) sendRepresentation(ctx, what);
  else sendWithStatus(ctx, found.status, what);
  // A worker that outlives a bad generation would keep it alive: never from a cache.
  if (ctx.get('Service-Worker') === 'script') ctx.set('Cache-Control', 'no-store');
}

/** A policy of the site's stands beside ours: both have to allow a thing. */
function setOwn(ctx: Context, name: string, value: string): void {
  const before = name === 'Content-Security-Policy' ? ctx.res.getHeader(name) : undefined;
  ctx.set(name, before === undefined ? value : `${String(before)}, ${value}`);
}

async function representationOf(
  ctx: Context,
  site: Site,
  { record, value, tip }: FoundFile,
): Promise<Representation> {
  const file = value.file();
  const { gzip, timeMicros } = file;
  const type = mediaTypeOf(record.key);
  const isLive = site.live && isForPage(ctx, type);
  const publishedMs = record.timestamp / 1000;
  const common = { type, lastModifiedMs: lastModifiedOf(timeMicros), publishedMs };
  if (!isLive && chooseEncoding(ctx.req.headers['accept-encoding']) === 'gzip') {
    return {
      ...common,
      etag: fileEtag(record.hash, 'gzip'),
      encoding: 'gzip',
      size: gzip.size,
      open: (range) => gzip.open(range),
    };
  }
  const size = await contentSize(site.sizes, record.hash, file);
  const plain = {
    ...common,
    etag: fileEtag(record.hash, 'identity'),
    size,
    open: (range: ByteRange) => openContent(file, size, range),
  };
  return isLive ? withLiveReload(plain, site, { hash: record.hash, tip }) : plain;
}

async function sendNotFound(
  ctx: Context,
  site: Site,
  given: { readonly key: string; readonly lookup: Lookup; readonly rules: SiteRules },
): Promise<void> {
  const { key, lookup, rules } = given;
  const page = site.reader.reading(() => findFile(lookup, '404.html', 404));
  if (page?.kind === 'file') return sendFound(ctx, site, { found: page, key, rules });
  throw notFound(`this site has no ${key === '' ? 'index.html' : JSON.stringify(key)}`);
}

async function contentSize(sizes: SizeCache, hash: Uint8Array, file: HeldFile): Promise<number> {
  const id = Buffer.from(hash).toString('latin1');
  const known = sizes.get(id);
  if (known !== undefined) return known;
  const size = await measureContent(file, MAX_FILE_BYTES);
  if (sizes.size >= MOST_SIZES) sizes.clear();
  sizes.set(id, size);
  return size;
}

// RFC 9110 §8.8.2.1: never a time to come. The publisher chose it, so it may be anything.
function lastModifiedOf(timeMicros: number): number | undefined {
  const ms = Math.floor(timeMicros / 1_000_000) * 1000;
  return ms > 0 && ms <= Date.now() ? ms : undefined;
}
