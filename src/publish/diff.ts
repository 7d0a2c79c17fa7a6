/** Compares what a walk found with what a stream holds, without reading a file. */
import { bytesEqual, type SignedRecord } from '../core/record.ts';
import type { StatEntry } from '../store/stat-cache.ts';
import { isSameStamp } from './disk-stat.ts';
import type { DiskFile } from './walk.ts';

/** A file that has to be read to know whether it changed. */
export type DoubtfulFile = {
  readonly file: DiskFile;
  /** The record the stream holds for it, if any. */
  readonly record: SignedRecord | undefined;
  /** Hash of that record's content, where it is remembered. */
  readonly contentHash: Uint8Array | undefined;
};

/** What {@link diffSite} found. */
export type SiteDiff = {
  /** Their stamp is that of the content the stream holds: not read. */
  readonly unchanged: StatEntry[];
  readonly doubtful: DoubtfulFile[];
  /** Keys of the records without a file, sorted. */
  readonly removed: string[];
};

/**
 * Compares a site with a stream.
 *
 * @param records - the stream's file records, by key
 * @param known - the stat cache, by key; a row counts only while the record still has its hash
 */
export function diffSite(
  files: readonly DiskFile[],
  records: ReadonlyMap<string, SignedRecord>,
  known: ReadonlyMap<string, StatEntry>,
): SiteDiff {
  const unchanged: StatEntry[] = [];
  const doubtful: DoubtfulFile[] = [];
  const keys = new Set<string>();
  for (const file of files) {
    keys.add(file.key);
    const record = records.get(file.key);
    const row = known.get(file.key);
    const isCurrent =
      row !== undefined && record !== undefined && bytesEqual(row.valueHash, record.hash);
    if (isCurrent && isSameStamp(row, file.stamp)) unchanged.push(row);
    else doubtful.push({ file, record, contentHash: isCurrent ? row.contentHash : undefined });
  }
  return {
    unchanged,
    doubtful,
    removed: [...records.keys()].filter((key) => !keys.has(key)).sort(),
  };
}
