/**
 * What a key was used for that does not lie beside its stream: its own mark, beside the key file (R11),
 * says how far it has signed. One key for two streams would be two histories.
 */
import { dirname } from 'node:path';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { publicKeyOf } from '../store/key-file.ts';
import {
  isBehind,
  isRestoredMark,
  type Mark,
  markOf,
  markPathOf,
  markPathOfKey,
  readMark,
  writeMark,
} from '../store/mark.ts';
import { openReader } from '../store/open-reader.ts';
import { maybeUsed } from '../store/open-stream.ts';
import type { Generation } from '../store/reader.ts';
import { streamFilesIn } from './known-streams.ts';

/**
 * Refuses to begin a stream with a given key that has signed, or may have.
 *
 * @param keyPath - undefined where the key came as a text: nothing is known of such a key
 * @throws {DrayerError} KEY_MISMATCH, STREAM_BEHIND_MARK
 */
export function checkUnused(streamPath: string, keyPath: string | undefined): void {
  const mark = keyPath === undefined ? undefined : readOwnMark(keyPath);
  if (mark === undefined) throw maybeUsed(streamPath, keyPath ?? 'the key');
  if (mark.modified > 0) throw usedElsewhere(streamPath, keyPath ?? 'the key');
}

/**
 * Refuses to begin a stream with the key of a stream that lies beside it, whatever the owner says of the
 * key: of a key that came as a text nothing else is known.
 *
 * @throws {DrayerError} KEY_MISMATCH
 */
export async function checkNoTwin(streamPath: string, secretKey: Uint8Array): Promise<void> {
  for (const path of await streamFilesIn(dirname(streamPath))) {
    if (path === streamPath || !isStreamOf(path, publicKeyOf(secretKey))) continue;
    throw new DrayerError('KEY_MISMATCH', `${streamPath}: this key is the one of ${path}`, {
      hint: 'each stream needs a key of its own: drayer key new FILE',
    });
  }
}

/**
 * Refuses to go on with a stream of which nothing says how far it was signed, with a key that was
 * restored from paper. Asked before the stream is opened, which would make a mark of what is there.
 *
 * @throws {DrayerError} STREAM_BEHIND_MARK
 */
export function checkRestored(streamPath: string, keyPath: string): void {
  const path = markPathOfKey(keyPath);
  if (path === markPathOf(streamPath) || readMark(markPathOf(streamPath)) !== undefined) return;
  // Throws what there is to say about it.
  if (isRestoredMark(path)) readMark(path);
}

/**
 * Refuses to go on with a stream that is not the one the key file has signed last.
 *
 * @throws {DrayerError} KEY_MISMATCH
 */
export function checkKeyUse(streamPath: string, keyPath: string, held: Generation): void {
  // Beside its stream the key has the stream's own mark, which every commit looks at.
  if (markPathOfKey(keyPath) === markPathOf(streamPath)) return;
  if (isBehind(held, readOwnMark(keyPath))) throw usedElsewhere(streamPath, keyPath);
}

/** Notes beside the key file what it has signed; where that cannot be written, nothing. */
export function noteKeyUse(streamPath: string, keyPath: string, held: Generation): void {
  const path = markPathOfKey(keyPath);
  if (path === markPathOf(streamPath) || held.tip === 0) return;
  try {
    if (readOwnMark(keyPath)?.modified !== held.tip) writeMark(path, markOf(held));
  } catch (error) {
    // A secret that is mounted read-only; the mark beside the stream is the one that counts.
    if (!isDrayerError(error, 'STORAGE_FAILED')) throw error;
  }
}

function isStreamOf(path: string, publicKey: Uint8Array): boolean {
  try {
    const reader = openReader(path);
    const isSame = bytesEqual(reader.publicKey, publicKey);
    reader.close();
    return isSame;
  } catch (error) {
    // What cannot be read as a stream was not signed with this key, for all that can be known.
    if (isDrayerError(error)) return false;
    throw error;
  }
}

/** The mark beside a key file; undefined too where it says no more than that the key was restored. */
function readOwnMark(keyPath: string): Mark | undefined {
  const path = markPathOfKey(keyPath);
  return isRestoredMark(path) ? undefined : readMark(path);
}

function usedElsewhere(streamPath: string, keyPath: string): DrayerError {
  const message = `${keyPath}: this key has signed another stream than ${streamPath}, or a newer state of it`;
  return new DrayerError('KEY_MISMATCH', message, {
    hint: `each stream needs a key of its own: drayer key new FILE; if this stream is lost or old: drayer recover ${streamPath} --from URL --key-file ${keyPath}`,
  });
}
