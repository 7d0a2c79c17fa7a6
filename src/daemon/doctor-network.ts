/** The networks of this machine: whether others can be found there, and the DHT. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import type { Settings } from '../config/settings.ts';
import { GROUP_4, LAN_PORT } from '../discovery/lan-sockets.ts';
import { loopMulticast } from '../discovery/multicast-loop.ts';
import { listNetworks, type Network } from '../discovery/networks.ts';
import type { Finding } from './doctor.ts';
import { findInDht } from './find-in-dht.ts';

const DHT_MS = 30_000;
const FIREWALL = 'let UDP port 15723 and multicast through the firewall of this machine';

/** Checks each network, whether multicast works there, and IPv6. */
export async function* checkNetworks(): AsyncGenerator<Finding> {
  const networks = listNetworks(networkInterfaces());
  if (networks.length === 0) {
    const message = 'this machine is on no network: nobody else can be found or can reach it';
    yield { check: 'networks', verdict: 'warning', message, remedy: 'plug it in, or join a Wi-Fi' };
    return;
  }
  const problems = await Promise.all(networks.map(loopMulticast));
  // A tunnel has no multicast; it matters where there is nothing else.
  const worst = problems.every((problem) => problem !== undefined) ? 'wrong' : 'warning';
  for (const [at, network] of networks.entries()) {
    yield multicastOn(network, problems[at], worst);
  }
  const six = networks.filter(({ family }) => family === 'ipv6').length;
  const message =
    six === 0
      ? 'no IPv6 address but link-local ones; IPv4 is used'
      : `IPv6: ${six} ${six === 1 ? 'address' : 'addresses'} that others can use`;
  yield { check: 'ipv6', verdict: 'ok', message };
}

function multicastOn(
  { name, address, prefix }: Network,
  problem: string | undefined,
  worst: 'wrong' | 'warning',
): Finding {
  const where = `${name}, ${address}/${prefix}`;
  if (problem === undefined) {
    return { check: 'multicast', verdict: 'ok', message: `${where}: multicast works` };
  }
  const message = `${where}: multicast does not work (${problem}); others are not found there`;
  const remedy = `${FIREWALL}; or give addresses: drayer mirror http://HOST:33125`;
  return { check: 'multicast', verdict: worst, message, remedy };
}

/** Checks that local discovery can listen. */
export async function checkLanPort(port: number = LAN_PORT): Promise<Finding> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  const check = 'lan-port';
  try {
    const bound = once(socket, 'listening');
    // Windows cannot bind to a group.
    socket.bind({ port, ...(process.platform === 'win32' ? {} : { address: GROUP_4 }) });
    await bound;
    return { check, verdict: 'ok', message: `UDP port ${port}, of local discovery, can be used` };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const why =
      error.code === 'EADDRINUSE' ? 'another program has it for itself' : String(error.message);
    return {
      check,
      verdict: 'wrong',
      message: `UDP port ${port}, of local discovery, cannot be used: ${why}`,
      remedy: `end the program that has it: ss -ulnp | grep ${port}`,
    };
  } finally {
    socket.close();
  }
}

/** Asks the DHT for a key that nobody has: whether anybody answers. */
export async function checkDht(
  { dht, dataDir }: Settings,
  {
    signal,
    timeoutMs = DHT_MS,
  }: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number } = {},
): Promise<Finding> {
  const config = dht === false ? {} : dht;
  // Not from the port of the config, which a daemon may have.
  const options = { ...config, port: undefined, dataDir, timeoutMs, signal };
  const { replies, reason } = await findInDht(randomBytes(32), options);
  const check = 'dht';
  if (replies > 0) return { check, verdict: 'ok', message: `the DHT answers: ${replies} nodes` };
  const why = reason === undefined ? '' : `: ${reason}`;
  return {
    check,
    verdict: 'wrong',
    message: `nobody in the DHT answers${why}`,
    remedy: 'let UDP out through the firewall, and answers in; or give other nodes: dht.bootstrap',
  };
}
