/** What lies at the path of a stream, before anything is opened. */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { fileError, isErrno } from './durable-file.ts';

/** Checks that a path is a file, so that the answer to a wrong one is a sentence. */
export function checkStreamFile(path: string): void {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) {
      throw new DrayerError('USAGE', `${path}: expected a stream file, found something else`, {
        hint: 'name the file itself, for example site.stream',
      });
    }
    if (stats.size === 0) {
      throw new DrayerError('STREAM_NOT_FOUND', `${path}: the file is empty, no stream yet`);
    }
  } catch (cause) {
    if (cause instanceof DrayerError) throw cause;
    if (!isErrno(cause, 'ENOENT')) throw fileError(path, 'cannot open the stream', cause);
    throw new DrayerError('STREAM_NOT_FOUND', `${path}: no such stream`, { cause });
  }
}

/** Tells whether there is a file that is not empty. */
export function hasFile(path: string): boolean {
  return sizeOf(path) > 0;
}

/** Tells whether a stream file and its directory, where its log goes, can be written. */
export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    accessSync(dirname(path), constants.W_OK);
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'EROFS'].some((code) => isErrno(error, code))) return false;
    throw fileError(path, 'cannot open the stream', error);
  }
}

/**
 * Refuses a rollback journal that names another file. SQLite would delete that file, whichever it
 * is, when it rolls the journal back (F4); no journal of ours or of the original's names one.
 *
 * @throws {DrayerError} STREAM_INVALID
 */
export function checkJournal(path: string): void {
  const journal = `${path}-journal`;
  const size = sizeOf(journal);
  if (size < JOURNAL_MAGIC.length || !endOf(journal, size)?.equals(JOURNAL_MAGIC)) return;
  const hint = `if the stream comes from elsewhere, delete ${journal}`;
  throw new DrayerError('STREAM_INVALID', `${journal}: this journal is not of this stream`, {
    hint,
  });
}

/** Bytes of a file; 0 where there is none. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

const JOURNAL_MAGIC = Buffer.from('d9d505f920a163d7', 'hex');

/** Undefined where it is gone: a writer elsewhere has committed in this moment. */
function endOf(path: string, size: number): Buffer | undefined {
  const end = Buffer.alloc(JOURNAL_MAGIC.length);
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    readSync(file, end, 0, end.length, size - end.length);
    return end;
  } finally {
    closeSync(file);
  }
}
