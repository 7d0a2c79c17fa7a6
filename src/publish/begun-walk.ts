/** A walk of a site that was begun, or made, before whoever publishes it asks for it. */
import { sep } from 'node:path';
import type { IgnoreOptions } from './ignore-rules.ts';
import { readListing } from './listing.ts';
import type { PublishThread } from './publish-thread.ts';
import type { DiskFile, SummedWalk, Walk } from './walk.ts';

/** What is to be walked; survives being sent to another thread. */
export type WalkOrder = {
  /** Absolute, no symbolic link in it. */
  readonly root: string;
  readonly ignore: IgnoreOptions;
};

/** Makes the order for a site. */
export function walkOrder(
  root: string,
  { patterns = [], ownFiles = [] }: IgnoreOptions = {},
): WalkOrder {
  // The files of a stream lie beside the site; where they do, they need not be known.
  const inside = ownFiles.filter((path) => path.startsWith(root + sep));
  return { root, ignore: { patterns, ownFiles: inside } };
}

/** What who takes a walk may want besides. */
export type TakeOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Called for each file, where the walk is not over yet as soon as it is found. */
  readonly onFile?: ((file: DiskFile) => void) | undefined;
  /** Given the thread the walk is made on, to use from `isFree` on, and to close. */
  readonly onThread?: ((thread: PublishThread, isFree: Promise<unknown>) => void) | undefined;
};

/** Gives out what it found, once. */
export type BegunWalk = {
  /**
   * Returns what the walk found, once; undefined where it was another one that was begun.
   *
   * @throws {DrayerError} ABORTED when the signal says so
   */
  take(order: WalkOrder, options?: TakeOptions): Promise<Walk | undefined>;
  /** Ends it, whether it was taken or not. May be called twice. */
  close(): Promise<void>;
};

/** A walk that is over. */
export function finishedWalk(order: WalkOrder, summed: SummedWalk): BegunWalk {
  let left: SummedWalk | undefined = summed;
  return {
    async take(asked, { onFile } = {}) {
      const found = left;
      left = undefined;
      if (found === undefined || !isSameOrder(asked, order)) return undefined;
      const walk = withFiles(order.root, found);
      if (onFile !== undefined) walk.files.forEach(onFile);
      return walk;
    },
    async close() {
      left = undefined;
    },
  };
}

/** Tells whether two orders are for the same walk. */
export function isSameOrder(one: WalkOrder, other: WalkOrder): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

// A walk that kept no file: its files are made again where somebody asks for them.
function withFiles(root: string, summed: SummedWalk): Walk {
  let files: Walk['files'] | undefined;
  return {
    ...summed,
    get files() {
      files ??= readListing(summed.summary.listing, root);
      return files;
    },
  };
}
