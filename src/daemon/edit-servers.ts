/** The primary servers of a stream: where mirrors look first (R26). */
import { DrayerError } from '../core/errors.ts';
import { nearestTo } from '../core/nearest.ts';
import { PRIMARY_SERVERS_KEY, PROTOCOL_TYPE } from '../core/record.ts';
import { MAX_PRIMARY_SERVERS, parseServerUrl } from '../files/server-url.ts';
import { decodeObject, encodeObject } from '../files/values.ts';
import type { StreamReader } from '../store/reader.ts';
import type { Transaction } from '../store/transaction.ts';
import { readBytes } from '../store/typed-reads.ts';

/**
 * Names one more server. One that is named already stays as it is.
 *
 * @returns its address as it is written
 * @throws {DrayerError} USAGE when mirrors could not use it, or there are too many
 */
export function addServer(tx: Transaction, reader: StreamReader, text: string): string {
  const url = parseServerUrl(text);
  const entries = readEntries(reader);
  if (entries.some((entry) => urlOf(entry) === url)) return url;
  if (entries.length >= MAX_PRIMARY_SERVERS) {
    throw new DrayerError('USAGE', `expected at most ${MAX_PRIMARY_SERVERS} primary servers`, {
      hint: 'take one out first: drayer servers rm URL',
    });
  }
  writeEntries(tx, [...entries, { type: 'http', url }]);
  return url;
}

/**
 * Names a server no longer.
 *
 * @returns its address as it was written
 * @throws {DrayerError} RECORD_NOT_FOUND when it was not named
 */
export function removeServer(tx: Transaction, reader: StreamReader, text: string): string {
  const entries = readEntries(reader);
  const url = [text, normalized(text)].find((one) => entries.some((entry) => urlOf(entry) === one));
  if (url === undefined)
    throw notNamed(
      text,
      entries.flatMap((entry) => urlOf(entry) ?? []),
    );
  const left = entries.filter((entry) => urlOf(entry) !== url);
  if (left.length > 0) writeEntries(tx, left);
  else tx.deleteBytes(PROTOCOL_TYPE, PRIMARY_SERVERS_KEY);
  return url;
}

/** Names exactly these servers; what is told of a server besides its address stays. */
export function replaceServers(
  tx: Transaction,
  reader: StreamReader,
  texts: readonly string[],
): void {
  const next = entriesOf(readEntries(reader), texts);
  if (next.length > 0) writeEntries(tx, next);
  else tx.deleteBytes(PROTOCOL_TYPE, PRIMARY_SERVERS_KEY);
}

/**
 * As {@link replaceServers}, of a value alone.
 *
 * @param held - the value there is, if any
 * @returns the new value; undefined where it names exactly these already, empty where it names none
 */
export function replacedServers(
  held: Uint8Array | undefined,
  texts: readonly string[],
): Uint8Array | undefined {
  const entries = entriesIn(held);
  const next = entriesOf(entries, texts);
  if (
    isSame(
      entries.map(urlOf),
      next.flatMap((entry) => urlOf(entry) ?? []),
    )
  )
    return undefined;
  return next.length === 0 ? new Uint8Array(0) : encodeObject(next);
}

/** The addresses of servers as they are written, each once. */
export function serverUrls(texts: readonly string[]): string[] {
  return [...new Set(texts.map(parseServerUrl))];
}

/** Tells whether a stream names exactly these servers, without changing anything. */
export function hasServers(reader: StreamReader, texts: readonly string[]): boolean {
  return isSame(readEntries(reader).map(urlOf), serverUrls(texts));
}

// As they are: a newer program may have written entries that this one does not understand.
function readEntries(reader: StreamReader): unknown[] {
  return entriesIn(readBytes(reader, PROTOCOL_TYPE, PRIMARY_SERVERS_KEY));
}

function entriesIn(value: Uint8Array | undefined): unknown[] {
  const list = value === undefined ? [] : decodeObject(value);
  return Array.isArray(list) ? list : [];
}

function entriesOf(held: readonly unknown[], texts: readonly string[]): unknown[] {
  return serverUrls(texts).map(
    (url) => held.find((entry) => urlOf(entry) === url) ?? { type: 'http', url },
  );
}

function writeEntries(tx: Transaction, entries: readonly unknown[]): void {
  tx.setBytes(PROTOCOL_TYPE, PRIMARY_SERVERS_KEY, encodeObject(entries));
}

function urlOf(entry: unknown): string | undefined {
  const url = typeof entry === 'object' && entry !== null && 'url' in entry ? entry.url : undefined;
  return typeof url === 'string' ? url : undefined;
}

function isSame(held: readonly (string | undefined)[], wanted: readonly string[]): boolean {
  return held.length === wanted.length && held.every((url, i) => url === wanted[i]);
}

function normalized(text: string): string | undefined {
  try {
    return parseServerUrl(text);
  } catch (error) {
    if (error instanceof DrayerError) return undefined;
    throw error;
  }
}

function notNamed(text: string, urls: readonly string[]): DrayerError {
  const [nearest] = nearestTo(text, urls, { results: 1 });
  const hint =
    nearest === undefined ? 'this stream names none' : `the nearest it names is ${nearest}`;
  return new DrayerError('RECORD_NOT_FOUND', `${text}: not one of the primary servers`, { hint });
}
