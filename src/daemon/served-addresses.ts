/** Which of a server's addresses belong to one of its streams alone. */
import { bytesEqual } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import type { HostedStream } from '../server/stream-set.ts';
import type { ServedStream } from './daemon.ts';
import type { OpenedServer } from './open-server.ts';
import type { LocalHosts } from './worker-plan.ts';

/** A server whose sites also have addresses by name. */
export function withNames(server: OpenedServer, names: LocalHosts): OpenedServer {
  const { port } = server;
  const at = (host: string): string => `http://${host}${port === 80 ? '' : `:${port}`}/`;
  return {
    ...server,
    addressesOf: (publicKey) => [
      ...server.addressesOf(publicKey),
      ...[...names].filter(([, key]) => bytesEqual(key, publicKey)).map(([host]) => at(host)),
    ],
  };
}

/** Tells of a stream with the addresses that are its own. */
export function served({ id, publicKey, name }: HostedStream, server: OpenedServer): ServedStream {
  const { addresses } = server;
  const own = ownAddresses(publicKey, addresses);
  const known = own.length > 0 ? own : laterAddresses(publicKey, addresses);
  return { id, name, addresses: [...known, ...server.addressesOf(publicKey)] };
}

function ownAddresses(publicKey: Uint8Array, addresses: readonly string[]): string[] {
  const spellings = [formatStreamId(publicKey, 'base32'), formatStreamId(publicKey, 'base64url')];
  return addresses.filter((address) => spellings.some((text) => address.includes(text)));
}

/** For a stream that came after the server: made of the addresses of the server itself. */
function laterAddresses(publicKey: Uint8Array, addresses: readonly string[]): string[] {
  const label = formatStreamId(publicKey, 'base32');
  const fronts = addresses.filter((address) => !ID_IN_ADDRESS.test(address));
  return fronts.flatMap((front) => {
    const path = `${front}${formatStreamId(publicKey, 'base64url')}/webAccess/`;
    const { hostname, port } = new URL(front);
    return hostname === 'localhost' ? [`http://${label}.localhost:${port}/`] : [path];
  });
}

const ID_IN_ADDRESS = /[a-z2-7]{52}\.|\/[\w-]{43}\//;
