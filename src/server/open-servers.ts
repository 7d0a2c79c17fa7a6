/**
 * Opens listening sockets. Loopback unless told otherwise, and then both families: where another process
 * held `[::1]:PORT`, browsers would show its pages under our name. A family that this system does not
 * have is gone on without.
 */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Server as NetServer } from 'node:net';
import { DrayerError } from '../core/errors.ts';
import { findPortHolder } from './port-holder.ts';

/** Where to listen. */
export type ListenAddress = {
  /** 0 for any free one. */
  readonly port: number;
  /** One address or name to listen on, instead of loopback. */
  readonly host?: string | undefined;
  /** Listen on all interfaces. */
  readonly lan?: boolean | undefined;
  /** The flag that names the port, for hints. Default: `--port`. */
  readonly flag?: string | undefined;
};

/** Makes a server for one socket. */
export type MakeServer = () => Server;

/** Tries for a port that is free in both families, when any port will do. */
const PORT_TRIES = 20;
/** A system without IPv6 says one of these. */
const NO_FAMILY = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL']);

/** Whether this is this machine itself, or all its addresses: it can be called `localhost`. */
export function isLocal({ lan, host }: ListenAddress): boolean {
  return lan === true || host === undefined || host === 'localhost';
}

/** Whether other machines reach it under every address of this one. */
export function isEverywhere({ lan, host }: ListenAddress): boolean {
  return lan === true || host === '0.0.0.0' || host === '::';
}

/**
 * Opens the sockets of one port.
 *
 * @throws {DrayerError} ADDRESS_IN_USE, saying by whom where that can be found out
 * @throws {DrayerError} USAGE when the host or the port cannot be listened on
 */
export async function openServers(make: MakeServer, address: ListenAddress): Promise<Server[]> {
  const { port, host, lan, flag = '--port' } = address;
  const at = (one: string, on = port): Place => ({ host: one, port: on, flag });
  if (lan === true) {
    // `::` takes both families where there is IPv6 at all.
    const both = await openServer(make, at('::'));
    return [both ?? (await openRequired(make, at('0.0.0.0')))];
  }
  if (!isLocal(address)) return [await openRequired(make, at(host ?? '127.0.0.1'))];
  for (let attempt = 1; ; attempt += 1) {
    const four = await openServer(make, at('127.0.0.1'));
    if (four === undefined) return [await openRequired(make, at('::1'))];
    try {
      const six = await openServer(make, at('::1', portOf(four)));
      return six === undefined ? [four] : [four, six];
    } catch (error) {
      await new Promise((resolve) => four.close(resolve));
      if (port !== 0 || attempt === PORT_TRIES) throw error;
    }
  }
}

/** Listens on sockets that another process has opened and shares. */
export function takeOver(make: MakeServer, sockets: readonly NetServer[]): Promise<Server[]> {
  return Promise.all(
    sockets.map(async (socket) => {
      const server = make().listen(socket);
      await once(server, 'listening');
      return server;
    }),
  );
}

/** The port a server listens on; 0 when it does not. */
export function portOf(server: Server | undefined): number {
  const address = server?.address();
  // Strings are for pipes, nothing is for servers that do not listen.
  return typeof address === 'object' && address !== null ? address.port : 0;
}

type Place = { readonly host: string; readonly port: number; readonly flag: string };

async function openRequired(make: MakeServer, place: Place): Promise<Server> {
  const server = await openServer(make, place);
  if (server !== undefined) return server;
  throw new DrayerError('USAGE', `${place.host} is not an address of this machine`, {
    hint: 'leave --host out for this machine only, or give --lan for all its addresses',
  });
}

/** Returns undefined where the system does not have the address or its family. */
async function openServer(make: MakeServer, place: Place): Promise<Server | undefined> {
  const { host, port } = place;
  const server = make();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return server;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (NO_FAMILY.has(code)) return undefined;
    throw await listenError(error, code, place);
  }
}

async function listenError(
  cause: unknown,
  code: string,
  { host, port, flag }: Place,
): Promise<DrayerError> {
  if (code === 'EADDRINUSE') {
    const holder = await findPortHolder(port);
    const by = holder === undefined ? '' : ` by process ${holder.pid} (${holder.command})`;
    const other = port < 65_535 ? port + 1 : 33_126;
    return new DrayerError('ADDRESS_IN_USE', `port ${port} is taken${by}`, {
      hint: `choose another one, such as ${flag} ${other}`,
      cause,
    });
  }
  if (code === 'EACCES') {
    const hint = `ports below 1024 belong to the system: choose a higher one with ${flag}`;
    return new DrayerError('USAGE', `port ${port} may not be used`, { hint, cause });
  }
  return new DrayerError('USAGE', `cannot listen on ${host} port ${port}: ${code}`, { cause });
}
