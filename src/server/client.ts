/**
 * Who asks: the other end of the connection, or whom a proxy names that the operator trusts. What any
 * other client says in `X-Forwarded-For` or `X-Forwarded-Proto` counts for nothing, and
 * `X-Forwarded-Host` never does: a site is chosen by the Host that came.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { TLSSocket } from 'node:tls';
import { DrayerError } from '../core/errors.ts';

/** The addresses of proxies that are believed. */
export type TrustedProxies = {
  /** Whether this is the address of one. */
  has(address: string): boolean;
};

/** Who asks, and over what. */
export type Client = {
  /** Undefined once the connection is gone. */
  readonly address: string | undefined;
  /** The client's own connection is encrypted. */
  readonly isSecure: boolean;
  /** A trusted proxy is in between. */
  readonly isForwarded: boolean;
};

/**
 * Reads the addresses of proxies.
 *
 * @param texts - addresses and networks, such as `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`
 * @throws {DrayerError} USAGE naming the one that is neither
 */
export function parseProxies(texts: readonly string[]): TrustedProxies {
  const list = new BlockList();
  for (const text of texts) addNetwork(list, text);
  return {
    has: (address) => {
      const plain = plainAddress(address);
      const version = isIP(plain);
      return version !== 0 && list.check(plain, version === 4 ? 'ipv4' : 'ipv6');
    },
  };
}

/** Tells who asks. The last address that no trusted proxy has is the client's: those before it anyone may have written. */
export function clientOf(request: IncomingMessage, proxies: TrustedProxies | undefined): Client {
  const { socket, headers } = request;
  const address = socket.remoteAddress;
  const isSecure = socket instanceof TLSSocket;
  const forwarded = headers['x-forwarded-for'];
  const isProxy = address !== undefined && proxies?.has(address) === true;
  if (!isProxy || forwarded === undefined) return { address, isSecure, isForwarded: false };
  const scheme = lastOf(String(headers['x-forwarded-proto'] ?? ''));
  return {
    address: lastUntrusted(String(forwarded).split(','), proxies) ?? address,
    isSecure: scheme === '' ? isSecure : scheme.toLowerCase() === 'https',
    isForwarded: true,
  };
}

function lastUntrusted(hops: readonly string[], proxies: TrustedProxies): string | undefined {
  let last: string | undefined;
  for (const hop of [...hops].reverse()) {
    const address = plainAddress(hop.trim());
    if (isIP(address) === 0) return last;
    last = address;
    if (!proxies.has(address)) return last;
  }
  return last;
}

/** Without port, brackets and the IPv6 form of an IPv4 address. */
function plainAddress(text: string): string {
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? text;
  const four = bare.replace(/^::ffff:(?=\d+\.)/i, '');
  return /^[\d.]+:\d+$/.test(four) ? four.replace(/:\d+$/, '') : four;
}

function lastOf(list: string): string {
  return list.slice(list.lastIndexOf(',') + 1).trim();
}

function addNetwork(list: BlockList, text: string): void {
  const [address = '', length, ...more] = text.trim().split('/');
  const type = isIPv4(address) ? 'ipv4' : 'ipv6';
  const most = type === 'ipv4' ? 32 : 128;
  const bits = length === undefined ? most : Number(length);
  const isGood = /^\d{1,3}$/.test(length ?? '0') && bits <= most && more.length === 0;
  if (isIP(address) === 0 || !isGood) {
    throw new DrayerError(
      'USAGE',
      `expected the address of a proxy, such as 127.0.0.1 or 10.0.0.0/8, got ${JSON.stringify(text)}`,
    );
  }
  list.addSubnet(address, bits, type);
}
