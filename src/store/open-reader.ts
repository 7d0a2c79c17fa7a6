/**
 * Opening a stream file for reading, also where nothing can be written: a read-only disk, a file of
 * another user, no byte free.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { type Connection, connect } from './database.ts';
import { fileError, isErrno } from './durable-file.ts';
import { StreamReader } from './reader.ts';
import { checkSchema, ensureIndexes, type LocalSchema } from './schema.ts';

/**
 * Opens a stream file for reading.
 *
 * A file that another program made gets our indexes where it can be written; nothing else in it is
 * touched. Where it cannot be written it is read as it is, where SQLite cannot even make its log, from a copy in memory.
 *
 * @throws {DrayerError} STREAM_NOT_FOUND when there is no such file, or nothing in it yet
 * @throws {DrayerError} STREAM_INVALID when it is no stream
 */
export function openReader(path: string): StreamReader {
  const connection = openReadable(path);
  try {
    return new StreamReader(connection, addIndexes(connection));
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Checks that a path is a file, so that the answer to a wrong one is a sentence. */
export function checkStreamFile(path: string): void {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw new DrayerError('STREAM_INVALID', `${path}: expected a file`);
    if (stats.size === 0) {
      throw new DrayerError('STREAM_NOT_FOUND', `${path}: the file is empty, no stream yet`);
    }
  } catch (cause) {
    if (cause instanceof DrayerError) throw cause;
    if (!isErrno(cause, 'ENOENT')) throw fileError(path, 'cannot open the stream', cause);
    throw new DrayerError('STREAM_NOT_FOUND', `${path}: no such stream`, { cause });
  }
}

function openReadable(path: string): Connection {
  checkStreamFile(path);
  const connection = connect(path, { readonly: true });
  try {
    // Opening reads nothing; the first statement finds out whether the log can be made.
    connection.query('SELECT count(*) FROM sqlite_schema').get();
    return connection;
  } catch (error) {
    connection.close();
    const isStuck =
      isDrayerError(error, 'STORAGE_FAILED') || isDrayerError(error, 'STREAM_READ_ONLY');
    if (isStuck) return openCopy(path);
    throw error;
  }
}

function addIndexes(connection: Connection): LocalSchema {
  const found = checkSchema(connection);
  if (found.hasIndexes) return found;
  try {
    const writer = connect(connection.path);
    try {
      writer.writing(() => ensureIndexes(writer));
    } finally {
      writer.close();
    }
    return checkSchema(connection);
  } catch (error) {
    // Then it is read without them.
    if (isDrayerError(error)) return found;
    throw error;
  }
}

// F15: a file in WAL mode needs a log beside it even to be read. In memory it does not, once its header says so.
function openCopy(path: string): Connection {
  if (logSize(path) > 0) return openCopiedWithLog(path);
  const bytes = readFileSync(path);
  bytes.fill(1, 18, 20);
  return connect(path, { bytes });
}

// What is in the log is the newer part of the stream, so both are needed, in a place that can be written.
function openCopiedWithLog(path: string): Connection {
  const directory = mkdtempSync(join(tmpdir(), 'drayer-read-'));
  const copy = join(directory, basename(path));
  try {
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    const connection = connect(copy);
    connection.query('SELECT count(*) FROM sqlite_schema').get();
    return connection;
  } finally {
    // The open connection keeps what it needs.
    rmSync(directory, { recursive: true, force: true });
  }
}

function logSize(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
}
