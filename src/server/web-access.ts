/**
 * A file of a site as a browser wants it: gzip as stored for those who take it, inflated for the
 * others, found by clean names, in one generation. Reads the stream and nothing else: no path of a
 * request ever reaches the file system.
 */
import type { Context } from 'koa';
import type { Micros, SignedRecord } from '../core/record.ts';
import { decodeFile, MAX_FILE_BYTES } from '../files/file-record.ts';
import { mediaTypeOf } from '../files/media-type.ts';
import { candidatesOf } from '../files/path-candidates.ts';
import type { ByteRange } from '../files/stored-gzip.ts';
import type { StreamReader } from '../store/reader.ts';
import { chooseEncoding } from './choose-encoding.ts';
import { fileEtag } from './etag.ts';
import type { EventHub } from './events.ts';
import { measureContent, openContent } from './inflate.ts';
import { isForPage, sendLive, withLiveReload } from './live-reload.ts';
import { notFound } from './problem.ts';
import { type Representation, sendRepresentation, sendWithStatus } from './reply.ts';
import { decodeSitePath } from './site-path.ts';
import { readShared } from './value.ts';
import type { ValueCache } from './value-cache.ts';

/** A site and where it stands. */
export type Site = {
  readonly reader: StreamReader;
  /** What stands before its paths: empty on an origin of its own. */
  readonly base: string;
  readonly values: ValueCache;
  readonly sizes: SizeCache;
  readonly hub: EventHub;
  /** Whether its pages reload themselves. */
  readonly live: boolean;
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
  const key = decodeSitePath(path);
  const found = site.reader.reading(() => findFile(site, key));
  if (found === undefined) return sendNotFound(ctx, site, key);
  if (found.kind === 'redirect') {
    ctx.status = 308;
    ctx.set('Location', site.base + found.path + search);
    return;
  }
  sendRepresentation(ctx, await representationOf(ctx, site, found));
  // A worker that outlives a bad generation would keep it alive: never from a cache.
  if (ctx.get('Service-Worker') === 'script') ctx.set('Cache-Control', 'no-store');
}

type Found =
  | { readonly kind: 'redirect'; readonly path: string }
  | {
      readonly kind: 'file';
      readonly record: SignedRecord;
      readonly value: Uint8Array;
      /** The generation it is of. */
      readonly tip: Micros;
    };

function findFile(site: Site, key: string): Found | undefined {
  for (const candidate of candidatesOf(key)) {
    const record = site.reader.findRecord('file', candidate.key);
    if (record === undefined) continue;
    if (candidate.kind === 'redirect') return { kind: 'redirect', path: candidate.path };
    const value = readShared(site.reader, site.values, record);
    return { kind: 'file', record, value, tip: site.reader.view.modifiedTip() };
  }
  return undefined;
}

async function representationOf(
  ctx: Context,
  site: Site,
  { record, value, tip }: Extract<Found, { kind: 'file' }>,
): Promise<Representation> {
  const { gzip, timeMicros } = decodeFile(value);
  const type = mediaTypeOf(record.key);
  const isLive = site.live && isForPage(ctx, type);
  const publishedMs = record.timestamp / 1000;
  const common = { type, lastModifiedMs: lastModifiedOf(timeMicros), publishedMs };
  if (!isLive && chooseEncoding(ctx.req.headers['accept-encoding']) === 'gzip') {
    return {
      ...common,
      etag: fileEtag(record.hash, 'gzip'),
      encoding: 'gzip',
      size: gzip.length,
      open: ({ start, end }) => gzip.subarray(start, end),
    };
  }
  const size = await contentSize(site.sizes, record.hash, gzip);
  const plain = {
    ...common,
    etag: fileEtag(record.hash, 'identity'),
    size,
    open: (range: ByteRange) => openContent(gzip, size, range),
  };
  return isLive ? withLiveReload(plain, site, { hash: record.hash, tip }) : plain;
}

async function sendNotFound(ctx: Context, site: Site, key: string): Promise<void> {
  const page = site.reader.reading(() => findFile(site, '404.html'));
  if (page?.kind !== 'file') {
    throw notFound(`this site has no ${key === '' ? 'index.html' : JSON.stringify(key)}`);
  }
  sendWithStatus(ctx, 404, await representationOf(ctx, site, page));
}

async function contentSize(sizes: SizeCache, hash: Uint8Array, gzip: Uint8Array): Promise<number> {
  const id = Buffer.from(hash).toString('latin1');
  const known = sizes.get(id);
  if (known !== undefined) return known;
  const size = await measureContent(gzip, MAX_FILE_BYTES);
  if (sizes.size >= MOST_SIZES) sizes.clear();
  sizes.set(id, size);
  return size;
}

// RFC 9110 §8.8.2.1: never a time to come. The publisher chose it, so it may be anything.
function lastModifiedOf(timeMicros: number): number | undefined {
  const ms = Math.floor(timeMicros / 1_000_000) * 1000;
  return ms > 0 && ms <= Date.now() ? ms : undefined;
}
