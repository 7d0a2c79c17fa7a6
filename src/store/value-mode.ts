/**
 * Which values a mirror holds (R18). All metadata it holds always, so every rule of the chains and the
 * snapshot stays as it is; a mode only says which values are wanted. Records of the protocol's own type,
 * the snapshot above all, are always wanted.
 */
import { isObject, parseJson } from '../core/json.ts';
import { type Micros, PROTOCOL_TYPE } from '../core/record.ts';
import { nameOfHash } from './hash-name.ts';

/** Which values are wanted: those for which all of these hold; with none of them, every one. */
export type ValueMode = {
  /** None at all. */
  readonly metadataOnly?: boolean | undefined;
  /** Of so many records, the newest by their `timestamp`. */
  readonly newest?: number | undefined;
  /** Of records of these types. */
  readonly types?: readonly string[] | undefined;
  /** Of at most so many bytes, as stored: files are compressed. */
  readonly maxBytes?: number | undefined;
};

/** A mode as a mirror keeps it. */
export type HeldMode = {
  readonly mode: ValueMode;
  /** When it was chosen. */
  readonly since: Micros;
  /** Modified tip of the generation of which exactly the wanted values are held; 0 for none yet. */
  readonly settled: Micros;
};

/** As much of a record as a mode looks at. */
export type ModeRecord = {
  readonly id: number;
  readonly type: string;
  readonly hash: Uint8Array;
  readonly timestamp: Micros;
};

/** The mode of a whole mirror. */
export const EVERYTHING: ValueMode = {};

/** Whether some values may be unwanted. */
export function isPartial({ metadataOnly, newest, types, maxBytes }: ValueMode): boolean {
  return metadataOnly === true || (newest ?? types ?? maxBytes) !== undefined;
}

/** Whether two modes want the same. */
export function isSameMode(a: ValueMode, b: ValueMode): boolean {
  return formatMode(a) === formatMode(b);
}

/** Whether a record's value may be wanted, whatever other records there are. */
export function mayWant(mode: ValueMode, type: string, bytes = 0): boolean {
  if (type === PROTOCOL_TYPE) return true;
  if (mode.metadataOnly === true || bytes > (mode.maxBytes ?? Number.POSITIVE_INFINITY))
    return false;
  return mode.types === undefined || mode.types.includes(type);
}

/**
 * Returns the hashes (as {@link nameOfHash} spells them) whose values are wanted, as far as that does not
 * depend on their size.
 *
 * @param records - all of the stream where the mode has `newest`; else those in question are enough
 */
export function wantedHashes(mode: ValueMode, records: Iterable<ModeRecord>): Set<string> {
  const wanted = new Set<string>();
  const ranked: ModeRecord[] = [];
  for (const record of records) {
    if (!mayWant(mode, record.type)) continue;
    if (mode.newest === undefined || record.type === PROTOCOL_TYPE) {
      wanted.add(nameOfHash(record.hash));
    } else ranked.push(record);
  }
  ranked.sort((a, b) => b.timestamp - a.timestamp || b.id - a.id);
  for (const { hash } of ranked.slice(0, mode.newest)) wanted.add(nameOfHash(hash));
  return wanted;
}

/** Name of the local attribute a {@link HeldMode} is kept in. */
export const MODE_ATTRIBUTE = 'values';

/** Writes a kept mode as text. */
export function formatHeldMode({ mode, since, settled }: HeldMode): string {
  return JSON.stringify({ mode: JSON.parse(formatMode(mode)), since, settled });
}

/** Reads what {@link formatHeldMode} wrote; undefined where it is something else. */
export function parseHeldMode(text: string | undefined): HeldMode | undefined {
  if (text === undefined) return undefined;
  const fields = parseJson(text);
  if (!isObject(fields) || !isObject(fields['mode'])) return undefined;
  const { since, settled } = fields;
  const { metadataOnly, newest, types, maxBytes } = fields['mode'];
  if (!isCount(since) || !isCount(settled)) return undefined;
  const isSound =
    (metadataOnly === undefined || metadataOnly === true) &&
    (newest === undefined || isCount(newest)) &&
    (maxBytes === undefined || isCount(maxBytes)) &&
    (types === undefined || isTexts(types));
  return isSound ? { mode: { metadataOnly, newest, types, maxBytes }, since, settled } : undefined;
}

function formatMode({ metadataOnly, newest, types, maxBytes }: ValueMode): string {
  const sorted = types && [...new Set(types)].sort();
  return JSON.stringify({
    metadataOnly: metadataOnly || undefined,
    newest,
    types: sorted,
    maxBytes,
  });
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
