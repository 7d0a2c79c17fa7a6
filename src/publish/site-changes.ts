/** What a publish changes, file by file, with sizes: for who wants to look before. */
import { isDrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import { decodeFile } from '../files/file-record.ts';
import type { StreamReader } from '../store/reader.ts';
import { contentBytes } from './held-content.ts';
import type { Done } from './held-site.ts';

/** One file that is not in the stream as it is in the directory. */
export type FileChange = {
  readonly path: string;
  readonly change: 'added' | 'changed' | 'removed';
  /** Bytes of the content in the stream; undefined for a new file, or where they cannot be told. */
  readonly before: number | undefined;
  /** Bytes of the content in the directory; undefined for a file that is gone. */
  readonly after: number | undefined;
};

/** Lists the changes of a publish, by path. */
export function changesOf(
  reader: StreamReader,
  { files, diff, reading }: Pick<Done, 'files' | 'diff' | 'reading'>,
): FileChange[] {
  const changes = reading.fresh.map(({ key, bytes }): FileChange => {
    const record = files.records.get(key);
    const before = record && contentSize(reader, record);
    return { path: key, change: record ? 'changed' : 'added', before, after: bytes };
  });
  for (const key of diff.removed) {
    const record = files.records.get(key);
    const before = record && contentSize(reader, record);
    changes.push({ path: key, change: 'removed', before, after: undefined });
  }
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function contentSize(reader: StreamReader, record: SignedRecord): number | undefined {
  const value = reader.readValue(record);
  try {
    return value && contentBytes(decodeFile(value).gzip);
  } catch (error) {
    // Written by another program, or damaged.
    if (isDrayerError(error, 'FILE_RECORD_INVALID')) return undefined;
    throw error;
  }
}
