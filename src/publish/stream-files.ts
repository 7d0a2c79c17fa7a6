/** The files that belong to a stream, wherever it was put: none of them is ever published. */
import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isDrayerError } from '../core/errors.ts';
import { keyPathOf, readKeyFile } from '../store/key-file.ts';
import { markPathOf } from '../store/mark.ts';

/** Returns the real paths of a stream file and of what lies beside it, there or not. */
export function ownFilesOf(streamPath: string): string[] {
  const path = join(realpathSync.native(dirname(streamPath)), basename(streamPath));
  const log = [`${path}-wal`, `${path}-shm`, `${path}-journal`];
  return [path, keyPathOf(path), markPathOf(path), ...log];
}

/** Returns the private key beside a stream, undefined when there is none. */
export function secretKeyOf(streamPath: string): Uint8Array | undefined {
  try {
    return readKeyFile(keyPathOf(streamPath));
  } catch (error) {
    // Opened with a key from elsewhere.
    if (isDrayerError(error, 'KEY_NOT_FOUND')) return undefined;
    throw error;
  }
}
