/** The server: whether its port is free, or ours, and whether other machines get through to it. */
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Settings } from '../config/settings.ts';
import { isDrayerError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { listNetworks, urlOf } from '../discovery/networks.ts';
import { HttpClient } from '../mirror/http-client.ts';
import { STREAMS_PATH } from '../wire/paths.ts';
import { findDaemon } from './control-client.ts';
import type { Finding } from './doctor.ts';

const CHECK = 'server';
const CONNECT_MS = 2_000;
const LIST_BYTES = 1024 * 1024;
const MOST_ADDRESSES = 4;

type Examined = {
  readonly settings: Settings;
  /** Of this program. */
  readonly version: string;
  readonly signal?: AbortSignal | undefined;
};

/** Checks the port: with a daemon that runs, as it serves; else as it would be served. */
export async function* checkServer(examined: Examined): AsyncGenerator<Finding> {
  const { settings, version, signal } = examined;
  const daemon = await daemonOf(settings.dataDir);
  if ('check' in daemon) yield daemon;
  else if (daemon.port !== undefined) {
    yield runningDaemon(daemon, version);
    yield* checkReach(daemon.port, settings);
    return;
  }
  const { port, host, lan } = settings;
  if (port === 0) {
    yield { check: CHECK, verdict: 'ok', message: 'any free port is used' };
    return;
  }
  const listening = await listenAt(port, host ?? (lan ? undefined : '127.0.0.1'));
  if (typeof listening === 'string') {
    yield await portProblem(port, host, listening, signal);
    if (listening === 'EADDRINUSE') yield* checkReach(port, settings);
    return;
  }
  try {
    const message = `TCP port ${port} is free; no daemon runs`;
    yield { check: CHECK, verdict: 'ok', message };
    if (lan || host !== undefined) yield* checkReach(port, settings, 'a server here would answer');
  } finally {
    listening.close();
  }
}

type Running = { readonly pid?: number; readonly port?: number; readonly version?: string };

async function daemonOf(dataDir: string): Promise<Running | Finding> {
  try {
    const link = await findDaemon(dataDir);
    link?.close();
    return link ?? {};
  } catch (error) {
    if (!isDrayerError(error)) throw error;
    return { check: CHECK, verdict: 'wrong', message: error.message, remedy: error.hint };
  }
}

function runningDaemon({ pid, port, version }: Running, own: string): Finding {
  const message = `a daemon runs (process ${pid}) and serves on port ${port}`;
  if (version === own) return { check: CHECK, verdict: 'ok', message };
  return {
    check: CHECK,
    verdict: 'warning',
    message: `${message}; it is drayer ${version}, and this is ${own}`,
    remedy: `start it anew: kill ${pid}, then drayer serve`,
  };
}

/** A server, or what keeps it from listening. */
async function listenAt(port: number, host: string | undefined): Promise<Server | string> {
  const server = createServer((socket) => socket.destroy());
  try {
    const listening = once(server, 'listening');
    server.listen({ port, ...(host === undefined ? {} : { host }) });
    await listening;
    return server;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code);
    throw error;
  }
}

async function portProblem(
  port: number,
  host: string | undefined,
  code: string,
  signal: AbortSignal | undefined,
): Promise<Finding> {
  const wrong = (message: string, remedy: string): Finding => {
    return { check: CHECK, verdict: 'wrong', message, remedy };
  };
  switch (code) {
    case 'EADDRINUSE':
      if (await isDrayer(urlOf(host ?? '127.0.0.1', port), signal)) {
        const message = `a drayer that is not the daemon of this data folder serves on port ${port}`;
        return { check: CHECK, verdict: 'ok', message };
      }
      return wrong(
        `TCP port ${port} is taken by another program`,
        `end it (ss -ltnp | grep ${port} shows which it is), or use another: --port`,
      );
    case 'EACCES':
      return wrong(`TCP port ${port} is for root only`, 'use one from 1024 on: --port');
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return wrong(`${host} is no address of this machine`, 'give another --host, or --lan');
    default:
      return wrong(`nothing can listen on TCP port ${port}: ${code}`, 'use another: --port');
  }
}

async function isDrayer(url: string, signal: AbortSignal | undefined): Promise<boolean> {
  const http = new HttpClient({ signal });
  try {
    const answer = await http.get(`${url}${STREAMS_PATH}`);
    const parts: Uint8Array[] = [];
    for await (const part of answer.body(LIST_BYTES)) parts.push(part);
    return Array.isArray(parseJsonObject(Buffer.concat(parts).toString())?.['streams']);
  } catch (error) {
    if (isDrayerError(error)) return false;
    throw error;
  } finally {
    http.close();
  }
}

/** Whether it answers at the addresses that this machine has for others. */
async function* checkReach(
  port: number,
  { lan, host }: Settings,
  answers = 'the server answers',
): AsyncGenerator<Finding> {
  const networks = listNetworks(networkInterfaces());
  const addresses = networks.map(({ address }) => address).slice(0, MOST_ADDRESSES);
  if (addresses.length === 0) return;
  const open = await Promise.all(addresses.map((address) => doesAnswer(address, port)));
  const good = addresses.filter((_, at) => open[at]);
  const check = 'reach';
  if (good.length > 0) {
    const urls = good.map((address) => `${urlOf(address, port)}/`).join(' and ');
    const message = `${answers} at ${urls}; whether firewalls let others through is seen from there only`;
    yield { check, verdict: 'ok', message };
    return;
  }
  if (!lan && host === undefined) {
    const message = 'only this machine can reach the server';
    yield { check, verdict: 'ok', message };
    return;
  }
  const urls = addresses.map((address) => urlOf(address, port)).join(' or ');
  yield {
    check,
    verdict: 'wrong',
    message: `nobody can reach the server: it does not answer at ${urls}`,
    remedy: `start it with --lan, and let TCP port ${port} through the firewall of this machine`,
  };
}

async function doesAnswer(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: CONNECT_MS });
  try {
    // Rejects with what `error` says.
    await Promise.race([
      once(socket, 'connect'),
      once(socket, 'timeout').then(() => Promise.reject(new Error('timeout'))),
    ]);
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
