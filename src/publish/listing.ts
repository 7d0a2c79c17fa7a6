/**
 * What a walk found, as one text and one row of numbers: quick to hand from thread to thread, and to
 * compare with the one before, where a list of many small objects is not.
 */
import { createHash } from 'node:crypto';
import { sep } from 'node:path';
import { fieldsOf, type StampFields, stampFrom } from './disk-stat.ts';
import type { DiskFile } from './walk.ts';

/** The files of a walk, in its order. Equal listings mean the same files in the same state. */
export type Listing = {
  /** A line each: the key, and how it is spelled where that is another way. */
  readonly names: string;
  /** What {@link stampFrom} makes a stamp of, {@link STAMP_FIELDS} for each. */
  readonly numbers: Float64Array<ArrayBuffer>;
};

/** How many numbers a stamp is made of: size, modified, changed, device, inode. */
const STAMP_FIELDS = 5;
/** Files there is room for at first. */
const FIRST_FILES = 1024;

/** Writes the listing of a walk while it goes on. */
export type ListingWriter = {
  /** Adds a file: its key, absolute path and stat. */
  add(key: string, path: string, stat: StampFields): void;
  /** Returns the listing. */
  end(): Listing;
};

/**
 * Begins a listing.
 *
 * @param root - what the walk is of
 */
export function beginListing(root: string): ListingWriter {
  const start = root.length + 1;
  // Joined once in a while: put together bit by bit, a text is as many objects.
  const parts: string[] = [];
  let lines: string[] = [];
  let numbers = new Float64Array(FIRST_FILES * STAMP_FIELDS);
  let at = 0;
  return {
    add(key, path, { size, mtimeMs, ctimeMs, dev, ino }) {
      // Keys have no control characters in them, and paths are the same but for how they are composed.
      const isPlain = path.length === start + key.length && path.endsWith(key);
      lines.push(isPlain ? key : `${key}\0${path.slice(start)}`);
      if (lines.length === FIRST_FILES) {
        parts.push(lines.join('\n'));
        lines = [];
      }
      if (at === numbers.length) numbers = grown(numbers);
      numbers[at] = size;
      numbers[at + 1] = mtimeMs;
      numbers[at + 2] = ctimeMs;
      numbers[at + 3] = dev;
      numbers[at + 4] = ino;
      at += STAMP_FIELDS;
    },
    end() {
      if (lines.length > 0) parts.push(lines.join('\n'));
      return { names: parts.join('\n'), numbers: numbers.slice(0, at) };
    },
  };
}

function grown(numbers: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(numbers.length * 2);
  larger.set(numbers);
  return larger;
}

/** Writes the listing of files that a walk has found. */
export function writeListing(files: readonly DiskFile[], root: string): Listing {
  const listing = beginListing(root);
  for (const { key, path, stamp } of files) listing.add(key, path, fieldsOf(stamp));
  return listing.end();
}

/** Puts listings of the same root together. */
export function joinListings(parts: readonly Listing[]): Listing {
  const numbers = new Float64Array(parts.reduce((sum, part) => sum + part.numbers.length, 0));
  let at = 0;
  for (const part of parts) {
    numbers.set(part.numbers, at);
    at += part.numbers.length;
  }
  return { names: parts.map(({ names }) => names).join('\n'), numbers };
}

/** Makes the files of a listing again. */
export function readListing({ names, numbers }: Listing, root: string): DiskFile[] {
  if (numbers.length === 0) return [];
  return names.split('\n').map((line, i) => {
    const [key = '', spelling = key] = line.split('\0');
    // One by one: a view for each is thrown away as soon as it is made.
    const number = (field: number): number => numbers[i * STAMP_FIELDS + field] ?? 0;
    const bytes = number(0);
    const [mtimeMs, ctimeMs, dev, ino] = [number(1), number(2), number(3), number(4)];
    const stamp = stampFrom({ size: bytes, mtimeMs, ctimeMs, dev, ino });
    return { key, path: `${root}${sep}${spelling}`, bytes, stamp };
  });
}

/** What is remembered in the place of a listing, which grows with the site. */
export function digestListing({ names, numbers }: Listing): string {
  return createHash('sha256').update(names).update('\n\n').update(numbers).digest('base64');
}
