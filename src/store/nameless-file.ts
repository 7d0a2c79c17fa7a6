/** A file without a name: nothing of it is left when the process ends, however it does. */
import { closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Makes an empty one, for reading and writing, for this user alone.
 *
 * @returns its descriptor
 * @throws what node:fs throws
 */
export function openNameless(folder: string): number {
  const path = join(folder, `drayer-${process.pid}-${process.hrtime.bigint()}`);
  const fd = openSync(path, 'wx+', 0o600);
  try {
    unlinkSync(path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
