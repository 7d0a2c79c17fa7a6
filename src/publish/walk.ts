/**
 * Finds what a directory holds, without reading it. Never follows a symbolic link, never opens anything.
 *
 * Synchronous calls in short slices: measured three to seven times faster than promises, while signals
 * and progress still get their turn between the slices.
 */
import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { sep } from 'node:path';
import { isDrayerError } from '../core/errors.ts';
import { siteKeyOf } from '../files/site-path.ts';
import { stampOf } from './disk-stat.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import { writeListing } from './listing.ts';
import type { PublishFault } from './publish-fault.ts';
import { makeSlicer, type Slicer } from './slicer.ts';

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

/** Something a walk left out, and why. */
export type Skipped = { readonly path: string; readonly reason: string };

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
  /** See {@link writeListing}. */
  readonly listing: string;
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
export async function walkDirectory(root: string, options: WalkOptions): Promise<Walk> {
  const walk: Walk = { files: [], skipped: [], faults: [] };
  for await (const part of walkPlaces(root, options)) {
    for (const file of part.files) walk.files.push(file);
    addRest(walk, part);
  }
  return { ...walk, summary: summaryOf(walk.files, root) };
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
  const rest: Omit<Walk, 'files'> = { skipped: [], faults: [] };
  const listings: string[] = [];
  let count = 0;
  let largest = 0;
  for await (const part of walkPlaces(root, options)) {
    const summary = summaryOf(part.files, root);
    listings.push(summary.listing);
    count += summary.count;
    largest = Math.max(largest, summary.largest);
    addRest(rest, part);
  }
  return { ...rest, summary: { count, largest, listing: listings.join('') } };
}

/** Yields what each directory holds, one after the other. */
async function* walkPlaces(
  root: string,
  { rules, onFile, signal }: WalkOptions,
): AsyncGenerator<Walk, void, void> {
  const slice = makeSlicer(signal);
  const pending: Place[] = [{ path: root, relative: '' }];
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    const walk: Walk = { files: [], skipped: [], faults: [] };
    for (const child of await walkPlace(place, walk, { rules, onFile, slice })) pending.push(child);
    yield walk;
  }
}

function addRest(walk: Omit<Walk, 'files'>, part: Walk): void {
  for (const one of part.skipped) walk.skipped.push(one);
  for (const fault of part.faults) walk.faults.push(fault);
}

/** Sums up the files of a whole site. */
export function summaryOf(files: readonly DiskFile[], root: string): WalkSummary {
  const largest = files.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  return { count: files.length, largest, listing: writeListing(files, root) };
}

/** A directory to look into, or one that was found. */
export type Place = {
  readonly path: string;
  /** From the root, `/`-separated, as on disk. */
  readonly relative: string;
  /** Of a directory, before it was listed. */
  readonly stat?: Stats;
};

/** A directory that {@link walkPlace} found. */
export type FoundPlace = Place & { readonly stat: Stats };

/** Files after which it is worth to look at the clock. */
const CLOCK_EVERY = 16;

/**
 * Walks one directory alone: adds what is in it to `walk`, and returns the directories in it.
 *
 * Short on calls and objects for each file: most walks of a large site are over before the engine has
 * made machine code of them.
 */
export async function walkPlace(
  place: Place,
  walk: Walk,
  { rules, onFile, slice }: Omit<WalkOptions, 'signal'> & { readonly slice: Slicer },
): Promise<FoundPlace[]> {
  const places: FoundPlace[] = [];
  const names = listDirectory(place, walk);
  const fault = rules.enter(place.relative, place.path, names);
  if (fault !== undefined) walk.faults.push(fault);
  const above = place.relative === '' ? '' : `${place.relative}/`;
  let untilClock = CLOCK_EVERY;
  for (const name of names) {
    const path = `${place.path}${sep}${name}`;
    const relative = above + name;
    const stat = lstatOf(path, relative, walk);
    if (stat === undefined) continue;
    const isDirectory = stat.isDirectory();
    const reason = rules.reasonFor(relative, path, isDirectory) ?? specialKind(stat, isDirectory);
    if (reason !== undefined) walk.skipped.push({ path: relative, reason });
    else if (isDirectory) places.push({ path, relative, stat });
    else {
      const key = keyOf(relative, walk);
      if (key === undefined) continue;
      const file = { key, path, bytes: stat.size, stamp: stampOf(stat) };
      walk.files.push(file);
      onFile?.(file);
    }
    untilClock -= 1;
    if (untilClock > 0) continue;
    untilClock = CLOCK_EVERY;
    if (slice.isOver()) await slice.pause();
  }
  return places;
}

function listDirectory(place: Place, walk: Walk): string[] {
  try {
    const names = readdirSync(place.path);
    if (place.stat !== undefined && !isSameDirectory(place.stat, place.path)) {
      walk.faults.push(changed(place.relative, 'the directory was replaced while it was read'));
      return [];
    }
    return names.some((name) => name.includes('\ufffd')) ? withoutUnnameable(place, walk) : names;
  } catch (cause) {
    // Somebody is clearing up, or building anew: what is gone must not be deleted from the stream.
    const isGone = isMissing(cause);
    walk.faults.push(
      isGone
        ? changed(place.relative, 'the directory disappeared')
        : unreadable(place.relative, cause),
    );
    return [];
  }
}

// A directory swapped for a link between lstat and readdir would lead out of the site.
function isSameDirectory(before: Stats, path: string): boolean {
  const after = lstatSync(path);
  return after.isDirectory() && after.ino === before.ino && after.dev === before.dev;
}

// Node turns bytes that are not UTF-8 into U+FFFD, and then does not find the file.
function withoutUnnameable(place: Place, walk: Walk): string[] {
  const names = readdirSync(place.path, 'buffer');
  return names.flatMap((bytes) => {
    const name = bytes.toString();
    if (Buffer.from(name).equals(bytes)) return [name];
    walk.faults.push({
      path: place.relative === '' ? name : `${place.relative}/${name}`,
      code: 'PATH_INVALID',
      message: `expected a name in UTF-8, got ${bytes.toString('hex')}`,
    });
    return [];
  });
}

function lstatOf(path: string, relative: string, walk: Walk): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (cause) {
    addUnreadable(relative, cause, walk);
    return undefined;
  }
}

// Removed since the directory was listed: as if it had never been there.
function addUnreadable(relative: string, cause: unknown, walk: Walk): void {
  if (!isMissing(cause)) walk.faults.push(unreadable(relative, cause));
}

function keyOf(relative: string, walk: Walk): string | undefined {
  try {
    return siteKeyOf(relative);
  } catch (error) {
    if (!isDrayerError(error, 'PATH_INVALID')) throw error;
    walk.faults.push({ path: relative, code: error.code, message: error.message });
    return undefined;
  }
}

function specialKind(stat: Stats, isDirectory: boolean): string | undefined {
  if (isDirectory || stat.isFile()) return undefined;
  if (stat.isSymbolicLink()) return 'symbolic link';
  if (stat.isFIFO()) return 'named pipe';
  if (stat.isSocket()) return 'socket';
  return 'device';
}

function changed(relative: string, message: string): PublishFault {
  return { path: relative || '.', code: 'FILE_CHANGING', message };
}

function unreadable(relative: string, cause: unknown): PublishFault {
  const message = cause instanceof Error ? cause.message : String(cause);
  return { path: relative || '.', code: 'FILE_UNREADABLE', message };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
