/**
 * Taking in a stream file that somebody else made (a download, a USB stick). Such a file is never
 * opened where it lies: a journal beside it can delete other files, a trigger in it can change what
 * is read, and SQLite would write to it. Its bytes are read, opened in memory, and every record is
 * checked on its way into a file of our own.
 */
import { closeSync, constants, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual, type SignedRecord } from '../core/record.ts';
import { verifyRecord } from '../core/signing.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { type Connection, connect } from './database.ts';
import { fileError, isErrno } from './durable-file.ts';
import { bareRecord, type MirrorStore, openMirrorStore } from './mirror-store.ts';
import { promoteStaged } from './promote.ts';
import { type Generation, StreamReader } from './reader.ts';
import { checkSchema, readPublicKey } from './schema.ts';

/** What {@link importStream} is told besides the two paths. */
export type ImportOptions = {
  /** Whose stream it has to be; by default whoever's it says it is. */
  readonly publicKey?: Uint8Array | undefined;
  /** Largest file, which is held in memory. Default 1 GiB. */
  readonly maxBytes?: number | undefined;
};

const MAX_BYTES = 1024 * 1024 * 1024;
/** Records checked and stored at once; fewer where their values are large. */
const STEP_RECORDS = 500;
const STEP_BYTES = 8 * 1024 * 1024;

/**
 * Imports a stream file: a complete generation with every signature checked, or nothing.
 *
 * @param pathFrom - the foreign file; it is only read, and nothing beside it is
 * @param pathTo - a new mirror file
 * @throws {DrayerError} STREAM_INVALID when it is no stream file to the letter, or a record in it does
 *   not hold; STREAM_NOT_FOUND, TOO_LARGE
 * @throws {DrayerError} STREAM_EXISTS when there is something at `pathTo`
 * @throws {DrayerError} KEY_MISMATCH when it is another stream than the given one
 */
export async function importStream(
  pathFrom: string,
  pathTo: string,
  { publicKey, maxBytes = MAX_BYTES }: ImportOptions = {},
): Promise<Generation> {
  if (existsSync(pathTo)) {
    throw new DrayerError('STREAM_EXISTS', `${pathTo}: there is a stream already`);
  }
  const connection = connect(pathFrom, { bytes: readForeign(pathFrom, maxBytes) });
  try {
    const reader = openForeign(connection);
    if (publicKey !== undefined && !bytesEqual(reader.publicKey, publicKey)) {
      const message = `${pathFrom}: expected stream ${formatStreamId(publicKey)}, got ${reader.id}`;
      throw new DrayerError('KEY_MISMATCH', message);
    }
    const store = openMirrorStore(pathTo, reader.publicKey);
    try {
      return await copyStream(reader, store);
    } finally {
      // Half an import is of no use to the next one.
      store.discard();
      store.close();
    }
  } finally {
    connection.close();
  }
}

async function copyStream(reader: StreamReader, store: MirrorStore): Promise<Generation> {
  const { path, publicKey, view } = reader;
  store.begin();
  store.restart('visible');
  for (const records of inSteps(reader)) {
    for (const record of records) checkRecordOf(path, record, publicKey);
    store.view.apply(records.map((record) => ({ kind: 'put', record: bareRecord(record) })));
    store.write(records.map((record) => ({ kind: 'put', record })));
  }
  const promotion = await store.promote(view.modifiedTip(), promoteStaged);
  if (promotion.kind === 'complete') return promotion.generation;
  const detail = 'detail' in promotion ? promotion.detail : 'its chains have holes';
  throw new DrayerError('STREAM_INVALID', `${path}: holds no complete generation: ${detail}`);
}

/** The bytes of a file, read without following a link or waiting for a pipe, as a database at rest. */
function readForeign(path: string, maxBytes: number): Buffer {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) {
      throw new DrayerError('STREAM_NOT_FOUND', `${path}: no such stream`, { cause });
    }
    throw fileError(path, 'cannot open the file to import', cause);
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw invalid(path, 'expected a file');
    if (stats.size > maxBytes) {
      const message = `${path}: has ${stats.size} bytes, at most ${maxBytes} are imported`;
      throw new DrayerError('TOO_LARGE', message);
    }
    const bytes = Buffer.alloc(stats.size);
    for (let at = 0, read = 1; at < bytes.length && read > 0; at += read) {
      read = readSync(file, bytes, at, bytes.length - at, at);
    }
    if (!bytes.subarray(0, 16).equals(MAGIC)) throw invalid(path, 'expected an SQLite file');
    // At rest: without a write-ahead log, which in memory there cannot be.
    bytes.fill(1, 18, 20);
    return bytes;
  } finally {
    closeSync(file);
  }
}

const MAGIC = Buffer.from('SQLite format 3\0', 'latin1');

function openForeign(connection: Connection): StreamReader {
  const { path } = connection;
  // First: what follows relies on the file being what it seems (SQLite's own advice).
  if (connection.pragma('integrity_check(1)') !== 'ok') throw invalid(path, 'the file is damaged');
  checkSchema(connection);
  readPublicKey(connection);
  const foreign = connection
    .query<{ n: number }>("SELECT count(*) AS n FROM record WHERE chain IS NOT x''")
    .get();
  if (foreign?.n !== 0) throw invalid(path, 'expected no rows of other chains');
  // Its own indexes, whatever they are called, are not relied on.
  return new StreamReader(connection, { hasIndexes: false, hasTables: false });
}

function* inSteps(reader: StreamReader): Generator<SignedRecord[]> {
  let step: SignedRecord[] = [];
  let bytes = 0;
  for (let after = 0; ; ) {
    const page = reader.recordsSince(after, STEP_RECORDS);
    for (const record of page) {
      const value = reader.readValue(record);
      if (value === undefined) throw invalid(reader.path, `record ${record.id} has no value`);
      step.push({ ...record, value });
      bytes += value.length;
      if (bytes < STEP_BYTES) continue;
      yield step;
      step = [];
      bytes = 0;
    }
    if (step.length > 0) yield step;
    step = [];
    bytes = 0;
    after = page.at(-1)?.modified ?? after;
    if (page.length < STEP_RECORDS) return;
  }
}

function checkRecordOf(path: string, record: SignedRecord, publicKey: Uint8Array): void {
  try {
    verifyRecord(record, publicKey);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new DrayerError('STREAM_INVALID', `${path}: ${message}`, { cause });
  }
}

function invalid(path: string, message: string): DrayerError {
  return new DrayerError('STREAM_INVALID', `${path}: ${message}`);
}
