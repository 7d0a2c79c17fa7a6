/** What to give somebody so that they find a stream: its link, and an address for who has only a browser. */
import { isIPv4 } from 'node:net';
import { isDrayerError } from '../core/errors.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { formatStreamLink, MOST_FROM, MOST_NAME } from '../files/stream-link.ts';
import { readPrimaryServers } from '../store/typed-reads.ts';
import { streamPath } from '../wire/paths.ts';
import { withReader } from './stream-facts.ts';

/** Longest address of a server that is passed on: all of them have to fit in one link. */
const MOST_SERVER = 200;

/** What is known of a stream. */
export type Shared = {
  readonly publicKey: Uint8Array;
  readonly name?: string | undefined;
  /** Primary servers that it names. */
  readonly servers?: readonly string[] | undefined;
  /** Where it is being served now. */
  readonly addresses?: readonly string[] | undefined;
};

/** The primary servers that the stream of a file names; none where what it says cannot be read. */
export function serversIn(path: string): string[] {
  try {
    return withReader(path, readPrimaryServers).map(({ url }) => url);
  } catch (error) {
    if (isDrayerError(error)) return [];
    throw error;
  }
}

/** Returns the address under which other machines of the network open a site; its path has the key. */
export function lanAddressIn(
  publicKey: Uint8Array,
  addresses: readonly string[],
): string | undefined {
  const key = formatStreamId(publicKey, 'base64url');
  return addresses.find((address) => {
    const { hostname, pathname } = new URL(address);
    return isIPv4(hostname) && !hostname.startsWith('127.') && pathname.includes(key);
  });
}

/** Returns the `drayer://` link of a stream, with the servers that are known to have it. */
export function shareLinkOf({ publicKey, name, servers = [], addresses = [] }: Shared): string {
  const near = lanAddressIn(publicKey, addresses);
  const key = streamPath(publicKey);
  const from = [...servers, ...(near === undefined ? [] : [near.slice(0, near.indexOf(key) + 1)])];
  // What a stream names was written by whoever has its key: what fits no link is left out of it.
  const good = from.filter(isServer);
  return formatStreamLink({
    publicKey,
    name: name !== undefined && isPlain(name) ? name : undefined,
    from: good.slice(0, MOST_FROM),
  });
}

/** Returns an address that a browser opens, with the key in it; where there is none, the link. */
export function shareAddressOf(shared: Shared): string {
  const { publicKey, servers = [], addresses = [] } = shared;
  const near = lanAddressIn(publicKey, addresses);
  if (near !== undefined) return near;
  const [server] = servers.filter(isServer);
  if (server === undefined) return shareLinkOf(shared);
  return `${streamPath(publicKey, server.replace(/\/+$/, ''))}/webAccess/`;
}

function isServer(url: string): boolean {
  return URL.canParse(url) && /^https?:\/\/[^\s?#@\\]+$/i.test(url) && url.length <= MOST_SERVER;
}

function isPlain(name: string): boolean {
  return name.length <= MOST_NAME && /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(name);
}
