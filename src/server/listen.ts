/** Serves an app on sockets: which ones, the limits on who uses them, and how they end. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { Server as NetServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import type Koa from 'koa';
import { clickableAddresses, siteAddresses } from './addresses.ts';
import { hostedBy, hotPagesOf, listenerOf } from './app.ts';
import {
  type Certificate,
  type CertificateFiles,
  readCertificate,
  renewCertificate,
} from './certificate.ts';
import type { TrustedProxies } from './client.ts';
import { ConnectionGate, type ConnectionLimits, type GateEvent } from './connection-gate.ts';
import { answerKnown } from './known-requests.ts';
import {
  isEverywhere,
  isLocal,
  type ListenAddress,
  openServers,
  portOf,
  takeOver,
} from './open-servers.ts';
import { type SeenRequest, watchRequests } from './request-watch.ts';

/** Where and how to listen. */
export type ListenOptions = ListenAddress & {
  /** Large bodies may come. Default false. */
  readonly takesUploads?: boolean | undefined;
  /** Limits on connections, where they are to be others than the defaults. */
  readonly limits?: Partial<ConnectionLimits> | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** How long requests may go on after close(), in ms. Default 1,500: it is promised within 3 s. */
  readonly graceMs?: number | undefined;
  /** Proxies that are believed about who asks: many clients share their addresses. */
  readonly proxies?: TrustedProxies | undefined;
  /** Ends TLS with this certificate; there is no plain HTTP then. */
  readonly certificate?: CertificateFiles | undefined;
  /** The sites that have ports of their own, by port; those that are opened come in. */
  readonly sitePorts?: Map<number, Uint8Array> | undefined;
  /** Sockets that another process listens on, to be shared with it; then none is opened. */
  readonly sockets?: readonly NetServer[] | undefined;
  /** Told of each request when it is over. */
  readonly onRequest?: ((seen: SeenRequest) => void) | undefined;
  /** Told of each connection that was refused or ended. */
  readonly onConnection?: ((event: GateEvent) => void) | undefined;
  /** Told of what the system says of a socket, such as that no more can be opened. */
  readonly onError?: ((error: unknown) => void) | undefined;
};

/** A server that listens. */
export type Listener = {
  /** What a person can click, the plainest first. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** What it listens on, for processes that serve beside this one. */
  readonly sockets: readonly Server[];
  /** Open connections now, and those with a request in progress. */
  connections(): { readonly open: number; readonly busy: number };
  /**
   * Opens one more port, for one site (mode D).
   *
   * @returns its port, and the addresses of the site on it
   * @throws {DrayerError} ADDRESS_IN_USE, USAGE
   */
  openSite(publicKey: Uint8Array, port: number): Promise<SitePort>;
  /** Stops: live events end at once, other requests get a moment. Idempotent. */
  close(): Promise<void>;
};

/** A port of one site. */
export type SitePort = { readonly port: number; readonly addresses: readonly string[] };

/** How long a client may take, in ms. */
export type Timeouts = {
  /** Until the last header line. Default 10 s. */
  readonly headersMs: number;
  /** Until the end of the request. Default 15 s; where values are pushed, 35 minutes for the largest. */
  readonly requestMs: number;
  /** A connection on which nothing moves for so long is closed. Default 20 s. */
  readonly idleMs: number;
  /** A connection without a further request is closed. Default 5 s. */
  readonly keepAliveMs: number;
  /** Between two looks at all of these. Default 2 s. */
  readonly checkMs: number;
};

/** Those that hold where no others are given. */
export const TIMEOUTS: Timeouts = {
  headersMs: 10_000,
  requestMs: 15_000,
  idleMs: 20_000,
  keepAliveMs: 5_000,
  checkMs: 2_000,
};
/** A value of the largest size over a slow line; push-body.ts has the limits by size. */
const UPLOAD_MS = 2_100_000;
const GRACE_MS = 1_500;

/**
 * Serves `app`.
 *
 * @throws {DrayerError} ADDRESS_IN_USE, saying by whom where that can be found out
 * @throws {DrayerError} USAGE when the host or the port cannot be listened on
 */
export async function listen(app: Koa, options: ListenOptions): Promise<Listener> {
  const { limits, proxies, onRequest, onConnection } = options;
  const gate = new ConnectionGate(limits, {
    isShared: proxies && ((address) => proxies.has(address)),
    onEvent: onConnection,
  });
  const answer = listenerOf(app);
  const handler = gate.guard(onRequest === undefined ? answer : watchRequests(answer, onRequest));
  const certificate = options.certificate && readCertificate(options.certificate);
  // Who wants to be told of each request is not told of those that are answered unread.
  const pages = onRequest === undefined && certificate === undefined ? hotPagesOf(app) : undefined;
  const make = (): Server => {
    const server = makeServer(handler, gate, { ...options, pem: certificate });
    if (pages !== undefined) answerKnown(server, { gate, pages });
    return server;
  };
  const servers = await (options.sockets === undefined
    ? openServers(make, options)
    : takeOver(make, options.sockets));
  const port = portOf(servers[0]);
  const reach = {
    isSecure: certificate !== undefined,
    host: isLocal(options) || isEverywhere(options) ? undefined : options.host,
    lanAddresses: isEverywhere(options) ? lanAddresses() : [],
  };
  const stopRenewing = renewing(servers, options);
  let closing: Promise<void> | undefined;
  const closeNow = async (): Promise<void> => {
    stopRenewing();
    // Live events would never end by themselves; app.ts ends them on this.
    app.emit('close');
    await closeServers(servers, gate, options.graceMs ?? GRACE_MS);
  };
  return {
    addresses: clickableAddresses({ ...reach, port }, hostedBy(app)),
    port,
    sockets: [...servers],
    connections: () => gate.connections,
    openSite: async (publicKey, wanted) => {
      const own = await openServers(make, { ...options, port: wanted, flag: '--site-ports' });
      servers.push(...own);
      const sitePort = portOf(own[0]);
      options.sitePorts?.set(sitePort, publicKey);
      return { port: sitePort, addresses: siteAddresses({ ...reach, port: sitePort }) };
    },
    close: () => {
      closing ??= closeNow();
      return closing;
    },
  };
}

function renewing(servers: readonly Server[], options: ListenOptions): () => void {
  const { certificate, onError = () => {} } = options;
  return certificate === undefined ? () => {} : renewCertificate(servers, certificate, { onError });
}

function makeServer(
  handler: RequestListener,
  gate: ConnectionGate,
  options: ListenOptions & { readonly pem: Certificate | undefined },
): Server {
  const { takesUploads = false, onError = () => {}, pem } = options;
  const { headersMs, requestMs, idleMs, keepAliveMs, checkMs } = {
    ...TIMEOUTS,
    ...options.timeouts,
  };
  const limits = {
    headersTimeout: headersMs,
    requestTimeout: takesUploads ? UPLOAD_MS : requestMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: checkMs,
    // Node's own answer has none of our headers; the app gives it.
    requireHostHeader: false,
  };
  const server: Server =
    pem === undefined
      ? createServer(limits, handler)
      : createTlsServer({ ...limits, ...pem, handshakeTimeout: headersMs }, handler);
  // Node would cut the answer of who has said all it will say. Its types lack the field.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.setTimeout(idleMs);
  gate.watch(server, pem === undefined ? 'connection' : 'secureConnection');
  server.once('listening', () => server.on('error', onError));
  return server;
}

async function closeServers(
  servers: readonly Server[],
  gate: ConnectionGate,
  graceMs: number,
): Promise<void> {
  // Node's own would also end who has not taken all of an answer; who is idle the gate knows.
  const closed = servers.map(
    (server) => new Promise<void>((resolve) => closeSocket(server, resolve)),
  );
  gate.drain();
  const timer = setTimeout(() => {
    for (const server of servers) server.closeAllConnections();
  }, graceMs);
  await Promise.all(closed);
  clearTimeout(timer);
  // Its looks at timeouts.
  for (const server of servers) server.close();
}

function closeSocket(server: Server, onClosed: () => void): void {
  NetServer.prototype.close.call(server, onClosed);
}

function lanAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => address.family === 'IPv4' && !address.internal)
    .map((address) => address.address);
}
