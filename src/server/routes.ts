/**
 * From place and path to the handler: streams under their keys on a shared name, one site on a name
 * of its own. Sets the headers of the mode before anything can fail.
 */
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import type { StreamReader } from '../store/reader.ts';
import { type ParsedPath, parsePath } from '../wire/path-parser.ts';
import { STREAMS_PATH, streamPath, WELL_KNOWN_PATH } from '../wire/paths.ts';
import { type AskedOptions, isAskedBySite, isOpenToPages, ownOriginFor } from './asked-by.ts';
import { compressed } from './compress.ts';
import { bodyEtag } from './etag.ts';
import { frontPage, streamsJson } from './front-page.ts';
import type { Place } from './host.ts';
import type { HotPages } from './hot-pages.ts';
import { LIVE_SCRIPT_PATH } from './live-reload.ts';
import { type SiteForm, siteHeaders, syncHeaders } from './media-headers.ts';
import { notFound } from './problem.ts';
import { isPush, type PushDesk } from './push.ts';
import { sendMade } from './reply.ts';
import { allowReading, redirect, refuseAsterisk, replaceHeaders } from './route-steps.ts';
import type { HostedStream, StreamSet } from './stream-set.ts';
import { answerSync, type SyncContext, type SyncRequest, sendJson } from './sync.ts';
import { keyInPath, type Target } from './target.ts';
import { sendUnknown, type UnknownOptions, unknownStream } from './unknown-stream.ts';
import { type SiteOptions, sendSiteFile } from './web-access.ts';

/** What all requests of one server share. */
export type ServerContext = SyncContext &
  AskedOptions &
  SiteOptions &
  UnknownOptions & {
    readonly streams: StreamSet;
    /** Prefix of every path: empty, or `/prefix`. */
    readonly mount: string;
    readonly listStreams: boolean;
    readonly hot: HotPages;
    /** Undefined where nobody may push. */
    readonly push?: PushDesk | undefined;
  };

/** A request being answered. */
export type Exchange = {
  readonly ctx: Context;
  /** How an error is told: as JSON to programs, as a page to people. */
  form: 'json' | 'page';
};

type StreamPath = Extract<ParsedPath, { readonly kind: 'stream' }>;
type Origin = Extract<Place, { readonly kind: 'site' }>;

const WEB_ACCESS = '/webAccess';

/** Answers a request whose Host is served. */
export async function answerRequest(
  server: ServerContext,
  exchange: Exchange,
  {
    place,
    target,
  }: { readonly place: Exclude<Place, { kind: 'refused' }>; readonly target: Target },
): Promise<void> {
  if (target.path === '*') return refuseAsterisk(exchange.ctx);
  if (place.kind === 'site') await answerOrigin(server, exchange, { place, target });
  else await answerShared(server, exchange, { host: place.host, target });
}

async function answerShared(
  server: ServerContext,
  exchange: Exchange,
  { host, target }: { readonly host: string; readonly target: Target },
): Promise<void> {
  const { ctx } = exchange;
  const { path, search } = target;
  if (path === `${server.mount}/`) return sendFrontPage(server, ctx, host);
  if (path === server.mount) return redirect(ctx, `${path}/${search}`);
  const parsed = parseShared(server, exchange, target);
  if (parsed === undefined) throw notFound('there is nothing at this address');
  if (parsed.kind === 'streams') {
    return sendStreams(server, exchange, server.streams.list());
  }
  return answerKeyPath(server, exchange, { parsed, host, search });
}

/** What stands below a key: the site in its sandbox, or a sync endpoint. */
function answerKeyPath(
  server: ServerContext,
  exchange: Exchange,
  given: { readonly parsed: StreamPath; readonly host: string; readonly search: string },
): Promise<void> {
  const { publicKey, request } = given.parsed;
  if (request.operation === 'index' || request.operation === 'webAccess') {
    return answerSitePath(server, exchange, given);
  }
  return answerStream(server, exchange, { publicKey, request });
}

/** Also takes the original's second form, `/<operation>/<arguments>?streampk=<key>`. */
function parseShared(
  { mount }: ServerContext,
  exchange: Exchange,
  { path, search }: Target,
): ParsedPath | undefined {
  const isSite = path.slice(mount.length).split('/', 3)[2] === 'webAccess';
  // Until the path is understood an error is told as it would be after.
  if (!isSite && path.includes('/', mount.length + 1)) exchange.form = 'json';
  const parsed = parsePath(path, search, { mount });
  const key = new URLSearchParams(search).get('streampk');
  if (parsed !== undefined || key === null || !path.startsWith(`${mount}/`)) return parsed;
  return parsePath(`/${encodeURIComponent(key)}${path.slice(mount.length)}`, search);
}

/** A site under a path: one spelling, one slash, no service worker, a sandbox around it. */
async function answerSitePath(
  server: ServerContext,
  exchange: Exchange,
  given: { readonly parsed: StreamPath; readonly host: string; readonly search: string },
): Promise<void> {
  const { ctx } = exchange;
  const { parsed, host, search } = given;
  enterSite(exchange, 'path');
  allowReading(ctx);
  const { publicKey } = parsed;
  const reader = server.streams.find(publicKey);
  const base = `${streamPath(publicKey, server.mount)}${WEB_ACCESS}`;
  const path = parsed.rest.slice(WEB_ACCESS.length);
  if (reader === undefined) return sendUnknown(exchange, server, { publicKey, path, search });
  if (!parsed.canonical || path === '') return redirect(ctx, `${base}${path || '/'}${search}`);
  if (ctx.get('Service-Worker') === 'script') {
    throw new DrayerError('USAGE', 'a site under a path has no service workers');
  }
  const own = ownOriginFor(ctx, server, { host, publicKey });
  if (own !== undefined) return redirect(ctx, own + path + search, 307);
  const site = { ...server, reader, base };
  if (!server.live) server.hot.keep(ctx, reader);
  await sendSiteFile(ctx, site, { path: path.slice(1), search });
}

/**
 * One site at `/`; only `/.well-known/drayer/` is ours there, and where the name is the machine's as
 * well, the keys of what else it hosts.
 */
async function answerOrigin(
  server: ServerContext,
  exchange: Exchange,
  { place, target }: { readonly place: Origin; readonly target: Target },
): Promise<void> {
  const { ctx } = exchange;
  const { path, search } = target;
  const base = place.shared ? server.mount : '';
  enterSite(exchange, place.byPort === true ? 'port' : 'origin');
  if (path === base && base !== '') return redirect(ctx, `${base}/${search}`);
  if (!path.startsWith(`${base}/`)) throw notFound('there is nothing at this address');
  const inner = path.slice(base.length);
  const other = place.shared && !isAskedBySite(ctx) ? otherKey(server, place, inner) : undefined;
  if (other !== undefined) return answerOther(server, exchange, { host: place.host, target });
  // It would stand between the browser and all that is served under this name.
  if (place.shared && ctx.get('Service-Worker') === 'script') {
    throw new DrayerError('USAGE', 'a name that several sites share has no service workers');
  }
  const { publicKey } = place;
  const reader = server.streams.find(publicKey);
  if (reader === undefined) {
    if (inner.startsWith(`${WELL_KNOWN_PATH}/`)) exchange.form = 'json';
    return sendUnknown(exchange, server, { publicKey, path: inner, search });
  }
  if (await answerOriginSync(server, exchange, { place, inner, search, reader })) return;
  allowReading(ctx);
  const site = { ...server, reader, base };
  // Below another key there will be another stream as soon as it is hosted; and a name that goes takes
  // its answers with it.
  const isLasting = !server.live && place.isPassing !== true;
  if (isLasting && keyInPath(inner) === undefined) server.hot.keep(ctx, reader);
  await sendSiteFile(ctx, site, { path: inner.slice(1), search });
}

async function answerOther(
  server: ServerContext,
  exchange: Exchange,
  { host, target }: { readonly host: string; readonly target: Target },
): Promise<void> {
  const parsed = parseShared(server, exchange, target);
  if (parsed?.kind !== 'stream') throw notFound('there is nothing at this address');
  await answerKeyPath(server, exchange, { parsed, host, search: target.search });
  // Nor out of the browser's cache; see isAskedBySite.
  if (!exchange.ctx.headerSent) exchange.ctx.vary('Sec-Fetch-Site');
}

/** The key a path begins with, of a stream that is not the one at `/`. */
function otherKey(server: ServerContext, place: Origin, inner: string): Uint8Array | undefined {
  const publicKey = keyInPath(inner);
  if (publicKey === undefined || bytesEqual(publicKey, place.publicKey)) return undefined;
  // What is pushed for the first time is hosted only afterwards.
  if (server.streams.find(publicKey) ?? server.push?.isAllowed(publicKey)) return publicKey;
  // What is nowhere here is told as such, unless the site has a file of that very name.
  const file = server.streams.find(place.publicKey)?.findRecord('file', inner.slice(1));
  return file === undefined ? publicKey : undefined;
}

async function answerOriginSync(
  server: ServerContext,
  exchange: Exchange,
  given: {
    readonly place: Origin;
    readonly inner: string;
    readonly search: string;
    readonly reader: StreamReader;
  },
): Promise<boolean> {
  const { place, inner, search, reader } = given;
  if (isStreamsPath(place, inner, reader)) {
    const all = server.streams.list();
    const isWhole = inner === STREAMS_PATH && !isAskedBySite(exchange.ctx);
    await sendStreams(server, exchange, isWhole ? all : all.filter(({ id }) => id === reader.id));
    return true;
  }
  if (server.live && inner === LIVE_SCRIPT_PATH) return false;
  const isOurs = inner.startsWith(`${WELL_KNOWN_PATH}/`);
  // Originals know only paths with a key, so where the site stands at `/` its own key is taken too.
  const key = place.shared && !isOurs ? keyInPath(inner) : undefined;
  if (!isOurs && !(key && bytesEqual(key, place.publicKey))) return false;
  exchange.form = 'json';
  const parsed = parsePath(inner, search, isOurs ? { site: place.publicKey } : {});
  if (parsed?.kind !== 'stream') throw notFound('there is no such operation');
  const { request } = parsed;
  if (request.operation === 'index' || request.operation === 'webAccess') {
    allowReading(exchange.ctx);
    const path = parsed.rest.slice(WEB_ACCESS.length).replace(/^\/*/, '/');
    const base = place.shared ? server.mount : '';
    redirect(exchange.ctx, `${base}${request.operation === 'index' ? '/' : path}${search}`);
    return true;
  }
  await answerStream(server, exchange, { publicKey: place.publicKey, request });
  return true;
}

function isStreamsPath(place: Origin, inner: string, reader: StreamReader): boolean {
  if (inner === WELL_KNOWN_PATH + STREAMS_PATH) return true;
  // Who is told only host and port looks there; a file of the site comes first.
  if (!place.shared || inner !== STREAMS_PATH) return false;
  return reader.findRecord('file', STREAMS_PATH.slice(1)) === undefined;
}

async function answerStream(
  server: ServerContext,
  exchange: Exchange,
  { publicKey, request }: { readonly publicKey: Uint8Array; readonly request: SyncRequest },
): Promise<void> {
  enterSync(server, exchange);
  const { ctx } = exchange;
  if (server.push !== undefined && isPush(ctx.method, request)) {
    return server.push.answer(ctx, publicKey, request);
  }
  await answerSync(ctx, getReader(server, publicKey), { request, shared: server });
}

async function sendFrontPage(server: ServerContext, ctx: Context, host: string): Promise<void> {
  allowReading(ctx);
  const listed = server.listStreams ? server.streams.list() : [];
  await compressed(ctx, async () => {
    const body = Buffer.from(frontPage(listed, { host, mount: server.mount }));
    sendMade(ctx, { type: 'text/html; charset=utf-8', etag: bodyEtag(body), make: () => body });
  });
}

async function sendStreams(
  server: ServerContext,
  exchange: Exchange,
  listed: readonly HostedStream[],
): Promise<void> {
  enterSync(server, exchange);
  allowReading(exchange.ctx);
  if (!server.listStreams) throw notFound('this server does not tell what it hosts');
  await sendJson(exchange.ctx, () => streamsJson(server.streams, listed));
}

function enterSite(exchange: Exchange, form: SiteForm): void {
  exchange.form = 'page';
  replaceHeaders(exchange.ctx, siteHeaders(form));
}

/**
 * Enters a sync endpoint. Pages of other sites get one constant answer on loopback, before anything
 * is looked up: otherwise they could find out which streams are held here.
 */
function enterSync(server: ServerContext, exchange: Exchange): void {
  const { ctx } = exchange;
  const isOpen = isOpenToPages(ctx, server);
  exchange.form = 'json';
  replaceHeaders(ctx, syncHeaders(isOpen));
  if (isOpen || ctx.get('Sec-Fetch-Site') !== 'cross-site') return;
  throw new DrayerError('CROSS_SITE', 'pages of other sites may not ask here');
}

function getReader({ streams }: ServerContext, publicKey: Uint8Array): StreamReader {
  const reader = streams.find(publicKey);
  if (reader !== undefined) return reader;
  throw unknownStream(publicKey);
}
