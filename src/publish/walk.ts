/** Finds what a directory holds, with all below it, without reading it. */
import { stampOf } from './disk-stat.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import { beginListing, type Listing, writeListing } from './listing.ts';
import type { PublishFault } from './publish-fault.ts';
import { makeSlicer } from './slicer.ts';
import {
  type FileSink,
  type FoundRest,
  type Place,
  type Skipped,
  walkPlace,
} from './walk-place.ts';

/** A regular file a walk found. */
export type DiskFile = {
  /** Site path: NFC, `/`-separated. */
  readonly key: string;
  /** Absolute path, spelled as on disk. */
  readonly path: string;
  readonly bytes: number;
  /** See {@link stampOf}. */
  readonly stamp: string;
};

/** What a walk found. */
export type Walk = {
  readonly files: DiskFile[];
  readonly skipped: Skipped[];
  readonly faults: PublishFault[];
  /** Of a whole site, walked at once. */
  readonly summary?: WalkSummary | undefined;
};

/** All files together: enough to tell that nothing has changed, without a look at each. */
export type WalkSummary = {
  readonly count: number;
  /** Bytes of the largest file. */
  readonly largest: number;
  readonly listing: Listing;
};

/** Options of {@link walkDirectory}. */
export type WalkOptions = {
  readonly rules: IgnoreRules;
  /** Called for each file as soon as it is found. */
  readonly onFile?: ((file: DiskFile) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Walks a directory.
 *
 * @param root - absolute, no symbolic link in it (`fs.realpath`)
 * @throws {DrayerError} ABORTED when the signal says so
 */
export async function walkDirectory(
  root: string,
  { onFile, ...options }: WalkOptions,
): Promise<Walk> {
  const files: DiskFile[] = [];
  const rest = await walkPlaces(root, {
    ...options,
    onFound: (key, path, stat) => {
      const file = diskFileOf(key, path, stat);
      files.push(file);
      onFile?.(file);
    },
  });
  return { files, ...rest, summary: summaryOf(files, root) };
}

/** A file that was found. */
export function diskFileOf(...[key, path, stat]: Parameters<FileSink>): DiskFile {
  return { key, path, bytes: stat.size, stamp: stampOf(stat) };
}

/** A walk that keeps no file, only what all come to. */
export type SummedWalk = Omit<Walk, 'files' | 'summary'> & { readonly summary: WalkSummary };

/**
 * Walks a directory for its summary alone: a third faster, because objects that are kept have to be
 * moved about in memory.
 *
 * @param root - as for {@link walkDirectory}
 * @throws {DrayerError} ABORTED when the signal says so
 */
export async function sumUpDirectory(
  root: string,
  options: Omit<WalkOptions, 'onFile'>,
): Promise<SummedWalk> {
  const listing = beginListing(root);
  let count = 0;
  let largest = 0;
  const rest = await walkPlaces(root, {
    ...options,
    onFound: (key, path, stat) => {
      count += 1;
      if (stat.size > largest) largest = stat.size;
      listing.add(key, path, stat);
    },
  });
  return { ...rest, summary: { count, largest, listing: listing.end() } };
}

/** Files of a part of a listing: found in some ms. */
const PART_FILES = 512;

/**
 * Walks a directory and tells of its files in parts, as they are found.
 *
 * @param root - as for {@link walkDirectory}
 * @throws {DrayerError} ABORTED when the signal says so
 */
export async function listDirectory(
  root: string,
  {
    onPart,
    ...options
  }: Omit<WalkOptions, 'onFile'> & { readonly onPart: (part: Listing) => void },
): Promise<FoundRest> {
  let listing = beginListing(root);
  let count = 0;
  const rest = await walkPlaces(root, {
    ...options,
    onFound: (key, path, stat) => {
      listing.add(key, path, stat);
      count += 1;
      if (count % PART_FILES > 0) return;
      onPart(listing.end());
      listing = beginListing(root);
    },
  });
  if (count % PART_FILES > 0) onPart(listing.end());
  return rest;
}

/** Walks each directory, one after the other. */
async function walkPlaces(
  root: string,
  { rules, onFound, signal }: Omit<WalkOptions, 'onFile'> & { readonly onFound: FileSink },
): Promise<FoundRest> {
  const rest: FoundRest = { skipped: [], faults: [] };
  const slice = makeSlicer(signal);
  const pending: Place[] = [{ path: root, relative: '' }];
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    for (const child of await walkPlace(place, rest, { rules, onFound, slice })) {
      pending.push(child);
    }
  }
  return rest;
}

/** Sums up the files of a whole site. */
export function summaryOf(files: readonly DiskFile[], root: string): WalkSummary {
  return { count: files.length, largest: largestOf(files), listing: writeListing(files, root) };
}

/** Bytes of the largest file; 0 where there is none. */
export function largestOf(files: readonly DiskFile[]): number {
  return files.reduce((most, { bytes }) => Math.max(most, bytes), 0);
}
