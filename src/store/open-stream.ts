/**
 * Making and opening streams. Made: the key first, so that no stream is ever without it, then the
 * file, in one transaction. Opened: with the private key beside it, or given, the stream is
 * writable.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual, type Micros } from '../core/record.ts';
import { demandSignatures } from './check-signatures.ts';
import { type Connection, connect, prepareForWriting } from './database.ts';
import { syncDirectory } from './durable-file.ts';
import {
  generateKeyPair,
  isKeyPair,
  keyPathOf,
  publicKeyOf,
  readKeyFile,
  writeNewKey,
} from './key-file.ts';
import { LIFETIME_ATTRIBUTE, LocalAttributes, SNAPSHOTS_ATTRIBUTE } from './local-attributes.ts';
import {
  isRestoredMark,
  markPathOf,
  RECOVER_HINT,
  readMark,
  UNUSED_MARK,
  writeMark,
} from './mark.ts';
import { addIndexes, openReadable, openWritable } from './open-reader.ts';
import { StreamReader } from './reader.ts';
import {
  checkSchema,
  createTables,
  ensureIndexes,
  ensureTables,
  isEmptyFile,
  type LocalSchema,
  readPublicKey,
} from './schema.ts';
import { Stream } from './stream.ts';
import { checkJournal, checkStreamFile, hasFile, isWritable } from './stream-file.ts';
import { uncheckedOf } from './unchecked.ts';

/** What {@link openStream} is told besides the path. */
export type OpenStreamOptions = {
  /** 64 bytes, seed then public key; the key file beside the stream by default. */
  readonly secretKey?: Uint8Array | undefined;
  /** The clock, in micros; the system's by default. */
  readonly now?: (() => Micros) | undefined;
  /**
   * How long visitors may take a generation for fresh, in micros, 0 for ever (R20). Kept in the file: by
   * default it is as it was given last, and for ever in a new one.
   */
  readonly lifetimeMicros?: number | undefined;
};

/** What {@link createStream} is told besides the path. */
export type CreateStreamOptions = OpenStreamOptions & {
  /**
   * Whether each generation ends with a snapshot, without which nothing can be proved (R20).
   * Default true.
   */
  readonly snapshots?: boolean | undefined;
  /** The caller knows that the key beside the path has signed nothing, though no mark says so. */
  readonly unusedKey?: boolean | undefined;
};

/**
 * Makes a new, empty stream. Its private key is written beside it, unless one is given.
 *
 * @throws {DrayerError} STREAM_EXISTS when there is a file or a key of that name
 * @throws {DrayerError} DIRECTORY_NOT_FOUND when there is nowhere to put it
 * @throws {DrayerError} STREAM_BEHIND_MARK when the key there has signed a stream that is gone, or
 *   may have: nothing beside it says that it is new
 * @example
 * const stream = createStream('notes.stream');
 * stream.set('hello', { text: 'world' });
 */
export function createStream(path: string, options: CreateStreamOptions = {}): Stream {
  const { snapshots = true, unusedKey } = options;
  if (unusedKey && isRestoredMark(markPathOf(path))) writeMark(markPathOf(path), UNUSED_MARK);
  checkAbsent(path);
  const secretKey = options.secretKey ?? keyForNew(path, unusedKey);
  checkSecretKey(secretKey);

  const connection = connect(path, { create: true });
  try {
    connection.writing(() => {
      if (!isEmptyFile(connection)) throw alreadyExists(path);
      createTables(connection, publicKeyOf(secretKey));
      if (!snapshots) new LocalAttributes(connection).set(SNAPSHOTS_ATTRIBUTE, 'no');
    });
  } finally {
    connection.close();
  }
  syncDirectory(path);
  return openStream(path, { ...options, secretKey });
}

/**
 * Opens a stream: writable with the private key, which is looked for beside the file, else for
 * reading.
 *
 * A file of the original program gets our indexes and local tables, beside its own.
 *
 * @throws {DrayerError} STREAM_NOT_FOUND when there is no such file, or nothing in it yet
 * @throws {DrayerError} STREAM_INVALID when it is no stream; USAGE when it is no file
 * @throws {DrayerError} KEY_MODE, KEY_INVALID when the key file cannot be used
 * @throws {DrayerError} KEY_MISMATCH when the key belongs to another stream
 * @throws {DrayerError} SIGNATURE_INVALID when it is a mirror whose signatures were still to be checked,
 *   and one is wrong
 */
export function openStream(path: string, options: OpenStreamOptions = {}): Stream {
  const { now = systemClock } = options;
  checkStreamFile(path);
  const secretKey = options.secretKey ?? keyBeside(path);
  if (secretKey !== undefined) checkSecretKey(secretKey);

  const canWrite = secretKey !== undefined && isWritable(path);
  const connection = canWrite ? openWritable(path) : openReadable(path);
  try {
    const local = checkSchema(connection);
    if (secretKey !== undefined) checkKeyOf(connection, secretKey, options.secretKey !== undefined);
    if (!canWrite) {
      const reader = new StreamReader(connection, addIndexes(connection, local));
      const writer = secretKey === undefined ? noKey(path) : notWritable(path);
      return new Stream({ connection, reader, now, writer });
    }
    const reader = new StreamReader(connection, completeSchema(connection, local));
    // Nothing is signed on top of what its key may not have signed.
    if (uncheckedOf(reader) !== undefined) demandSignatures(path);
    // Where it is now, also when the program works in another folder later.
    const markPath = resolve(markPathOf(path));
    const hasSnapshots = isWithSnapshots(connection, reader);
    const lifetimeMicros = keepLifetime(connection, options.lifetimeMicros);
    const writer = { secretKey, markPath, hasSnapshots, lifetimeMicros };
    return new Stream({ connection, reader, now, writer });
  } catch (error) {
    connection.close();
    throw error;
  }
}

function systemClock(): Micros {
  return Date.now() * 1000;
}

// A file that a crash left before its first transaction was complete counts as absent: SQLite rolls
// it back to nothing when it opens it.
function checkAbsent(path: string): void {
  if (!existsSync(dirname(path))) {
    throw new DrayerError('DIRECTORY_NOT_FOUND', `${dirname(path)}: no such directory`);
  }
  if (hasFile(path) && !hasFile(`${path}-journal`)) throw alreadyExists(path);
  checkJournal(path);
  if ((readMark(markPathOf(path))?.modified ?? 0) === 0) return;
  const message = `${path}: the stream is gone, but its key has signed it before`;
  throw new DrayerError('STREAM_BEHIND_MARK', message, { hint: RECOVER_HINT });
}

function alreadyExists(path: string): DrayerError {
  return new DrayerError('STREAM_EXISTS', `${path}: there is a file of this name already`);
}

// A key whose mark says that it has signed nothing was made right before a crash, or by hand: it
// serves. One without a mark was restored, for all we know, and its stream is somewhere else.
function keyForNew(path: string, isUnused = false): Uint8Array {
  const held = keyBeside(path);
  if (held !== undefined) {
    if (isUnused || readMark(markPathOf(path)) !== undefined) return held;
    throw maybeUsed(path, keyPathOf(path));
  }
  const { secretKey } = generateKeyPair();
  writeNewKey(keyPathOf(path), secretKey);
  return secretKey;
}

/** The error that says that a key without its stream is not begun anew with. */
export function maybeUsed(path: string, keyName: string): DrayerError {
  const message = `${path}: there is no such stream, but ${keyName} may have signed one; a second one would divide its readers`;
  return new DrayerError('STREAM_BEHIND_MARK', message, {
    hint: `fetch it from a server that has it: drayer recover ${path} --from URL; only if nothing was ever published with this key: drayer publish --unused-key`,
  });
}

function keyBeside(path: string): Uint8Array | undefined {
  try {
    return readKeyFile(keyPathOf(path));
  } catch (error) {
    if (isDrayerError(error, 'KEY_NOT_FOUND')) return undefined;
    throw error;
  }
}

function checkSecretKey(secretKey: Uint8Array): void {
  const isSound = secretKey.length === 64 && isKeyPair(secretKey);
  if (!isSound) throw new DrayerError('KEY_INVALID', 'expected a private key of 64 bytes');
}

function checkKeyOf(connection: Connection, secretKey: Uint8Array, isGiven: boolean): void {
  if (bytesEqual(publicKeyOf(secretKey), readPublicKey(connection))) return;
  const message = `${connection.path}: the private key belongs to another stream`;
  const hint = isGiven
    ? 'give the key that was made with this stream'
    : 'put the key that was made with this stream beside it';
  throw new DrayerError('KEY_MISMATCH', message, { hint });
}

function completeSchema(connection: Connection, local: LocalSchema): LocalSchema {
  prepareForWriting(connection);
  if (local.hasIndexes && local.hasTables) return local;
  connection.writing(() => {
    ensureIndexes(connection);
    ensureTables(connection);
  });
  return { hasIndexes: true, hasTables: true };
}

// A stream that has a snapshot keeps having one: its mirrors demand it (R20).
function isWithSnapshots(connection: Connection, reader: StreamReader): boolean {
  const attribute = new LocalAttributes(connection).get(SNAPSHOTS_ATTRIBUTE);
  return attribute !== 'no' || reader.generation().snapshot !== undefined;
}

function keepLifetime(connection: Connection, given: number | undefined): number | undefined {
  const attributes = new LocalAttributes(connection);
  const kept = Number(attributes.get(LIFETIME_ATTRIBUTE) ?? 0);
  const lifetime = given ?? kept;
  if (lifetime !== kept) {
    const text = lifetime === 0 ? undefined : String(lifetime);
    connection.writing(() => attributes.set(LIFETIME_ATTRIBUTE, text));
  }
  return lifetime || undefined;
}

function noKey(path: string): DrayerError {
  const hint = `copy its private key to ${keyPathOf(path)}, or give it in DRAYER_KEY`;
  const message = `${path}: without its private key this stream can only be read`;
  return new DrayerError('STREAM_READ_ONLY', message, { hint });
}

function notWritable(path: string): DrayerError {
  const hint = 'check who owns the file and its directory';
  return new DrayerError('STREAM_READ_ONLY', `${path}: the file cannot be written`, { hint });
}
