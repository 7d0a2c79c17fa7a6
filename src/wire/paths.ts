/**
 * The paths of PROTOCOL.md §6, built. What is built here is read by path-parser.ts, and by the
 * originals: a slash that would stand beside an empty or a dot segment is written `%2F`, so that
 * no proxy or URL parser collapses what belongs to a key.
 */
import { DrayerError } from '../core/errors.ts';
import { formatStreamId } from '../core/stream-id.ts';

/** Where these operations stand on a site's own origin, without a key. */
export const WELL_KNOWN_PATH = '/.well-known/drayer';
/** What a server hosts. */
export const STREAMS_PATH = '/streams.json';

/** Where a stream's operations begin. */
export type Base = {
  /** Instead of {@link streamPath}: {@link WELL_KNOWN_PATH}, a mounted path, another spelling. */
  readonly base?: string | undefined;
};

/** What a page of records leaves out. */
export type PageOptions = Base & {
  /** Most records. */
  readonly limit?: number | undefined;
  /** Values above this many bytes stay out; 0 = all of them. */
  readonly inline?: number | undefined;
  /** How many first bytes come in place of a value that is left out. */
  readonly head?: number | undefined;
};

/** What belongs to one record. */
export type RecordOptions = Base & {
  readonly inline?: number | undefined;
  /** Asks for the proof that the record is, or is not, in the newest snapshot (R23). */
  readonly proof?: boolean | undefined;
};

/** What a JSON list leaves out: bounds, both exclusive. */
export type ListOptions = Base & {
  readonly after?: number | undefined;
  readonly before?: number | undefined;
};

/** Operations that are named by one word. */
export type PlainOperation =
  | 'forkProof'
  | 'newRecordAvailable'
  | 'values'
  | 'lease'
  | 'records'
  | 'events';

/**
 * Returns where the operations on a stream begin, without a slash at the end.
 *
 * @param mount - the part of the URL before the protocol's paths, such as `/mirror`
 */
export function streamPath(publicKey: Uint8Array, mount = ''): string {
  return `${mount}/${formatStreamId(publicKey, 'base64url')}`;
}

/** As {@link streamPath}, spelt as originals need it: they delete `-` and `_` from a key. */
export function originalStreamPath(publicKey: Uint8Array, mount = ''): string {
  return `${mount}/${encodeURIComponent(formatStreamId(publicKey))}`;
}

/** Path of the records with `modified` above `since`. */
export function newRecordsPath(
  publicKey: Uint8Array,
  since: number,
  { base, limit, inline, head }: PageOptions = {},
): string {
  return join(publicKey, base, `newRecords/${since}`) + query({ limit, inline, head });
}

/** Path of a value. */
export function valuePath(publicKey: Uint8Array, hash: Uint8Array, { base }: Base = {}): string {
  const hex = Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return join(publicKey, base, `value/${hex}`);
}

/**
 * Path of one record.
 *
 * @throws {DrayerError} PATH_INVALID when type or key has no UTF-8 form
 */
export function recordPath(
  publicKey: Uint8Array,
  type: string,
  key: string,
  { base, inline, proof }: RecordOptions = {},
): string {
  const path = `record/${encodeSegment(type)}/${encodeKey(key)}`;
  return join(publicKey, base, path) + query({ inline, proof: proof === true ? 1 : undefined });
}

/** Path of the record with the greatest `prevChange` up to `old`. */
export function crdrPath(
  publicKey: Uint8Array,
  old: number,
  { base, inline }: RecordOptions = {},
): string {
  return join(publicKey, base, `crdr/${old}`) + query({ inline });
}

/** Path of the newest records of a type by id. */
export function newestRecordsPath(
  publicKey: Uint8Array,
  type: string,
  { base, after, before }: ListOptions = {},
): string {
  return (
    join(publicKey, base, `newestRecordsJSON/${encodeSegment(type)}`) + query({ after, before })
  );
}

/** Path of the newest records of a type by `modified`. */
export function listRecordsPath(
  publicKey: Uint8Array,
  type: string,
  { base, after, before }: ListOptions = {},
): string {
  return join(publicKey, base, `listRecordsJSON/${encodeSegment(type)}`) + query({ after, before });
}

/** Path of a file of the site. */
export function webAccessPath(publicKey: Uint8Array, key: string, { base }: Base = {}): string {
  return join(publicKey, base, `webAccess/${encodeKey(key)}`);
}

/** Path of a raw value by type and key, spelt as the original has it. */
export function rawAccessPath(
  publicKey: Uint8Array,
  type: string,
  key: string,
  { base }: Base = {},
): string {
  return join(publicKey, base, `rawwebacess/${encodeSegment(type)}/${encodeSegment(key)}`);
}

/** Path of an operation without arguments. */
export function operationPath(
  publicKey: Uint8Array,
  operation: PlainOperation,
  { base }: Base = {},
): string {
  return join(publicKey, base, operation);
}

/**
 * Returns a key as the rest of a path.
 *
 * @throws {DrayerError} PATH_INVALID when it has a lone surrogate, which has no UTF-8 form
 */
export function encodeKey(key: string): string {
  const segments = key.split('/');
  return segments
    .map((segment, i) => {
      const before = segments[i - 1];
      if (before === undefined) return encodeSegment(segment);
      return (isFragile(segment) || isFragile(before) ? '%2F' : '/') + encodeSegment(segment);
    })
    .join('');
}

/** Returns text as one segment of a path. */
export function encodeSegment(text: string): string {
  if (text.isWellFormed()) return encodeURIComponent(text);
  throw new DrayerError('PATH_INVALID', 'expected valid Unicode in a path, got a lone surrogate');
}

// Proxies merge empty segments, URL parsers resolve dots, in whatever way they are encoded.
function isFragile(segment: string): boolean {
  return segment === '' || segment === '.' || segment === '..';
}

function join(publicKey: Uint8Array, base: string | undefined, rest: string): string {
  return `${base ?? streamPath(publicKey)}/${rest}`;
}

function query(parameters: Readonly<Record<string, number | undefined>>): string {
  const pairs = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return pairs.length === 0 ? '' : `?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`;
}
