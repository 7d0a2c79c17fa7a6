/** Keeps a damaged stream file under another name while a sound one is fetched. */
import { renameSync, rmSync } from 'node:fs';
import { isDrayerError } from '../core/errors.ts';
import { verifyStream } from './audit.ts';
import { fileError } from './durable-file.ts';
import { openReader } from './open-reader.ts';
import { hasFile } from './stream-file.ts';
import { uncheckedOf } from './unchecked.ts';

/** Where {@link setAside} keeps a damaged stream. */
export function damagedPathOf(streamPath: string): string {
  return `${streamPath}.damaged`;
}

/** Tells whether there is a stream file, and anything in it is not as its key has signed it. */
export async function isDamaged(path: string, signal?: AbortSignal): Promise<boolean> {
  if (!hasFile(path)) return false;
  try {
    return (await verifyStream(path, { signal })).faults > 0;
  } catch (error) {
    if (isDrayerError(error, 'STREAM_INVALID') || isDrayerError(error, 'STREAM_NOT_FOUND')) {
      return true;
    }
    throw error;
  }
}

/**
 * Tells whether a stream file came with signatures that are still to be checked, or are wrong (R22): it was
 * fetched, and is mended where it is. Of one that cannot be read: no.
 */
export function owesSignatures(path: string): boolean {
  if (!hasFile(path)) return false;
  try {
    const reader = openReader(path);
    try {
      return uncheckedOf(reader) !== undefined;
    } finally {
      reader.close();
    }
  } catch (error) {
    if (isDrayerError(error)) return false;
    throw error;
  }
}

/** Moves a stream file and its log aside; one that was set aside before gives way. */
export function setAside(path: string): void {
  move(path, damagedPathOf(path));
}

/** Undoes {@link setAside}. */
export function putBack(path: string): void {
  move(damagedPathOf(path), path);
}

/** Removes an empty file and what lies beside it, so that nothing is rolled back into a new one. */
export function removeEmpty(path: string): void {
  if (hasFile(path)) return;
  for (const end of ENDS) rmSync(path + end, { force: true });
}

// The log first: without it the file is an older state, which would not be noticed.
const ENDS = ['-wal', '-shm', '-journal', ''];

function move(from: string, to: string): void {
  for (const end of ENDS) rmSync(to + end, { force: true });
  try {
    for (const end of ENDS) if (hasFile(from + end)) renameSync(from + end, to + end);
  } catch (cause) {
    throw fileError(from, `cannot move it to ${to}`, cause);
  }
}
