/** Compares what a walk found with what a stream holds, without reading a file. */
import { bytesEqual, type SignedRecord } from '../core/record.ts';
import type { StatEntry } from '../store/stat-cache.ts';
import type { DiskFile } from './walk.ts';

/** What a stream holds of a site. */
export type HeldFiles = {
  /** The stat cache, by key; an entry counts only while the record has its hash. */
  readonly known: ReadonlyMap<string, StatEntry>;
  /** The file records, by key. */
  readonly records: ReadonlyMap<string, SignedRecord>;
};

/** A file that has to be read to know whether it changed. */
export type DoubtfulFile = {
  readonly file: DiskFile;
  /** The record the stream holds for it, if any. */
  readonly record: SignedRecord | undefined;
};

/** What {@link diffSite} found. */
export type SiteDiff = {
  /** Number of files whose stamp is that of what the stream holds. */
  readonly unchanged: number;
  readonly doubtful: DoubtfulFile[];
  /** Keys of the records without a file, sorted. */
  readonly removed: string[];
};

/** Compares a site with a stream. */
export function diffSite(files: readonly DiskFile[], { known, records }: HeldFiles): SiteDiff {
  const doubtful: DoubtfulFile[] = [];
  const keys = new Set<string>();
  for (const file of files) {
    keys.add(file.key);
    const record = records.get(file.key);
    const entry = known.get(file.key);
    const isKnown = entry !== undefined && entry.stamp === file.stamp;
    if (isKnown && record !== undefined && bytesEqual(entry.valueHash, record.hash)) continue;
    doubtful.push({ file, record });
  }
  return {
    unchanged: files.length - doubtful.length,
    doubtful,
    removed: [...records.keys()].filter((key) => !keys.has(key)).sort(),
  };
}
