/** What a stream holds of a site: its file records, and what is remembered of the files behind them. */
import { isDrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import type { Generation } from '../store/reader.ts';
import type { StatEntry } from '../store/stat-cache.ts';
import type { Stream } from '../store/stream.ts';
import { FILE_TYPE } from '../store/typed-reads.ts';
import type { HeldFiles, SiteDiff } from './diff.ts';
import { digestListing } from './listing.ts';
import type { HeldFile, SiteReading } from './site-reading.ts';
import type { Walk, WalkSummary } from './walk.ts';

/** The stream before a publish. */
export type HeldSite = {
  readonly generation: Generation;
  /** Of the files' listing, if every file is remembered and the stream is still the same. */
  readonly digest: string | undefined;
  /** Whether there is no file record at all. */
  readonly isEmpty: boolean;
};

/** A publish that is done, or would be. */
export type Done = {
  readonly held: HeldSite;
  readonly files: HeldFiles;
  readonly walk: Walk;
  readonly diff: SiteDiff;
  readonly reading: SiteReading;
  readonly generation: Generation;
};

/** Reads what is known before the directory has been looked at. */
export function readHeldSite(stream: Stream): HeldSite {
  const { reader, statCache, writable } = stream;
  return reader.reading(() => {
    const generation = reader.generation();
    const isEmpty = reader.listByType(FILE_TYPE, { order: 'id', limit: 1 }).length === 0;
    const complete = writable ? statCache.complete() : undefined;
    const digest = complete?.tip === generation.tip ? complete.digest : undefined;
    return { generation, digest, isEmpty };
  });
}

/** Tells whether a site is what is remembered of it, file by file. */
export function isAsRemembered({ listing }: WalkSummary, { digest }: HeldSite): boolean {
  return digest !== undefined && digest === digestListing(listing);
}

/** Reads the file records and what is remembered of the files behind them. */
export function readHeldFiles(stream: Stream): HeldFiles {
  // A file of another program that cannot be written has no tables of ours.
  const known = stream.writable ? stream.statCache.all() : new Map<string, StatEntry>();
  return { known, records: readFileRecords(stream) };
}

/**
 * Remembers the disk files a publish has read. After its commit: an entry counts only while the stream
 * holds the value it was made for.
 */
export function remember(stream: Stream, { files, walk, diff, reading, generation }: Done): void {
  const read = [...reading.fresh, ...reading.same];
  const entries = read.flatMap(({ key, stamp, hash }) =>
    stamp === undefined ? [] : [{ key, stamp, valueHash: hash }],
  );
  const isComplete = reading.isAsFound && diff.unchanged + entries.length === walk.files.length;
  const complete =
    isComplete && walk.summary !== undefined
      ? { tip: generation.tip, digest: digestListing(walk.summary.listing) }
      : undefined;
  try {
    stream.statCache.save({ entries, gone: goneOf(files, walk, read), complete });
  } catch (error) {
    // The site is published; the next run reads a little more.
    if (!isDrayerError(error, 'STREAM_BUSY')) throw error;
  }
}

/** What is remembered of files that are not there any more, or may have changed again while they were read. */
function goneOf({ known }: HeldFiles, { files }: Walk, read: readonly HeldFile[]): string[] {
  if (known.size === 0) return [];
  const kept = new Set(files.map(({ key }) => key));
  for (const { key, stamp } of read) if (stamp === undefined) kept.delete(key);
  return [...known.keys()].filter((key) => !kept.has(key));
}

function readFileRecords(stream: Stream): Map<string, SignedRecord> {
  const records = new Map<string, SignedRecord>();
  for (const record of stream.reader.entries({ type: FILE_TYPE })) records.set(record.key, record);
  return records;
}
