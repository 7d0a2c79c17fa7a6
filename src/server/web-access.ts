/**
 * A file of a site as a browser wants it: gzip as stored for those who take it, inflated for the
 * others, found by clean names, in one generation. Reads the stream and nothing else: no path of a
 * request ever reaches the file system.
 */
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';
import { mediaTypeOf } from '../files/media-type.ts';
import { encodeSitePath } from '../files/path-candidates.ts';
import type { ByteRange } from '../files/stored-gzip.ts';
import type { StreamReader } from '../store/reader.ts';
import { chooseEncoding } from './choose-encoding.ts';
import { fileEtag } from './etag.ts';
import type { EventHub } from './events.ts';
import { type Found, type FoundFile, find, findFile, type Lookup } from './find-file.ts';
import { sendFolder } from './folder-list.ts';
import type { HeldValue } from './held-bytes.ts';
import { isForPage, sendLive, withLiveReload } from './live-reload.ts';
import { notFound } from './problem.ts';
import { type Representation, sendRepresentation, sendWithStatus } from './reply.ts';
import type { SiteContents } from './site-content.ts';
import { headersFor } from './site-headers.ts';
import { decodeSitePath, encodeLonePercents } from './site-path.ts';
import { rulesOf, type SiteRules } from './site-rules.ts';
import type { StreamSet } from './stream-set.ts';
import type { ValueCache } from './value-cache.ts';
import { wantsPage } from './wants-page.ts';

/** How the sites of a server are served. */
export type SiteOptions = {
  readonly contents: SiteContents;
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
  readonly streams: StreamSet;
  /** What stands before its paths: empty on an origin of its own. */
  readonly base: string;
  readonly values: ValueCache;
  readonly hub: EventHub;
};

/** How often a large file is looked up again that was deleted while it was fetched. */
const MOST_TRIES = 3;

/**
 * Answers a request for a path of a site.
 *
 * @param path - percent-encoded, within the site, without the leading slash
 * @throws {DrayerError} NOT_FOUND, PATH_INVALID, VALUE_NOT_HELD, FILE_RECORD_INVALID
 */
export async function sendSiteFile(ctx: Context, site: Site, asked: Asked): Promise<void> {
  if (site.live && sendLive(ctx, site, asked.path)) return;
  ctx.vary('Accept-Encoding');
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const reader = tries === 0 ? site.reader : site.streams.find(site.reader.publicKey);
    if (reader === undefined) throw notFound('this stream is served no more');
    if (await sendPath(ctx, { ...site, reader }, asked)) return;
  }
  throw new DrayerError('STREAM_BUSY', 'this file is being replaced again and again');
}

type Asked = { readonly path: string; readonly search: string };

/** Returns false, with nothing sent, where the file was deleted while it was fetched. */
async function sendPath(ctx: Context, site: Site, { path, search }: Asked): Promise<boolean> {
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
    return redirect(ctx, site, { ...properlyTo(key, found), search });
  }
  if (found === undefined) return sendNotFound(ctx, site, { key, lookup, rules });
  if (found.kind === 'redirect') return redirect(ctx, site, { ...found, search });
  if (found.kind === 'file') return sendFound(ctx, site, { found, key, rules });
  await sendFolder(ctx, reader, found.prefix);
  return true;
}

function properlyTo(key: string, found: Found | undefined): { location: string; status: number } {
  if (found !== undefined) return { location: encodeSitePath(key), status: 308 };
  throw new DrayerError('PATH_INVALID', 'expected two hexadecimal digits after each %');
}

function redirect(
  ctx: Context,
  { base }: Site,
  { status, location, search }: { status: number; location: string; search: string },
): true {
  ctx.status = status;
  // What the site leads to with a query of its own does not get that of the request as well.
  const isBare = !/[?#]/.test(location);
  ctx.set('Location', (location.startsWith('/') ? base : '') + location + (isBare ? search : ''));
  return true;
}

async function sendFound(
  ctx: Context,
  site: Site,
  given: { readonly found: FoundFile; readonly key: string; readonly rules: SiteRules },
): Promise<boolean> {
  const { found, key, rules } = given;
  const value = typeof found.value === 'function' ? await found.value() : found.value;
  if (value === undefined) return false;
  const { type, ...rest } = await representationOf(ctx, site, { ...found, value });
  const isFound = found.status === 200;
  const own = headersFor(rules.headers, `/${key}`, { type, isFound });
  for (const [name, value] of own) setOwn(ctx, name, value);
  if (site.live) ctx.set('Cache-Control', 'no-cache');
  const what = { ...rest, type: own.get('Content-Type') ?? type };
  if (isFound) sendRepresentation(ctx, what);
  else sendWithStatus(ctx, found.status, what);
  // A worker that outlives a bad generation would keep it alive: never from a cache.
  if (ctx.get('Service-Worker') === 'script') ctx.set('Cache-Control', 'no-store');
  return true;
}

/** A policy of the site's stands beside ours: both have to allow a thing. */
function setOwn(ctx: Context, name: string, value: string): void {
  const before = name === 'Content-Security-Policy' ? ctx.res.getHeader(name) : undefined;
  ctx.set(name, before === undefined ? value : `${String(before)}, ${value}`);
}

async function representationOf(
  ctx: Context,
  site: Site,
  { record, value, tip }: FoundFile & { readonly value: HeldValue },
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
  const content = await site.contents.open({ id: site.reader.id, hash: record.hash, file });
  const plain = {
    ...common,
    etag: fileEtag(record.hash, 'identity'),
    size: content.size,
    open: (range: ByteRange) => content.open(range),
  };
  return isLive ? withLiveReload(plain, site, { hash: record.hash, tip }) : plain;
}

async function sendNotFound(
  ctx: Context,
  site: Site,
  given: { readonly key: string; readonly lookup: Lookup; readonly rules: SiteRules },
): Promise<boolean> {
  const { key, lookup, rules } = given;
  const page = site.reader.reading(() => findFile(lookup, '404.html', 404));
  if (page?.kind === 'file') return sendFound(ctx, site, { found: page, key, rules });
  throw notFound(`this site has no ${key === '' ? 'index.html' : JSON.stringify(key)}`);
}

// RFC 9110 §8.8.2.1: never a time to come. The publisher chose it, so it may be anything.
function lastModifiedOf(timeMicros: number): number | undefined {
  const ms = Math.floor(timeMicros / 1_000_000) * 1000;
  return ms > 0 && ms <= Date.now() ? ms : undefined;
}
