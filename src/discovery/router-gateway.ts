/**
 * Which router this machine goes out through. Asked of the system and of nobody on the network, so that
 * nobody else can pass for it.
 */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';

/** The way out: both ends of it, IPv4. */
export type Way = {
  /** Address of the router on this network. */
  readonly gateway: string;
  /** Address of this machine, as the router sees it. */
  readonly local: string;
};

/** Finds the way out; undefined where there is none. */
export async function findWay(): Promise<Way | undefined> {
  const gateway =
    process.platform === 'linux'
      ? readLinuxRoutes(await linuxRoutes())
      : readNetstat(await netstat());
  if (gateway === undefined) return undefined;
  const local = await localAddress(gateway);
  return local === undefined ? undefined : { gateway, local };
}

/** Reads `/proc/net/route`: the gateway of the default route with the lowest metric. */
export function readLinuxRoutes(text: string): string | undefined {
  const routes = text.split('\n').flatMap((line) => {
    const [, to = '', gateway = '', flags = '', , , metric, mask] = line.split('\t');
    // RTF_UP and RTF_GATEWAY: a default route without a router has nobody to ask.
    if (to !== ALL || mask !== ALL || (Number.parseInt(flags, 16) & 3) !== 3) return [];
    return /^[0-9A-F]{8}$/i.test(gateway) ? [{ gateway, metric: Number(metric) }] : [];
  });
  const [first] = routes.sort((a, b) => a.metric - b.metric);
  if (first === undefined) return undefined;
  // In the order of this machine's own bytes, which is that of x86 and ARM.
  return [6, 4, 2, 0].map((at) => Number.parseInt(first.gateway.slice(at, at + 2), 16)).join('.');
}

/** Reads what `netstat -rn` prints on macOS, the BSDs and Windows: the first default route of IPv4. */
export function readNetstat(text: string): string | undefined {
  for (const line of text.split('\n')) {
    const [to, second, third] = line.trim().split(/\s+/);
    if (to === 'default' && second !== undefined && isIPv4(second)) return second;
    if (to === '0.0.0.0' && second === '0.0.0.0' && isIPv4(third ?? '')) return third;
  }
  return undefined;
}

const ALL = '00000000';
const NETSTAT_MS = 5_000;

async function linuxRoutes(): Promise<string> {
  try {
    return await readFile('/proc/net/route', 'latin1');
  } catch {
    // Kept from this process, as some sandboxes do: then there is no router that is known.
    return '';
  }
}

async function netstat(): Promise<string> {
  return await new Promise((resolve) => {
    // What it prints is enough; without it there is no router that is known.
    execFile('netstat', ['-rn'], { timeout: NETSTAT_MS }, (_, printed) => resolve(printed));
  });
}

/** Asks the system which address it would use; nothing is sent. */
async function localAddress(gateway: string): Promise<string | undefined> {
  const socket = createSocket('udp4');
  try {
    socket.connect(9, gateway);
    await once(socket, 'connect');
    return socket.address().address;
  } catch {
    // A network that is just going away.
    return undefined;
  } finally {
    socket.close();
  }
}
