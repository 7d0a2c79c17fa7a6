/**
 * The HTTP edge: Host first, then the mode it decides, then the path. Every response leaves here with
 * the headers of its mode, and every error becomes one answer in one place.
 */
import type { RequestListener } from 'node:http';
import { hostname } from 'node:os';
import Koa, { type Context } from 'koa';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { WELL_KNOWN_PATH } from '../wire/paths.ts';
import type { Hosted } from './addresses.ts';
import { AnnouncedDesk, type OnAnnounced } from './announced.ts';
import type { TrustedProxies } from './client.ts';
import { gone, type IsDenied, withoutDenied } from './denied-streams.ts';
import { limitTurns } from './event-turns.ts';
import { EventHub } from './events.ts';
import { type HostPolicy, lacksHost, placeOf } from './host.ts';
import { HOT_BYTES, HotPages, type MemoryUse } from './hot-pages.ts';
import { PAGE_HEADERS } from './media-headers.ts';
import { sendProblem } from './problem.ts';
import { PushDesk, type PushOptions } from './push.ts';
import { limitRest } from './push-body.ts';
import { allowReading } from './route-steps.ts';
import { answerRequest, type Exchange, type ServerContext } from './routes.ts';
import { SiteContents } from './site-content.ts';
import type { StreamSet } from './stream-set.ts';
import { parseTarget } from './target.ts';
import type { FindElsewhere } from './unknown-stream.ts';
import { ValueCache } from './value-cache.ts';

/** What {@link createApp} is told. */
export type AppOptions = {
  readonly streams: StreamSet;
  /** Prefix of every path, such as `/mirror`, where a proxy hands on only a part of its paths. */
  readonly mount?: string | undefined;
  /** Public key of the one site served at `/`. */
  readonly site?: Uint8Array | undefined;
  /** Names this server answers to, besides IP literals, `localhost` and this machine's own. */
  readonly allowHosts?: readonly string[] | undefined;
  /** Names with a site of their own: name to public key. */
  readonly domains?: Readonly<Record<string, Uint8Array>> | undefined;
  /** Names on the local network, lower case, to public key; may change while the app runs. */
  readonly localNames?: ReadonlyMap<string, Uint8Array> | undefined;
  /** Names under which each site has one of its own, `<base32>.NAME`. */
  readonly parents?: readonly string[] | undefined;
  /** Ports with a site of their own, to its public key; may grow while the app runs. */
  readonly ports?: ReadonlyMap<number, Uint8Array> | undefined;
  /** Leads people who open the path form on `localhost` to the site's own origin. Default true. */
  readonly redirects?: boolean | undefined;
  /** Streams that are not served, and say so. Default: none. */
  readonly isDenied?: IsDenied | undefined;
  /** Proxies that are believed about who asks. Default: none. */
  readonly proxies?: TrustedProxies | undefined;
  /** Lets pages of other origins read sync endpoints on loopback too. */
  readonly cors?: boolean | undefined;
  /** Whether `streams.json` and the front page tell what is hosted. Default true. */
  readonly listStreams?: boolean | undefined;
  /** Whether open pages reload themselves at a new generation: a script is put into them. Default false. */
  readonly live?: boolean | undefined;
  /** Whether `index.html` stands for every page that is none, in all sites. Default false. */
  readonly spa?: boolean | undefined;
  /** Whether a folder without `index.html` shows what is in it, in all sites. Default false. */
  readonly listing?: boolean | undefined;
  /** Takes pushes. Default: nobody may push. */
  readonly push?: PushOptions | undefined;
  /** Told that a hosted stream has a newer record elsewhere, at most every 10 s. Default: nobody is. */
  readonly onAnnounced?: OnAnnounced | undefined;
  /** Tells who else has a stream that is not here. Default: nobody is known. */
  readonly elsewhere?: FindElsewhere | undefined;
  /** Told once for each reason why requests are refused; it names `--allow-host` where that helps. */
  readonly onRefused?: ((reason: string) => void) | undefined;
  /** Told what went wrong here, as opposed to at the client. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** A client that takes nothing of `newRecords` for so long is cut. Default 15 s. */
  readonly idleMs?: number | undefined;
  /** Most bytes of answers kept in memory to be given again. Default 64 MiB; 0 keeps none. */
  readonly hotBytes?: number | undefined;
  /** Most bytes of large values in temporary files. Default 4 GiB; never more than half of what is free there. */
  readonly spoolBytes?: number | undefined;
  /** Folder of those files. Default: the system's own for temporary files. */
  readonly spoolDirectory?: string | undefined;
};

/** Says that the server is there, under every name it answers to. */
const HEALTH_PATH = `${WELL_KNOWN_PATH}/health`;
const IDLE_MS = 15_000;
/** More header lines than any browser or proxy sends. */
const MOST_HEADER_LINES = 128;
/** Requests begun in one turn of the event loop: some ms. */
const MOST_IN_TURN = 16;
/** Reasons remembered, so that a scan does not fill a log. */
const MOST_REASONS = 100;
/** What a client that goes away in the middle leaves behind. */
const GONE = new Set(['ECONNRESET', 'EPIPE', 'ECANCELED', 'ERR_STREAM_PREMATURE_CLOSE']);

const hosted = new WeakMap<Koa, () => Hosted>();
const listeners = new WeakMap<Koa, RequestListener>();
const kept = new WeakMap<Koa, HotPages>();

/**
 * Makes the server's request handler, without opening a socket. Emit `close` on it to end its live
 * events, as `listen` does.
 *
 * @throws {DrayerError} USAGE when the mount prefix is no path
 */
export function createApp(options: AppOptions): Koa {
  const { site, isDenied = () => false, proxies, onError = () => {} } = options;
  const streams = options.isDenied ? withoutDenied(options.streams, isDenied) : options.streams;
  const mount = checkMount(options.mount ?? '');
  const { spoolDirectory: directory, spoolBytes: maxBytes } = options;
  const values = new ValueCache({ directory, maxBytes });
  const server: ServerContext = {
    streams,
    mount,
    listStreams: options.listStreams ?? true,
    cors: options.cors ?? false,
    redirects: options.redirects ?? true,
    proxies,
    elsewhere: options.elsewhere,
    live: options.live ?? false,
    spa: options.spa ?? false,
    listing: options.listing ?? false,
    hub: new EventHub(streams),
    announced: options.onAnnounced && new AnnouncedDesk(options.onAnnounced),
    push: options.push && new PushDesk(streams, { ...options.push, proxies }),
    hot: new HotPages(streams, options.hotBytes ?? HOT_BYTES),
    values,
    contents: new SiteContents(values.spool),
    idleMs: options.idleMs ?? IDLE_MS,
  };
  const policy = hostPolicy(options);
  const reportRefusal = once(options.onRefused ?? (() => {}));

  const app = new Koa();
  let reported: unknown;
  hosted.set(app, () => ({
    publicKeys: streams.list().map((stream) => stream.publicKey),
    site,
    mount,
  }));
  app.use(async (ctx) => {
    const exchange: Exchange = { ctx, form: 'page' };
    try {
      ctx.set(PAGE_HEADERS);
      await answer(server, exchange, { policy, reportRefusal, isDenied });
    } catch (error) {
      const { code } = sendProblem(ctx, error, exchange.form);
      // A list that cannot be read is one error, however many ask; who asks too much is none of ours.
      const isKnown = error === reported && error instanceof DrayerError;
      const isOurs = code === 'INTERNAL' && !isDrayerError(error, 'STREAM_BUSY');
      if (isOurs && !isKnown) onError(error);
      reported = error;
    } finally {
      limitRest(ctx.req);
    }
  });
  app.on('error', (error) => {
    if (!GONE.has(codeOf(error))) onError(error);
  });
  const stopDropping = dropDeleted(server);
  app.once('close', () => {
    server.hub.close();
    stopDropping();
    server.values.close();
  });
  kept.set(app, server.hot);
  listeners.set(app, server.hot.before(inTurns(app.callback())));
  return app;
}

/** What is deleted from a stream is not kept for it. */
function dropDeleted({ streams, values }: ServerContext): () => void {
  return streams.onGeneration(({ id, publicKey }) => {
    values.dropGone(id, (hash) => {
      const reader = streams.find(publicKey);
      const record = reader?.findByHash(hash);
      // Gone with its record, or erased by a mirror that holds it no longer.
      return record === undefined || reader?.valueSize(record) === undefined;
    });
  });
}

/** Tells what an app hosts, for the addresses to show; nothing for an app of another making. */
export function hostedBy(app: Koa): Hosted {
  return hosted.get(app)?.() ?? { publicKeys: [], mount: '' };
}

/** What handles an app's requests: what is in memory first, then the app. */
export function listenerOf(app: Koa): RequestListener {
  return listeners.get(app) ?? app.callback();
}

/** What is in memory is answered past those that wait here. */
function inTurns(answer: RequestListener): RequestListener {
  const inTurn = limitTurns(MOST_IN_TURN);
  return (request, response) => {
    inTurn(() => {
      if (!response.destroyed) answer(request, response);
    });
  };
}

/** The answers an app keeps; undefined for an app of another making. */
export function hotPagesOf(app: Koa): HotPages | undefined {
  return kept.get(app);
}

/** What an app keeps in memory of its answers. */
export function memoryOf(app: Koa): MemoryUse {
  return kept.get(app)?.use ?? { bytes: 0, pages: 0, given: 0 };
}

async function answer(
  server: ServerContext,
  exchange: Exchange,
  gate: {
    readonly policy: HostPolicy;
    readonly reportRefusal: (reason: string) => void;
    readonly isDenied: IsDenied;
  },
): Promise<void> {
  const { ctx } = exchange;
  const { rawHeaders, url = '/' } = ctx.req;
  // RFC 9110 §15.6.6: node's parser takes 0.9 and 2.0 too, as if they were said in this way.
  if (ctx.req.httpVersionMajor !== 1) return sendEmpty(ctx, 505);
  if (rawHeaders.length > 2 * MOST_HEADER_LINES) return sendEmpty(ctx, 431);
  const target = parseTarget(url);
  const place = placeOf(rawHeaders, target.authority, gate.policy, ctx.req.socket.localPort);
  if (place.kind === 'refused') {
    gate.reportRefusal(place.reason);
    return sendEmpty(ctx, lacksHost(ctx.req) ? 400 : 421);
  }
  if (target.path === server.mount + HEALTH_PATH) return sendHealth(ctx);
  if (place.kind === 'site' && !place.shared && gate.isDenied(place.publicKey)) {
    // Also what the site has left in the browser: a worker of its own would go on showing it.
    ctx.set('Clear-Site-Data', '"cache", "storage"');
    throw gone();
  }
  await answerRequest(server, exchange, { place, target });
}

/** For load balancers: there is a server, and it answers. */
function sendHealth(ctx: Context): void {
  allowReading(ctx);
  ctx.set('Cache-Control', 'no-store');
  ctx.body = 'ok\n';
}

// Not a byte of content: what a rebound name could read would be read.
function sendEmpty(ctx: Context, status: number): void {
  ctx.status = status;
  ctx.set('Connection', 'close');
  ctx.body = '';
}

function hostPolicy(options: AppOptions): HostPolicy {
  const { site, ports, localNames: local, allowHosts = [], domains = {}, parents = [] } = options;
  const machine = hostname().toLowerCase();
  const short = machine.split('.', 1)[0] ?? machine;
  return {
    site,
    ports,
    local,
    parents: new Set(parents.map(lowerCase)),
    names: new Set([machine, short, `${short}.local`, ...allowHosts.map(lowerCase)]),
    domains: new Map(Object.entries(domains).map(([name, key]) => [lowerCase(name), key])),
  };
}

function lowerCase(name: string): string {
  return name.toLowerCase();
}

function checkMount(mount: string): string {
  const path = mount.replace(/^\/*/, '/').replace(/\/+$/, '');
  // A browser resolves `..` before it asks, so nothing would ever be found below such a prefix.
  if (/^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)*$/.test(path)) return path;
  throw new DrayerError('USAGE', `expected a mount prefix such as /mirror, got ${mount}`);
}

function once(tell: (reason: string) => void): (reason: string) => void {
  const told = new Set<string>();
  return (reason) => {
    if (told.has(reason) || told.size >= MOST_REASONS) return;
    told.add(reason);
    tell(reason);
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
