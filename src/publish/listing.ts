/**
 * What a walk found, as one text: quick to hand from thread to thread, and to compare with the one
 * before, where a list of many small objects is not.
 */
import { createHash } from 'node:crypto';
import { sep } from 'node:path';
import type { DiskFile } from './walk.ts';

/**
 * Writes the files of a walk as a text: a line each, in the order of the walk. Equal texts mean the same
 * files in the same state.
 *
 * @param root - what the walk was of
 */
export function writeListing(files: readonly DiskFile[], root: string): string {
  const start = root.length + 1;
  const lines: string[] = [];
  for (const { key, path, stamp } of files) {
    // Keys have no control characters in them, and paths are the same but for how they are composed.
    const isPlain = path.length === start + key.length && path.endsWith(key);
    lines.push(`${key}\0${stamp}\0${isPlain ? '' : path.slice(start)}\n`);
  }
  // In one piece: put together bit by bit, a text is as many objects.
  return lines.join('');
}

/** Reads what {@link writeListing} wrote. */
export function readListing(text: string, root: string): DiskFile[] {
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line) => {
    const [key = '', stamp = '', spelling = ''] = line.split('\0');
    return {
      key,
      path: `${root}${sep}${spelling || key}`,
      bytes: Number.parseInt(stamp, 10),
      stamp,
    };
  });
}

/** What is remembered in the place of a listing, which grows with the site. */
export function digestListing(listing: string): string {
  return createHash('sha256').update(listing).digest('base64');
}
