/** Addresses as the DHT has them: IPv4 and a port, in six bytes that anybody may have made up. */
import { BlockList, isIPv4 } from 'node:net';

/** Not of the public network, or no one machine: nothing that a stranger names there is ever dialled. */
const NOT_GLOBAL = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const;

const blocked = new BlockList();
for (const [network, prefix] of NOT_GLOBAL) blocked.addSubnet(network, prefix, 'ipv4');

/** Tells whether an address may be sent something. */
export type MayReach = (host: string) => boolean;

/** IPv4 of the public network, one machine. */
export function isGlobalUnicast(host: string): boolean {
  return isIPv4(host) && !blocked.check(host, 'ipv4');
}

/** For networks made for a test: also this machine, and private ones. */
export function isAnyUnicast(host: string): boolean {
  return isIPv4(host) && !/^(0|22[4-9]|2[3-5]\d)\./.test(host);
}

/** Reads six bytes: four of the address, two of the port. */
export function readContact(bytes: Uint8Array): { readonly host: string; readonly port: number } {
  const [a, b, c, d, high = 0, low = 0] = bytes;
  return { host: `${a}.${b}.${c}.${d}`, port: high * 256 + low };
}

/** Reads `HOST:PORT`; undefined unless the host has some name and the port is one from 1 to 65535. */
export function parseContact(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const [, host, digits] = /^([a-z0-9.-]{1,253}):(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  return host === undefined || !(port > 0 && port <= 65_535) ? undefined : { host, port };
}
