/** A picture that was asked for, into a file of its own. */
import { readFileSync, writeFileSync } from 'node:fs';
import { DrayerError } from '../core/errors.ts';
import { fileError, isErrno } from '../store/durable-file.ts';

/**
 * Writes an SVG picture. One that is there is replaced; anything else stays.
 *
 * @throws {DrayerError} USAGE when the file is there and is no picture; STORAGE_FAILED when it cannot be written
 */
export function writePicture(path: string, svg: string): void {
  try {
    const there = readThere(path);
    if (there !== undefined && !/^\s*<svg[\s>]/.test(there)) {
      throw new DrayerError('USAGE', `${path} is there already, and is no SVG picture`, {
        hint: 'choose another name',
      });
    }
    writeFileSync(path, svg);
  } catch (error) {
    if (error instanceof DrayerError) throw error;
    throw fileError(path, 'cannot write the picture', error);
  }
}

function readThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
