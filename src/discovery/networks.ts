/** The networks this machine is on, as far as others can be found there, and who is on them. Pure. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';

/** One address of one interface. */
export type Network = {
  /** Of the interface, such as `eth0`. */
  readonly name: string;
  readonly family: 'ipv4' | 'ipv6';
  /** Of this machine there. */
  readonly address: string;
  /** Bits that all addresses of the network have in common. */
  readonly prefix: number;
  /** What says in an IPv6 address which interface is meant. */
  readonly zone: string;
};

/** What `networkInterfaces` of node:os returns. */
export type Interfaces = { readonly [name: string]: readonly NetworkInterfaceInfo[] | undefined };

/**
 * Lists the networks of a machine. A link-local IPv6 address is none: it means something only together
 * with an interface of whoever uses it, so that no URL can be made of it.
 */
export function listNetworks(interfaces: Interfaces): Network[] {
  return Object.entries(interfaces).flatMap(([name, addresses = []]) => {
    const zone = zoneOf(name, addresses);
    return addresses.flatMap((info): Network[] => {
      const prefix = Number(info.cidr?.split('/')[1] ?? Number.NaN);
      const family = info.family === 'IPv4' ? 'ipv4' : 'ipv6';
      if (info.internal || !Number.isInteger(prefix)) return [];
      if (family === 'ipv6' && LINK_LOCAL.check(info.address, 'ipv6')) return [];
      return [{ name, family, address: info.address, prefix, zone }];
    });
  });
}

/** What tells two networks apart. */
export function keyOf({ name, address, prefix }: Network): string {
  return `${name} ${address}/${prefix}`;
}

/** Finds the network that an address is on: one that is reached without a router. */
export function networkOf(address: string, networks: readonly Network[]): Network | undefined {
  if (!isIPv4(address) && !isIPv6(address)) return undefined;
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  // Where clouds keep their machines' secrets; no peer has it.
  if (address === '169.254.169.254') return undefined;
  return networks.find((network) => {
    if (network.family !== family) return false;
    return subnetOf(network).check(address, family);
  });
}

/** Made once for each: every datagram is looked at by it. */
const subnets = new WeakMap<Network, BlockList>();

function subnetOf(network: Network): BlockList {
  const known = subnets.get(network);
  if (known !== undefined) return known;
  const subnet = new BlockList();
  subnet.addSubnet(network.address, network.prefix, network.family);
  subnets.set(network, subnet);
  return subnet;
}

/** The URL of a server there. */
export function urlOf(address: string, port: number): string {
  const host = isIPv6(address) ? `[${address}]` : address;
  return `http://${host}${port === 80 ? '' : `:${port}`}`;
}

const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');

/** Windows numbers its interfaces; only link-local addresses say how. */
function zoneOf(name: string, addresses: readonly NetworkInterfaceInfo[]): string {
  if (process.platform !== 'win32') return name;
  const numbered = addresses.find((info) => info.family === 'IPv6' && info.scopeid > 0);
  return numbered?.family === 'IPv6' ? String(numbered.scopeid) : name;
}
