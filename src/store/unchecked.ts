/**
 * The one thing a mirror may still owe (R22): its contents are proved by the signature of the snapshot, and
 * the signatures of the single records have not been checked. A fact of this copy, kept in its file and
 * removed by whoever has checked them; until then no peer is given anything of it.
 */
import { DrayerError } from '../core/errors.ts';
import { isObject, parseJson } from '../core/json.ts';
import type { StreamReader } from './reader.ts';

/** Name of the local attribute an {@link Unchecked} is kept in. */
export const UNCHECKED_ATTRIBUTE = 'unchecked';

/** Records whose signatures have not been checked, or were found to be wrong. */
export type Unchecked = {
  /** URL of the source that sent them. */
  readonly from: string;
  /** What is wrong with one of them; undefined while nobody has found anything. */
  readonly fault?: string | undefined;
};

/** What is known of the signatures of a stream file's records. */
export type SignatureState = 'checked' | 'unchecked' | 'wrong';

/** Writes the fact. */
export function formatUnchecked({ from, fault }: Unchecked): string {
  return JSON.stringify({ from, fault });
}

/** Reads what {@link formatUnchecked} wrote; of text that is something else only that it stands. */
export function parseUnchecked(text: string | undefined): Unchecked | undefined {
  if (text === undefined) return undefined;
  const fields = parseJson(text);
  const { from, fault } = isObject(fields) ? fields : {};
  return {
    from: typeof from === 'string' ? from : 'an unknown source',
    fault: typeof fault === 'string' ? fault : undefined,
  };
}

/** What was found by checking files in which it cannot be noted, by the connection to them. */
const foundHere = new WeakMap<StreamReader, Unchecked | undefined>();

/** What the signatures in a file are owed; undefined where they are checked, as they are nearly always. */
export function uncheckedOf(reader: StreamReader | undefined): Unchecked | undefined {
  const standing = parseUnchecked(reader?.attribute(UNCHECKED_ATTRIBUTE));
  // Somebody who can write it may have mended it meanwhile.
  if (reader === undefined || standing === undefined || !foundHere.has(reader)) return standing;
  return foundHere.get(reader);
}

/**
 * Has {@link uncheckedOf} know what was found in what this connection reads, though its file does not say so.
 *
 * @param found - undefined: all are right
 */
export function noteFoundHere(reader: StreamReader, found: Unchecked | undefined): void {
  foundHere.set(reader, found);
}

/**
 * Refuses the same of another connection to the path of `reader`, where another file may lie by now.
 *
 * @throws {DrayerError} SIGNATURES_UNCHECKED
 */
export function requireCheckedToo(own: StreamReader, reader: StreamReader): void {
  const isSame = own.view.modifiedTip() === reader.view.modifiedTip();
  if (isSame && foundHere.has(reader)) foundHere.set(own, foundHere.get(reader));
  requireChecked(own);
}

/** The same in one word. */
export function signatureStateOf(reader: StreamReader | undefined): SignatureState {
  const unchecked = uncheckedOf(reader);
  if (unchecked === undefined) return 'checked';
  return unchecked.fault === undefined ? 'unchecked' : 'wrong';
}

/** Seconds after which it is worth asking again: 10,000 signatures take half a second, a new source longer. */
const AGAIN_SECONDS = 1;
const MENDED_SECONDS = 60;

/**
 * Refuses what would hand records on, or build on them.
 *
 * @throws {DrayerError} SIGNATURES_UNCHECKED until the signatures have been checked
 */
export function requireChecked(reader: StreamReader | undefined): void {
  const unchecked = uncheckedOf(reader);
  if (unchecked === undefined) return;
  const isWrong = unchecked.fault !== undefined;
  const message = isWrong
    ? 'this copy came with wrong signatures: its contents are proved, its records are given to nobody'
    : 'the signatures of the records of this copy are still being checked';
  throw new DrayerError('SIGNATURES_UNCHECKED', message, {
    hint: isWrong ? 'ask another peer' : 'ask again in a moment',
    details: { retryAfter: isWrong ? MENDED_SECONDS : AGAIN_SECONDS },
  });
}
