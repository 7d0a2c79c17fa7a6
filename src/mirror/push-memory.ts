/**
 * What is known of a stream beside what a server shows: the mark of this machine, that of the key, that
 * of an own stream file, and `drayer.lock`. Together they stand in for R11's mark: a server that shows
 * less than any of them is not believed, so that nobody is led into signing a second history.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { Mark } from '../core/plan-batch.ts';
import {
  isRestoredMark,
  markOf,
  markPathOf,
  markPathOfKey,
  readMark,
  writeMark,
} from '../store/mark.ts';
import { maybeUsed } from '../store/open-stream.ts';
import type { Generation } from '../store/reader.ts';
import type { PendingBatch } from './pending-batch.ts';
import {
  checkKnown,
  type Known,
  knownFromLock,
  knownFromMark,
  readLock,
  writeLock,
} from './push-lock-file.ts';
import type { PushPlace } from './push-place.ts';
import type { PushOptions } from './push-stream.ts';

/** What is remembered, and where. */
export type Memory = {
  readonly id: string;
  readonly lockPath: string | undefined;
  /** Marks that are raised after a push; the first is that of this machine. */
  readonly markPaths: readonly string[];
  readonly known: readonly Known[];
  /** The highest of the marks, undefined where there is none. */
  readonly mark: Mark | undefined;
  /** Whether something says that the key has signed nothing yet. */
  readonly isUnused: boolean;
  readonly warnings: readonly string[];
};

/** Reads what is remembered. */
export function openMemory(
  { lockPath, keyPath, streamPath, unusedKey = false }: PushOptions,
  place: PushPlace,
  publicKey: Uint8Array,
): Memory {
  const id = Buffer.from(publicKey).toString('base64');
  const entry = lockPath === undefined ? undefined : readLock(lockPath, id);
  const paths = [
    place.markPath,
    ...(keyPath === undefined ? [] : [markPathOfKey(keyPath)]),
    ...(streamPath === undefined ? [] : [markPathOf(streamPath)]),
  ];
  const markPaths = [...new Set(paths)];
  const marks: Mark[] = [];
  const known: Known[] = [];
  for (const path of markPaths) {
    // The lock says how far a key was used that was restored from paper.
    if (entry !== undefined && isRestoredMark(path)) continue;
    const mark = readMark(path);
    if (mark !== undefined) marks.push(mark);
    const one = knownFromMark(path, mark);
    if (one !== undefined) known.push(one);
  }
  if (entry !== undefined && lockPath !== undefined) known.push(knownFromLock(lockPath, entry));
  const mark = marks.sort((a, b) => b.modified - a.modified)[0];
  const isUnused = unusedKey || (mark !== undefined && mark.modified === 0);
  const warnings =
    known.length > 0 || lockPath === undefined || isUnused
      ? []
      : [
          `there was no ${lockPath}: nothing here could tell whether the server shows an old state; commit the file that was written now`,
        ];
  return { id, lockPath, markPaths, known, mark, isUnused, warnings };
}

/**
 * Refuses a state that is older than what is known, of another history, or empty where nobody says that
 * the key is new.
 *
 * @throws {DrayerError} STREAM_BEHIND_MARK, TWO_HISTORIES
 */
export function checkMemory(
  memory: Memory,
  url: string,
  held: Generation,
  pending: PendingBatch | undefined,
): void {
  for (const known of memory.known) checkKnown(url, held, known);
  if (pending !== undefined && held.tip < pending.expect) {
    const { url: from, seq, root, expect: tip } = pending;
    checkKnown(url, held, {
      from: `the publish to ${from} that was cut off`,
      seq: seq - 1,
      root,
      tip,
    });
  }
  if (held.tip > 0 || memory.isUnused || pending !== undefined) return;
  const { message } = maybeUsed(url, 'the key');
  throw new DrayerError('STREAM_BEHIND_MARK', message, {
    hint: 'if the stream is on another server, publish to that one, or let this one mirror it first (on it: drayer mirror URL); only if nothing was ever published with this key: drayer publish --to URL --unused-key',
  });
}

/**
 * Remembers a generation that a server has.
 *
 * @returns the lock file where it was written, and what could not be written
 */
export function noteGeneration(
  { id, lockPath, markPaths }: Memory,
  generation: Generation,
): { lockWritten: string | undefined; warnings: string[] } {
  const warnings: string[] = [];
  if (generation.tip === 0) return { lockWritten: undefined, warnings };
  markPaths.forEach((path, index) => {
    try {
      if (isRestoredMark(path) || (readMark(path)?.modified ?? 0) < generation.tip) {
        writeMark(path, markOf(generation));
      }
    } catch (error) {
      // A secret that is mounted read-only; the mark of this machine is the one that counts.
      if (index === 0 || !isDrayerError(error, 'STORAGE_FAILED')) throw error;
    }
  });
  try {
    const isNews = lockPath !== undefined && writeLock(lockPath, id, generation);
    return { lockWritten: isNews ? lockPath : undefined, warnings };
  } catch (error) {
    if (!isDrayerError(error, 'STORAGE_FAILED')) throw error;
    warnings.push(`it is published, but what was published could not be noted: ${error.message}`);
    return { lockWritten: undefined, warnings };
  }
}
