/**
 * The paths of PROTOCOL.md §6, read; paths.ts builds them. A path is taken as it came over the
 * wire: split first, then every segment decoded once, so that what is looked up is what was asked.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { isCanonicalSpelling, parseStreamId } from '../core/stream-id.ts';
import { LIMITS } from './limits.ts';
import { type PlainOperation, STREAMS_PATH, WELL_KNOWN_PATH } from './paths.ts';

/** What is asked of a stream. */
export type StreamRequest =
  | {
      readonly operation: 'newRecords';
      /** 0 also where a negative number was asked. */
      readonly since: number;
      readonly limit: number | undefined;
      readonly inline: number | undefined;
      readonly head: number | undefined;
    }
  | { readonly operation: 'value'; readonly hash: Uint8Array }
  | {
      readonly operation: 'record';
      readonly type: string;
      readonly key: string;
      readonly inline: number | undefined;
      readonly proof: boolean;
    }
  | { readonly operation: 'crdr'; readonly old: number; readonly inline: number | undefined }
  | {
      readonly operation: 'newestRecordsJSON' | 'listRecordsJSON';
      readonly type: string;
      readonly after: number | undefined;
      readonly before: number | undefined;
    }
  /** `key` undefined: no key is spelt so; what is made of that is for the server of the site. */
  | { readonly operation: 'webAccess'; readonly key: string | undefined }
  | { readonly operation: 'rawwebacess'; readonly type: string; readonly key: string }
  | { readonly operation: PlainOperation }
  /** The key alone. */
  | { readonly operation: 'index' };

/** A path that is ours. */
export type ParsedPath =
  | { readonly kind: 'streams' }
  | {
      readonly kind: 'stream';
      readonly publicKey: Uint8Array;
      /** Whether the key is spelt as links spell it; always so on a site's own origin. */
      readonly canonical: boolean;
      /** What follows the key, still encoded, with its slash. */
      readonly rest: string;
      readonly request: StreamRequest;
    };

/** Where the paths stand. */
export type PathPlace = {
  /** The part of the URL before ours, such as `/mirror`. */
  readonly mount?: string | undefined;
  /** The site whose own origin this is: only {@link WELL_KNOWN_PATH} is ours there. */
  readonly site?: Uint8Array | undefined;
};

/**
 * Reads a request's path.
 *
 * @param path - still percent-encoded, without the query
 * @param search - the query, with or without its `?`; unknown parameters are ignored
 * @returns undefined when the path is none of ours
 * @throws {DrayerError} STREAM_ID_INVALID when an operation follows something that is no key
 * @throws {DrayerError} USAGE when a number, a hash or a parameter is not what it must be
 * @throws {DrayerError} PATH_INVALID when the percent-encoding is not of UTF-8
 */
export function parsePath(
  path: string,
  search = '',
  place: PathPlace = {},
): ParsedPath | undefined {
  if (place.site !== undefined) return parseOwnOrigin(path, search, place.site);
  const mount = place.mount ?? '';
  if (!path.startsWith(`${mount}/`)) return undefined;
  const inner = path.slice(mount.length);
  if (inner === STREAMS_PATH) return { kind: 'streams' };
  const slash = inner.indexOf('/', 1);
  const spelling = slash === -1 ? inner.slice(1) : inner.slice(1, slash);
  const rest = slash === -1 ? '' : inner.slice(slash);
  const publicKey = readKey(spelling, rest);
  const request = publicKey && parseRequest(rest, search);
  if (publicKey === undefined || request === undefined) return undefined;
  const canonical = isCanonicalSpelling(spelling, publicKey);
  return { kind: 'stream', publicKey, canonical, rest, request };
}

function parseOwnOrigin(path: string, search: string, site: Uint8Array): ParsedPath | undefined {
  if (!path.startsWith(`${WELL_KNOWN_PATH}/`)) return undefined;
  const rest = path.slice(WELL_KNOWN_PATH.length);
  const request = parseRequest(rest, search);
  return request && { kind: 'stream', publicKey: site, canonical: true, rest, request };
}

// `/favicon.ico` is simply not ours; `/no-key/newRecords/0` deserves to be told why.
function readKey(spelling: string, rest: string): Uint8Array | undefined {
  try {
    return parseStreamId(spelling);
  } catch (error) {
    if (READERS.has(rest.split('/', 2)[1] ?? '')) throw error;
    return undefined;
  }
}

type Arguments = { readonly segments: readonly string[]; readonly query: Query };
type Query = ReadonlyMap<string, string>;

function parseRequest(rest: string, search: string): StreamRequest | undefined {
  if (rest === '' || rest === '/') return { operation: 'index' };
  const [operation = '', ...segments] = rest.slice(1).split('/');
  return READERS.get(operation)?.({ segments, query: parseQuery(search) });
}

type RequestReader = (given: Arguments) => StreamRequest | undefined;

const READERS: ReadonlyMap<string, RequestReader> = new Map<string, RequestReader>([
  ['newRecords', parseNewRecords],
  ['value', parseValue],
  ['record', parseRecord],
  ['crdr', parseCrdr],
  ['newestRecordsJSON', (given) => parseList('newestRecordsJSON', given)],
  ['listRecordsJSON', (given) => parseList('listRecordsJSON', given)],
  ['webAccess', ({ segments }) => ({ operation: 'webAccess', key: decodeIfKey(segments) })],
  ['rawwebacess', parseRawAccess],
  ['forkProof', (given) => parsePlain('forkProof', given)],
  ['newRecordAvailable', (given) => parsePlain('newRecordAvailable', given)],
  ['values', (given) => parsePlain('values', given)],
  ['lease', (given) => parsePlain('lease', given)],
  ['records', (given) => parsePlain('records', given)],
  ['events', (given) => parsePlain('events', given)],
]);

function parsePlain(operation: PlainOperation, { segments }: Arguments): StreamRequest | undefined {
  return isEnd(segments, 0) ? { operation } : undefined;
}

function parseNewRecords({ segments, query }: Arguments): StreamRequest {
  return {
    operation: 'newRecords',
    since: clampSince(segments),
    limit: parameter(query, 'limit', { min: 1 }),
    inline: parameter(query, 'inline', { min: 0 }),
    head: parameter(query, 'head', { min: 0, max: LIMITS.headBytes }),
  };
}

// Nothing is modified after 2^53−1, so a later time asks for nothing; originals take all of int64.
function clampSince(segments: readonly string[]): number {
  const text = segments[0] ?? '';
  if (/^\d{16,19}$/.test(text) && isEnd(segments, 1) && BigInt(text) < 2n ** 63n) {
    return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
  }
  return Math.max(0, onlyNumber(segments, 'newRecords/<modified>'));
}

function parseCrdr({ segments, query }: Arguments): StreamRequest {
  const old = onlyNumber(segments, 'crdr/<modified>');
  if (old < 0) throw new DrayerError('USAGE', `expected crdr/<modified> from 0 on, got ${old}`);
  return { operation: 'crdr', old, inline: parameter(query, 'inline', { min: 0 }) };
}

function parseValue({ segments }: Arguments): StreamRequest {
  const hex = segments[0] ?? '';
  if (!isEnd(segments, 1) || !/^[0-9a-f]{64}$/i.test(hex)) {
    throw new DrayerError('USAGE', 'expected value/<hash>, the hash as 64 hex digits');
  }
  const hash = Uint8Array.from({ length: 32 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
  return { operation: 'value', hash };
}

function parseRecord({ segments, query }: Arguments): StreamRequest {
  const [type, ...key] = segments;
  if (type === undefined || key.length === 0) {
    throw new DrayerError('USAGE', 'expected record/<type>/<key>');
  }
  return {
    operation: 'record',
    type: decodeSegment(type),
    key: decodeKey(key),
    inline: parameter(query, 'inline', { min: 0 }),
    proof: parameter(query, 'proof', { min: 0, max: 1 }) === 1,
  };
}

function parseRawAccess({ segments }: Arguments): StreamRequest {
  const [type, ...key] = segments;
  if (type === undefined || key.length === 0) {
    throw new DrayerError('USAGE', 'expected rawwebacess/<type>/<key>');
  }
  return { operation: 'rawwebacess', type: decodeSegment(type), key: decodeKey(key) };
}

function parseList(
  operation: 'newestRecordsJSON' | 'listRecordsJSON',
  { segments, query }: Arguments,
): StreamRequest {
  const [type] = segments;
  if (type === undefined || !isEnd(segments, 1)) {
    throw new DrayerError('USAGE', `expected ${operation}/<type>`);
  }
  const any = { min: -Number.MAX_SAFE_INTEGER };
  return {
    operation,
    type: decodeSegment(type),
    after: parameter(query, 'after', any),
    before: parameter(query, 'before', any),
  };
}

/** Whether nothing but a trailing slash follows the first `count` segments. */
function isEnd(segments: readonly string[], count: number): boolean {
  return segments.slice(count).join('/') === '';
}

function onlyNumber(segments: readonly string[], form: string): number {
  const value = parseInteger(segments[0] ?? '');
  // Originals take any 64-bit number; beyond 2^53−1 there is no record to tell apart.
  if (value !== undefined && isEnd(segments, 1)) return Math.min(value, Number.MAX_SAFE_INTEGER);
  throw new DrayerError('USAGE', `expected ${form}, a decimal number of at most 64 bits`);
}

function parameter(
  query: Query,
  name: string,
  { min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number },
): number | undefined {
  const text = query.get(name);
  if (text === undefined) return undefined;
  const value = parseInteger(text);
  if (value !== undefined && value >= min && value <= max) return value;
  throw new DrayerError('USAGE', `expected ${name} to be a number from ${min} to ${max}`);
}

function parseInteger(text: string): number | undefined {
  if (!/^-?\d{1,19}$/.test(text)) return undefined;
  return BigInt.asIntN(64, BigInt(text)) === BigInt(text) ? Number(text) : undefined;
}

// No parameter of ours holds anything that needs decoding; of a repeated one the last counts.
function parseQuery(search: string): Query {
  const pairs = search.replace(/^\?/, '').split('&');
  return new Map(
    pairs.map((pair) => {
      const [name = '', ...value] = pair.split('=');
      return [name, value.join('=')];
    }),
  );
}

function decodeKey(segments: readonly string[]): string {
  return segments.map(decodeSegment).join('/');
}

function decodeIfKey(segments: readonly string[]): string | undefined {
  try {
    return decodeKey(segments);
  } catch (error) {
    if (isDrayerError(error, 'PATH_INVALID')) return undefined;
    throw error;
  }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new DrayerError('PATH_INVALID', 'expected percent-encoded UTF-8 in the path', { cause });
  }
}
