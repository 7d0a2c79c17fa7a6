/**
 * What a directory holds, kept in memory: only directories that may have changed are walked again.
 * Believes no hint: whatever is found is compared, and a directory that another one took the place of
 * is walked with all below it.
 */
import { lstatSync, realpathSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { changedMs, stampOf } from './disk-stat.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import { makeSlicer, type Slicer } from './slicer.ts';
import { diskFileOf, summaryOf, type Walk } from './walk.ts';
import { type FileSink, type FoundPlace, walkPlace } from './walk-place.ts';

/** What {@link SiteView.scan} found out. */
export type Scan = {
  /** Directories that were not there before, or are others than they were; relative, the root is ''. */
  readonly replaced: readonly string[];
  /** Each directory that was looked at, and when it or a file in it changed last, ms since 1970. */
  readonly changedMs: ReadonlyMap<string, number>;
};

type Listing = {
  readonly identity: string;
  /** As it was before it was listed. */
  readonly stamp: string;
  readonly walk: Walk;
  /** The directories in it that are walked. */
  readonly children: ReadonlySet<string>;
};

/** A site's directory as it was when it was looked at last. */
export class SiteView {
  readonly #root: string;
  #listings = new Map<string, Listing>();

  /** @param root - absolute, no symbolic link in it */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * Looks at directories again, and at what is new or replaced below them.
   *
   * @param hints - relative paths; those that are gone stand for the directory above
   * @throws {DrayerError} DIRECTORY_NOT_FOUND when the root is gone
   * @throws {DrayerError} ABORTED when the signal says so
   */
  async scan(
    hints: Iterable<string>,
    { rules, signal }: { readonly rules: IgnoreRules; readonly signal?: AbortSignal | undefined },
  ): Promise<Scan> {
    const slice = makeSlicer(signal);
    const pending = this.#begin(hints);
    const listed = new Map<string, number>();
    const replaced: string[] = [];
    for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
      if (listed.has(place.relative)) continue;
      if (this.#isReplaced(place)) replaced.push(place.relative);
      const { listing, changed } = await this.#list(place, rules, slice);
      listed.set(place.relative, youngestOf(listing));
      for (const child of changed) pending.push(child);
    }
    return { replaced, changedMs: listed };
  }

  /** The directories that were there, relative; the root is ''. */
  get directories(): ReadonlySet<string> {
    return new Set(this.#listings.keys());
  }

  /** Looks at everything. */
  scanAll(options: {
    readonly rules: IgnoreRules;
    readonly signal?: AbortSignal | undefined;
  }): Promise<Scan> {
    return this.scan(['', ...this.#listings.keys()], options);
  }

  /**
   * All that is in the directory, in the order of a walk.
   *
   * @param isSummed - with the summary that a later publish compares with
   */
  walk(isSummed: boolean): Walk {
    const walk: Walk = { files: [], skipped: [], faults: [] };
    const pending = [''];
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const listing = this.#listings.get(at);
      if (listing === undefined) continue;
      for (const file of listing.walk.files) walk.files.push(file);
      for (const one of listing.walk.skipped) walk.skipped.push(one);
      for (const fault of listing.walk.faults) walk.faults.push(fault);
      for (const child of listing.children) pending.push(child);
    }
    return isSummed ? { ...walk, summary: summaryOf(walk.files, this.#root) } : walk;
  }

  /** Where to begin: each directory hinted at, or the nearest above it that is there. */
  #begin(hints: Iterable<string>): FoundPlace[] {
    const places = new Map<string, FoundPlace>();
    // What could not be read may be readable now, and nothing may tell.
    const faulty = [...this.#listings].flatMap(([relative, { walk }]) =>
      walk.faults.length > 0 ? [relative] : [],
    );
    for (const hint of [...hints, ...faulty]) {
      let relative = hint;
      let stat = this.#statOf(relative);
      while (stat === undefined && relative !== '') {
        relative = parentOf(relative);
        stat = this.#statOf(relative);
      }
      if (stat === undefined) throw gone(this.#root);
      places.set(relative, { path: this.#pathOf(relative), relative, stat });
    }
    // The shortest comes off the end first: nothing is listed before what is above it.
    return [...places.values()].sort((a, b) => b.relative.length - a.relative.length);
  }

  #pathOf(relative: string): string {
    return relative === '' ? this.#root : join(this.#root, relative);
  }

  // Not through a link: a directory above may have become one, which would lead out of the site.
  #statOf(relative: string): Stats | undefined {
    const path = this.#pathOf(relative);
    try {
      const stat = lstatSync(path);
      return stat.isDirectory() && realpathSync.native(path) === path ? stat : undefined;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  #isReplaced({ relative, stat }: FoundPlace): boolean {
    const known = this.#listings.get(relative);
    return known === undefined || known.identity !== identityOf(stat);
  }

  async #list(
    place: FoundPlace,
    rules: IgnoreRules,
    slice: Slicer,
  ): Promise<{ listing: Listing; changed: FoundPlace[] }> {
    const known = this.#listings.get(place.relative);
    if (this.#isReplaced(place)) this.#forget(place.relative);
    const walk: Walk = { files: [], skipped: [], faults: [] };
    const onFound: FileSink = (key, path, stat) => walk.files.push(diskFileOf(key, path, stat));
    const places = await walkPlace(place, walk, { rules, onFound, slice });
    const listing: Listing = {
      identity: identityOf(place.stat),
      stamp: stampOf(place.stat),
      walk,
      children: new Set(places.map(({ relative }) => relative)),
    };
    for (const child of known?.children ?? []) {
      if (!listing.children.has(child)) this.#forget(child);
    }
    this.#listings.set(place.relative, listing);
    const changed = places.filter(
      ({ relative, stat }) => this.#listings.get(relative)?.stamp !== stampOf(stat),
    );
    return { listing, changed };
  }

  #forget(relative: string): void {
    const listing = this.#listings.get(relative);
    this.#listings.delete(relative);
    for (const child of listing?.children ?? []) this.#forget(child);
  }
}

function youngestOf({ stamp, walk }: Listing): number {
  return walk.files.reduce((ms, file) => Math.max(ms, changedMs(file.stamp)), changedMs(stamp));
}

// The number of a directory that was removed is given to the next one; its birth tells them apart.
function identityOf(stat: Stats): string {
  return `${stat.dev}:${stat.ino}:${stat.birthtimeMs}`;
}

function parentOf(relative: string): string {
  const parent = dirname(relative);
  return parent === '.' ? '' : parent;
}

function isGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP';
}

function gone(root: string): DrayerError {
  return new DrayerError('DIRECTORY_NOT_FOUND', `${root}: the folder is gone`, {
    hint: 'what was published stays; it goes on as soon as the folder is back',
  });
}
