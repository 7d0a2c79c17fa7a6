/** The other well-known values (R26): objects, posts, the list of primary servers. */
import { Packr } from 'msgpackr';
import { DrayerError } from '../core/errors.ts';
import { decodeUtf8, encodeUtf8 } from '../core/utf8.ts';
import { checkMsgpack } from './check-msgpack.ts';

/** A server the stream itself names. */
export type PrimaryServer = {
  /** How to talk to it; `http` is the only one defined. */
  readonly type: 'http';
  /** Where the streams are mounted: `http://example.com:33125/`. */
  readonly url: string;
  /** Host and port for DrayerUDP, if it answers there. */
  readonly udp?: readonly [host: string, port: number] | undefined;
};

// Plain maps, no record extensions: any msgpack reader must be able to read it.
const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  // 64-bit integers as number where they fit, which its types do not know.
  int64AsType: 'auto' as 'number',
});

/**
 * Encodes an object for a record of type `obj`: modern msgpack.
 *
 * @param object - anything JSON can say, `Uint8Array` and bigint up to 64 bits
 * @throws {DrayerError} USAGE when it contains something else
 */
export function encodeObject(object: unknown): Uint8Array {
  try {
    return Uint8Array.from(packr.pack(plainOf(object, 0)));
  } catch (cause) {
    if (cause instanceof DrayerError) throw cause;
    throw new DrayerError('USAGE', 'expected an object msgpack can express', { cause });
  }
}

/**
 * Decodes the value of a record of type `obj`. Byte strings come as `Uint8Array`, integers above
 * 2^53−1 as bigint.
 *
 * @throws {DrayerError} MALFORMED when it is not one msgpack object
 */
export function decodeObject(value: Uint8Array): unknown {
  checkMsgpack(value);
  try {
    return packr.unpack(value);
  } catch (cause) {
    throw new DrayerError('MALFORMED', 'expected a msgpack object', { cause });
  }
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

const MAX_DEPTH = 100;

// Only what comes back as it went in: msgpackr would write a Date, a Set or a function as something else.
// It also writes integers beyond 32 bits as float64, which the original refuses; as bigint they stay integers.
function plainOf(value: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new DrayerError('USAGE', `expected at most ${MAX_DEPTH} levels`);
  if (typeof value === 'number') {
    const isWide = Number.isSafeInteger(value) && (value > 0xffffffff || value < -0x80000000);
    return isWide ? BigInt(value) : value;
  }
  if (value === null || PLAIN_TYPES.has(typeof value) || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map((item) => plainOf(item, depth + 1));
  if (typeof value !== 'object' || !isPlainObject(value)) {
    throw new DrayerError('USAGE', `expected what msgpack can express, got ${describe(value)}`);
  }
  // A property that is undefined is left out, as JSON does.
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([name, item]) => [name, plainOf(item, depth + 1)]));
}

const PLAIN_TYPES = new Set(['string', 'boolean', 'bigint']);

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function describe(value: unknown): string {
  return typeof value === 'object' ? 'an object of a class' : typeof value;
}
