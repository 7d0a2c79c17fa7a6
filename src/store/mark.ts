/**
 * The high-water mark (R11): how far this key has signed, in a file beside it. A stream file that
 * is behind its mark was restored from a backup or lost in a power cut; signing on from there would
 * make a second history, so it is refused.
 */

import { basename, dirname } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import type { Mark } from '../core/plan-batch.ts';
import { bytesEqual, HASH_BYTES } from '../core/record.ts';
import {
  createSynced,
  fileError,
  readTextIfThere,
  removeLeftParts,
  replaceSynced,
} from './durable-file.ts';
import type { Generation } from './reader.ts';

export type { Mark };

/** Path of the mark that belongs to the stream at `streamPath`. */
export function markPathOf(streamPath: string): string {
  return `${streamPath}.mark`;
}

/** Path of the mark that belongs to a key file; beside its stream, the one of the stream. */
export function markPathOfKey(keyPath: string): string {
  return `${keyPath.replace(/\.privatekey$/, '')}.mark`;
}

/** The mark of a key that has signed nothing yet. */
export const UNUSED_MARK: Mark = { id: 0, modified: 0, seq: 0, root: new Uint8Array(HASH_BYTES) };

/** Returns the mark a key has that has signed a generation and nothing after it. */
export function markOf({ idTip, tip, snapshot }: Generation): Mark {
  return {
    id: idTip,
    modified: tip,
    seq: snapshot?.seq ?? 0,
    root: snapshot?.root ?? UNUSED_MARK.root,
  };
}

/** Tells whether a generation is not the one of a mark, nor one that came after it. */
export function isBehind(held: Generation, known: Mark | undefined): boolean {
  if (known === undefined) return false;
  const { id, modified, seq, root } = markOf(held);
  if (id < known.id || modified < known.modified || seq < known.seq) return true;
  // The same place with another content is another history.
  return seq === known.seq && !bytesEqual(root, known.root);
}

/**
 * Reads a mark.
 *
 * @returns the mark, or undefined where there is none
 * @throws {DrayerError} STREAM_BEHIND_MARK when there is one that cannot be understood, or that says
 *   that the key was restored
 */
export function readMark(path: string): Mark | undefined {
  const text = readTextIfThere(path, 'the high-water mark');
  if (text === undefined) return undefined;
  const mark = parseMark(text);
  if (mark !== undefined) return mark;
  if (text === RESTORED) throw restored(path);
  const message = `${path}: expected a high-water mark, got something else`;
  throw new DrayerError('STREAM_BEHIND_MARK', message, { hint: RECOVER_HINT });
}

/** Writes a mark; it is on disk when this returns. */
export function writeMark(path: string, mark: Mark): void {
  replaceMark(path, textOf(mark));
}

/**
 * Removes what processes have left half written that were killed at it. Under the stream's write lock, which
 * whoever raises a mark has.
 */
export function removeLeftMarks(path: string): void {
  const name = basename(path);
  removeLeftParts(dirname(path), (part) => part.startsWith(`${name}.`), 0);
}

/** Writes the mark of a key that is about to be made, unless somebody else has just made one. */
export function beginMark(path: string): void {
  try {
    createSynced(path, textOf(UNUSED_MARK), MARK_MODE);
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

/**
 * Writes the mark of a key that was restored from paper: how far it has signed is not known, so nothing
 * is signed with it until {@link writeMark} says so, after a recovery.
 */
export function writeRestoredMark(path: string): void {
  replaceMark(path, RESTORED);
}

/** Tells whether a mark is one that {@link writeRestoredMark} wrote. */
export function isRestoredMark(path: string): boolean {
  return readTextIfThere(path, 'the high-water mark') === RESTORED;
}

/** What to do about a stream that is behind its mark. */
export const RECOVER_HINT =
  'fetch the newer state from a server that has it: drayer recover --from URL';

const RESTORED = '{"restored":true}\n';

const MARK_MODE = 0o644;

function textOf({ id, modified, seq, root }: Mark): string {
  return `${JSON.stringify({ id, modified, seq, root: Buffer.from(root).toString('hex') })}\n`;
}

function replaceMark(path: string, text: string): void {
  try {
    replaceSynced(path, text, MARK_MODE);
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

function cannotWrite(path: string, cause: unknown): DrayerError {
  return fileError(path, 'cannot write the high-water mark', cause);
}

function restored(path: string): DrayerError {
  const message = `${path}: the key was restored from a backup, and how far it has signed is not known`;
  const sure = `if the stream file that lies here is surely its newest state, remove ${path}`;
  return new DrayerError('STREAM_BEHIND_MARK', message, { hint: `${RECOVER_HINT}; ${sure}` });
}

function parseMark(text: string): Mark | undefined {
  const fields = parseJson(text);
  if (typeof fields !== 'object' || fields === null) return undefined;
  const { id, modified, seq, root } = fields as Partial<{ [name in keyof Mark]: unknown }>;
  const isSound = [id, modified, seq].every((n) => Number.isSafeInteger(n) && Number(n) >= 0);
  if (!isSound || typeof root !== 'string' || !/^[0-9a-f]{64}$/.test(root)) return undefined;
  return {
    id: Number(id),
    modified: Number(modified),
    seq: Number(seq),
    root: new Uint8Array(Buffer.from(root, 'hex')),
  };
}
