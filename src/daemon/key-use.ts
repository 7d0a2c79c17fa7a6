/**
 * What a key was used for that does not lie beside its stream: its own mark, beside the key file (R11),
 * says how far it has signed. One key for two streams would be two histories.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { isBehind, markOf, markPathOf, markPathOfKey, readMark, writeMark } from '../store/mark.ts';
import { maybeUsed } from '../store/open-stream.ts';
import type { Generation } from '../store/reader.ts';

/**
 * Refuses to begin a stream with a given key that has signed, or may have.
 *
 * @param keyPath - undefined where the key came as a text: nothing is known of such a key
 * @throws {DrayerError} KEY_MISMATCH, STREAM_BEHIND_MARK
 */
export function checkUnused(streamPath: string, keyPath: string | undefined): void {
  const mark = keyPath === undefined ? undefined : readMark(markPathOfKey(keyPath));
  if (mark === undefined) throw maybeUsed(streamPath, keyPath ?? 'the key');
  if (mark.modified > 0) throw usedElsewhere(streamPath, keyPath ?? 'the key');
}

/**
 * Refuses to go on with a stream that is not the one the key file has signed last.
 *
 * @throws {DrayerError} KEY_MISMATCH
 */
export function checkKeyUse(streamPath: string, keyPath: string, held: Generation): void {
  // Beside its stream the key has the stream's own mark, which every commit looks at.
  if (markPathOfKey(keyPath) === markPathOf(streamPath)) return;
  if (isBehind(held, readMark(markPathOfKey(keyPath)))) throw usedElsewhere(streamPath, keyPath);
}

/** Notes beside the key file what it has signed; where that cannot be written, nothing. */
export function noteKeyUse(streamPath: string, keyPath: string, held: Generation): void {
  const path = markPathOfKey(keyPath);
  if (path === markPathOf(streamPath) || held.tip === 0) return;
  try {
    if (readMark(path)?.modified !== held.tip) writeMark(path, markOf(held));
  } catch (error) {
    // A secret that is mounted read-only; the mark beside the stream is the one that counts.
    if (!isDrayerError(error, 'STORAGE_FAILED')) throw error;
  }
}

function usedElsewhere(streamPath: string, keyPath: string): DrayerError {
  const message = `${keyPath}: this key has signed another stream than ${streamPath}, or a newer state of it`;
  return new DrayerError('KEY_MISMATCH', message, {
    hint: `each stream needs a key of its own: drayer key new FILE; if this stream is lost or old: drayer recover ${streamPath} --from URL --key-file ${keyPath}`,
  });
}
