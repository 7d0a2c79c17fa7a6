/**
 * Which addresses are dialled that nobody here has typed: a stream may name its servers (R26), and
 * whoever signs it could otherwise send every mirror to a router, a victim, or a service of this machine.
 */
import { BlockList, isIP } from 'node:net';
import { isPeerPort } from '../wire/peer-port.ts';
import type { PeerUrl } from './peer-url.ts';

/** Not global: this machine, private networks, link-local, multicast, documentation, and what maps to IPv4. */
const NETWORKS = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '::/96',
  '64:ff9b::/96',
  '2001:db8::/32',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
] as const;

let blocked: BlockList | undefined;

/** Tells whether an IP address is one of the public network. */
export function isGlobalAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  blocked ??= blockList();
  return !blocked.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/**
 * Tells whether a server that a stream names may be asked: at a machine somebody here has given as a
 * source, or else on the public network, in both cases at a port where a peer may be. Which
 * address a name has is for {@link isGlobalAddress} to say once it is looked up.
 */
export function mayDial(named: PeerUrl, given: readonly PeerUrl[]): boolean {
  const { hostname, protocol, port } = new URL(named.origin);
  const number = Number(port || (protocol === 'https:' ? 443 : 80));
  if (!isPeerPort(number)) return false;
  if (isKnownHost(named, given)) return true;
  const address = hostname.replace(/^\[|\]$/g, '');
  if (isIP(address) !== 0) return isGlobalAddress(address);
  return hostname.includes('.') && !/(^|\.)(localhost|local|internal)$/i.test(hostname);
}

/** Whether somebody here has given an address of the same host. */
export function isKnownHost(named: PeerUrl, given: readonly PeerUrl[]): boolean {
  const { hostname } = new URL(named.origin);
  return given.some(({ origin }) => new URL(origin).hostname === hostname);
}

/** Whether an address is one of this machine alone. */
export function isThisMachine({ origin }: PeerUrl): boolean {
  const { hostname } = new URL(origin);
  return /^(127\.[\d.]+|\[::1\]|(.+\.)?localhost)$/i.test(hostname);
}

function blockList(): BlockList {
  const list = new BlockList();
  for (const network of NETWORKS) {
    const [address = '', bits = ''] = network.split('/');
    list.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4');
  }
  // An IPv4 address in the clothes of an IPv6 one is checked as what it is by the list itself.
  return list;
}
