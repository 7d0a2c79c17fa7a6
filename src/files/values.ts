/** The other well-known values (R26): objects, posts, the list of primary servers. */
import { DrayerError } from '../core/errors.ts';
import { decodeUtf8, encodeUtf8 } from '../core/utf8.ts';
import { decodeMsgpack, encodeMsgpack } from './msgpack-object.ts';

/** A server the stream itself names. */
export type PrimaryServer = {
  /** How to talk to it; `http` is the only one defined. */
  readonly type: 'http';
  /** Where the streams are mounted: `http://example.com:33125/`. */
  readonly url: string;
  /** Host and port for DrayerUDP, if it answers there. */
  readonly udp?: readonly [host: string, port: number] | undefined;
};

/**
 * Encodes an object for a record of type `obj`: what JSON can say, `Uint8Array`, bigint up to 64 bits.
 *
 * @throws {DrayerError} USAGE when it contains something else
 */
export function encodeObject(object: unknown): Uint8Array {
  return encodeMsgpack(object);
}

/**
 * Decodes the value of a record of type `obj`. Byte strings come as `Uint8Array`, integers beyond
 * 2^53−1 as bigint.
 *
 * @throws {DrayerError} MALFORMED when it is not one msgpack object
 */
export function decodeObject(value: Uint8Array): unknown {
  return decodeMsgpack(value);
}

/**
 * Encodes the text of a post: UTF-8.
 *
 * @throws {DrayerError} USAGE when it is not valid Unicode
 */
export function encodePost(text: string): Uint8Array {
  if (!text.isWellFormed()) throw new DrayerError('USAGE', 'expected a text of valid Unicode');
  return encodeUtf8(text);
}

/**
 * Decodes the text of a post.
 *
 * @throws {DrayerError} MALFORMED when it is not UTF-8
 */
export function decodePost(value: Uint8Array): string {
  return decodeUtf8(value);
}

/** Encodes the list of primary servers (R26). */
export function encodePrimaryServers(servers: readonly PrimaryServer[]): Uint8Array {
  return encodeObject(
    servers.map(({ type, url, udp }) => (udp === undefined ? { type, url } : { type, url, udp })),
  );
}

/**
 * Decodes the list of primary servers. Entries that are not understood are left out: a newer program
 * may name servers of kinds this one does not know.
 *
 * @throws {DrayerError} MALFORMED when it is not a list
 */
export function decodePrimaryServers(value: Uint8Array): PrimaryServer[] {
  const list = decodeObject(value);
  if (!Array.isArray(list)) throw new DrayerError('MALFORMED', 'expected a list of servers');
  return list.flatMap((entry: unknown) => {
    const server = primaryServerOf(entry);
    return server === undefined ? [] : [server];
  });
}

function primaryServerOf(entry: unknown): PrimaryServer | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { type, url, udp } = entry as { type?: unknown; url?: unknown; udp?: unknown };
  if (type !== 'http' || typeof url !== 'string') return undefined;
  if (!Array.isArray(udp)) return { type, url };
  const [host, port] = udp as unknown[];
  const isAddress = typeof host === 'string' && Number.isInteger(port);
  return isAddress ? { type, url, udp: [host, Number(port)] } : { type, url };
}
