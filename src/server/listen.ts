/**
 * Opens the sockets of a server and closes them. Loopback unless told otherwise, and then both
 * families: where another process held `[::1]:PORT`, browsers would show its pages under our name.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { networkInterfaces } from 'node:os';
import type Koa from 'koa';
import { DrayerError } from '../core/errors.ts';
import { clickableAddresses } from './addresses.ts';
import { hostedBy } from './app.ts';
import { findPortHolder } from './port-holder.ts';

/** Where to listen. */
export type ListenOptions = {
  /** 0 for any free one. */
  readonly port: number;
  /** One address or name to listen on, instead of loopback. */
  readonly host?: string | undefined;
  /** Listen on all interfaces. */
  readonly lan?: boolean | undefined;
  /** Large bodies may come. Default false. */
  readonly takesUploads?: boolean | undefined;
};

/** A server that listens. */
export type Listener = {
  /** What a person can click, the plainest first. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Stops: live events end at once, other requests get a moment. Idempotent. */
  close(): Promise<void>;
};

const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
/** The same where values are pushed, the largest over a slow line; push-body.ts has the limits by size. */
const UPLOAD_MS = 2_100_000;
/** A connection on which nothing moves for so long is closed. */
const IDLE_MS = 20_000;
const KEEP_ALIVE_MS = 5_000;
const CHECK_MS = 2_000;
const MOST_CONNECTIONS = 2_048;
/** How long requests may go on after close(); it is promised within 3 s. */
const GRACE_MS = 1_500;
/** Tries for a port that is free in both families, when any port will do. */
const PORT_TRIES = 20;
/** A system without IPv6 says one of these. */
const NO_FAMILY = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL']);

/**
 * Serves `app`.
 *
 * @throws {DrayerError} ADDRESS_IN_USE, saying by whom where that can be found out
 * @throws {DrayerError} USAGE when the host or the port cannot be listened on
 */
export async function listen(app: Koa, options: ListenOptions): Promise<Listener> {
  const requestMs = options.takesUploads === true ? UPLOAD_MS : REQUEST_MS;
  const handler = { listener: app.callback(), requestMs };
  const servers = await openServers(handler, options);
  const port = portOf(servers[0]);
  const addresses = clickableAddresses(
    {
      port,
      host: isLocal(options) || isEverywhere(options) ? undefined : options.host,
      lanAddresses: isEverywhere(options) ? lanAddresses() : [],
    },
    hostedBy(app),
  );
  let closing: Promise<void> | undefined;
  return {
    addresses,
    port,
    close: () => {
      closing ??= closeServers(app, servers);
      return closing;
    },
  };
}

function isLocal(options: ListenOptions): boolean {
  return options.lan === true || options.host === undefined || options.host === 'localhost';
}

function isEverywhere(options: ListenOptions): boolean {
  return options.lan === true || options.host === '0.0.0.0' || options.host === '::';
}

type Handler = { readonly listener: RequestListener; readonly requestMs: number };

async function openServers(handler: Handler, options: ListenOptions): Promise<Server[]> {
  if (options.lan === true) {
    // `::` takes both families where there is IPv6 at all.
    const both = await openServer(handler, '::', options.port);
    return [both ?? (await openRequired(handler, '0.0.0.0', options.port))];
  }
  if (!isLocal(options)) {
    return [await openRequired(handler, options.host ?? '127.0.0.1', options.port)];
  }
  for (let attempt = 1; ; attempt += 1) {
    const four = await openRequired(handler, '127.0.0.1', options.port);
    try {
      const six = await openServer(handler, '::1', portOf(four));
      return six === undefined ? [four] : [four, six];
    } catch (error) {
      await closeServer(four);
      if (options.port !== 0 || attempt === PORT_TRIES) throw error;
    }
  }
}

async function openRequired(handler: Handler, host: string, port: number): Promise<Server> {
  const server = await openServer(handler, host, port);
  if (server !== undefined) return server;
  throw new DrayerError('USAGE', `${host} is not an address of this machine`, {
    hint: 'leave --host out for this machine only, or give --lan for all its addresses',
  });
}

/** Returns undefined where the system does not have the address or its family. */
async function openServer(
  handler: Handler,
  host: string,
  port: number,
): Promise<Server | undefined> {
  const server = createServer(
    {
      headersTimeout: HEADERS_MS,
      requestTimeout: handler.requestMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_MS,
    },
    handler.listener,
  );
  server.setTimeout(IDLE_MS);
  server.maxConnections = MOST_CONNECTIONS;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => resolve());
    });
    return server;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (NO_FAMILY.has(code)) return undefined;
    throw await listenError(error, code, host, port);
  }
}

async function listenError(
  cause: unknown,
  code: string,
  host: string,
  port: number,
): Promise<DrayerError> {
  if (code === 'EADDRINUSE') {
    const holder = await findPortHolder(port);
    const by = holder === undefined ? '' : ` by process ${holder.pid} (${holder.command})`;
    const other = port < 65_535 ? port + 1 : 33_126;
    return new DrayerError('ADDRESS_IN_USE', `port ${port} is taken${by}`, {
      hint: `choose another one, such as --port ${other}`,
      cause,
    });
  }
  if (code === 'EACCES') {
    const hint = 'ports below 1024 belong to the system: choose a higher one with --port';
    return new DrayerError('USAGE', `port ${port} may not be used`, { hint, cause });
  }
  return new DrayerError('USAGE', `cannot listen on ${host} port ${port}: ${code}`, { cause });
}

async function closeServers(app: Koa, servers: readonly Server[]): Promise<void> {
  // Live events would never end by themselves; app.ts ends them on this.
  app.emit('close');
  await Promise.all(servers.map(closeServer));
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function portOf(server: Server | undefined): number {
  const address = server?.address();
  // Strings are for pipes, nothing is for servers that do not listen.
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function lanAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => address.family === 'IPv4' && !address.internal)
    .map((address) => address.address);
}
