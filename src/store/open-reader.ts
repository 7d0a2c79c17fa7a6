/**
 * Opening a stream file for reading, also where nothing can be written: a read-only disk, a file of
 * another user, no byte free.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { type Connection, connect } from './database.ts';
import { fileError } from './durable-file.ts';
import { StreamReader } from './reader.ts';
import { checkSchema, ensureIndexes, type LocalSchema } from './schema.ts';
import { checkJournal, checkStreamFile, hasFile, isWritable, sizeOf } from './stream-file.ts';

/**
 * Opens a stream file for reading.
 *
 * A file that another program made gets our indexes where it can be written; nothing else in it is
 * touched. Where it cannot be written it is read as it is, where SQLite cannot even make its log,
 * from a copy in memory.
 *
 * @throws {DrayerError} STREAM_NOT_FOUND when there is no such file, or nothing in it yet
 * @throws {DrayerError} STREAM_INVALID when it is no stream
 */
export function openReader(path: string): StreamReader {
  const connection = openReadable(path);
  try {
    return new StreamReader(connection, addIndexes(connection, checkSchema(connection)));
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * The same of a file that is to be one stream's.
 *
 * @throws {DrayerError} KEY_MISMATCH when it is another's
 */
export function openReaderOf(path: string, publicKey: Uint8Array): StreamReader {
  const reader = openReader(path);
  if (bytesEqual(reader.publicKey, publicKey)) return reader;
  reader.close();
  const wanted = formatStreamId(publicKey);
  throw new DrayerError('KEY_MISMATCH', `${path}: expected stream ${wanted}, got ${reader.id}`, {
    hint: 'give another path for this stream',
  });
}

/** Opens a connection that only reads, wherever the file lies. */
export function openReadable(path: string): Connection {
  checkStreamFile(path);
  checkJournal(path);
  if (hasFile(`${path}-journal`) && isWritable(path)) openWritable(path).close();
  const connection = connect(path, { readonly: true });
  try {
    // Opening reads nothing; the first statement finds out whether the log can be made.
    connection.query('SELECT count(*) FROM sqlite_schema').get();
    return connection;
  } catch (error) {
    connection.close();
    const isStuck = (['STORAGE_FAILED', 'STREAM_READ_ONLY'] as const).some((code) =>
      isDrayerError(error, code),
    );
    if (isStuck) return openCopy(path);
    throw error;
  }
}

/** Opens a connection that may write; rolls back what a killed process left in the middle. */
export function openWritable(path: string): Connection {
  checkJournal(path);
  const connection = connect(path);
  try {
    connection.query('SELECT count(*) FROM sqlite_schema').get();
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Gives a file the indexes it lacks, where that is possible; returns what it has then. */
export function addIndexes(connection: Connection, found: LocalSchema): LocalSchema {
  if (found.hasIndexes || connection.isCopy || !isWritable(connection.path)) return found;
  const writer = openWritable(connection.path);
  try {
    writer.writing(() => ensureIndexes(writer));
  } catch (error) {
    // Busy, or full: it is read without them, slower.
    if (!isDrayerError(error)) throw error;
    return found;
  } finally {
    writer.close();
  }
  return checkSchema(connection);
}

// F15: a file in WAL mode needs a log beside it even to be read. In memory it does not, once its
// header says so.
function openCopy(path: string): Connection {
  if (hasFile(`${path}-journal`)) {
    const message = `${path}: a program was stopped in the middle of writing it`;
    const hint = 'open it once where it can be written';
    throw new DrayerError('STREAM_INVALID', message, { hint });
  }
  // What is in the log is the newer part of the stream, so it is needed too.
  const isInMemory = !hasFile(`${path}-wal`) && sizeOf(path) <= MEMORY_BYTES;
  try {
    return isInMemory ? openInMemory(path) : openElsewhere(path);
  } catch (cause) {
    if (cause instanceof DrayerError) throw cause;
    throw fileError(path, 'cannot read the stream where it lies, nor copy it', cause);
  }
}

/** Largest file that is opened in memory. */
const MEMORY_BYTES = 256 * 1024 * 1024;

function openInMemory(path: string): Connection {
  const bytes = readFileSync(path);
  bytes.fill(1, 18, 20);
  return connect(path, { bytes });
}

function openElsewhere(path: string): Connection {
  const directory = mkdtempSync(join(tmpdir(), 'drayer-read-'));
  const copy = join(directory, basename(path));
  try {
    copyFileSync(path, copy);
    if (hasFile(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
    const connection = connect(path, { copy });
    connection.query('SELECT count(*) FROM sqlite_schema').get();
    return connection;
  } finally {
    // The open connection keeps what it needs.
    rmSync(directory, { recursive: true, force: true });
  }
}
