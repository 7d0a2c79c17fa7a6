/** Compares what a walk found with what a stream holds, without reading a file. */
import { bytesEqual, type SignedRecord } from '../core/record.ts';
import type { DiskFile } from './walk.ts';

/** What was known of a disk file when it was last read; a row of the stat cache. */
export type KnownFile = {
  readonly key: string;
  /** See {@link DiskFile.stat}. */
  readonly stat: string;
  /** Of the value the stream held for it then. */
  readonly hash: Uint8Array;
  /** Of its content. */
  readonly contentHash: Uint8Array;
};

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
  /** Number of files whose stat is that of the content the stream holds. */
  readonly unchanged: number;
  readonly doubtful: DoubtfulFile[];
  /** Keys of the records without a file, sorted. */
  readonly removed: string[];
  /** Keys of the rows without a file. */
  readonly forgotten: string[];
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
  known: ReadonlyMap<string, KnownFile>,
): SiteDiff {
  const doubtful: DoubtfulFile[] = [];
  const keys = new Set<string>();
  for (const file of files) {
    keys.add(file.key);
    const record = records.get(file.key);
    const row = known.get(file.key);
    const isCurrent =
      row !== undefined && record !== undefined && bytesEqual(row.hash, record.hash);
    if (isCurrent && row.stat === file.stat) continue;
    doubtful.push({ file, record, contentHash: isCurrent ? row.contentHash : undefined });
  }
  return {
    unchanged: files.length - doubtful.length,
    doubtful,
    removed: [...records.keys()].filter((key) => !keys.has(key)).sort(),
    forgotten: [...known.keys()].filter((key) => !keys.has(key)),
  };
}
