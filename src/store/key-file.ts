/**
 * The private key of a stream, in a file beside it, in the original's form: the base64 of the
 * 64-byte secret key (seed, then public key), 88 characters. Content is never echoed in a message.
 */
import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { createSynced, fileError, isErrno } from './durable-file.ts';
import { beginMark, markPathOfKey, readMark, writeRestoredMark } from './mark.ts';

/** An Ed25519 key pair: 32 bytes public; 64 bytes secret, seed then public key. */
export type KeyPair = { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };

/** Path of the private key that belongs to the stream at `streamPath`. */
export function keyPathOf(streamPath: string): string {
  return `${streamPath}.privatekey`;
}

/** Makes a new key pair from the system's random source. */
export function generateKeyPair(): KeyPair {
  const seed = randomBytes(32);
  const publicKey = publicHalfOf(seed);
  return { publicKey, secretKey: new Uint8Array([...seed, ...publicKey]) };
}

/** Returns the public half of a secret key. */
export function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  return secretKey.slice(32);
}

/**
 * Returns the secret key in a text: 88 characters of base64, white space around it ignored.
 *
 * @param name - what the text is called in an error message; the text itself never appears
 * @returns 64 bytes, seed then public key
 * @throws {DrayerError} KEY_INVALID when it is something else, or its halves do not belong together
 */
export function parseSecretKey(text: string, name = 'the private key'): Uint8Array {
  const trimmed = text.trim();
  const bytes = new Uint8Array(Buffer.from(trimmed, 'base64'));
  if (bytes.length !== 64 || Buffer.from(bytes).toString('base64') !== trimmed) {
    const got = trimmed === '' ? 'nothing' : `${trimmed.length} characters of something else`;
    const message = `${name}: expected the base64 of 64 bytes, got ${got}`;
    throw new DrayerError('KEY_INVALID', message, { hint: KEY_HINT });
  }
  if (!isKeyPair(bytes)) {
    const message = `${name}: its secret and its public half do not belong together`;
    throw new DrayerError('KEY_INVALID', message, { hint: KEY_HINT });
  }
  return bytes;
}

/**
 * Tells whether the halves of a secret key belong together. By Node's own crypto, which is loaded
 * anyway: who publishes nothing new has no other use for a suite of its own.
 *
 * @param secretKey - 64 bytes, seed then public key
 */
export function isKeyPair(secretKey: Uint8Array): boolean {
  return bytesEqual(publicHalfOf(secretKey.subarray(0, 32)), secretKey.subarray(32));
}

function publicHalfOf(seed: Uint8Array): Uint8Array {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_ED25519, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' });
  return new Uint8Array(Buffer.from(x, 'base64url'));
}

/** What stands before the seed in the DER of an Ed25519 private key (RFC 8410 §7). */
const PKCS8_ED25519: Buffer = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Returns a secret key as {@link parseSecretKey} reads it. */
export function formatSecretKey(secretKey: Uint8Array): string {
  return Buffer.from(secretKey).toString('base64');
}

/** Options of {@link readKeyFile}. */
export type ReadKeyFileOptions = {
  /** Also a file that others can read: a secret mounted into a container often is one. */
  readonly allowReadable?: boolean | undefined;
};

/**
 * Reads a private key file.
 *
 * @returns 64 bytes, seed then public key
 * @throws {DrayerError} KEY_NOT_FOUND when there is none
 * @throws {DrayerError} KEY_MODE when others than the owner can read it, unless that is allowed
 * @throws {DrayerError} KEY_INVALID when it is not a key
 */
export function readKeyFile(path: string, options: ReadKeyFileOptions = {}): Uint8Array {
  const file = openKey(path);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) {
      throw new DrayerError('KEY_INVALID', `${path}: expected a file with a private key in it`, {
        hint: 'name the key file itself, for example site.stream.privatekey',
      });
    }
    // Windows reports no modes; its files belong to the user by default.
    const isOpen = process.platform !== 'win32' && (stats.mode & 0o077) !== 0;
    if (isOpen && options.allowReadable !== true) {
      const message = `${path}: other users of this machine can read the private key`;
      throw new DrayerError('KEY_MODE', message, {
        hint: `run: chmod 600 ${JSON.stringify(path)}`,
      });
    }
    const bytes = Buffer.alloc(MAX_KEY_FILE_BYTES);
    const length = readSync(file, bytes, 0, MAX_KEY_FILE_BYTES, 0);
    return parseSecretKey(bytes.toString('latin1', 0, length), path);
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a private key file, readable by its owner alone from its first byte (0600), all or
 * nothing, and on disk when this returns.
 *
 * @throws {DrayerError} STREAM_EXISTS when there is a key already; it is never overwritten
 */
export function writeKeyFile(path: string, secretKey: Uint8Array): void {
  writeSecretFile(path, formatSecretKey(secretKey), 'private key');
}

/**
 * Writes a file with a secret in it as {@link writeKeyFile} does.
 *
 * @param what - what it holds, for the message: `private key`
 * @throws {DrayerError} STREAM_EXISTS when there is a file already; it is never overwritten
 * @throws {DrayerError} USAGE when there is a folder
 */
export function writeSecretFile(path: string, content: string, what: string): void {
  if (tryCreate(path, content, what)) return;
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    const hint = `name a file in it: ${JSON.stringify(join(path, 'site.key'))}`;
    throw new DrayerError('USAGE', `${path}: expected the name of a new file, found a folder`, {
      hint,
    });
  }
  throw new DrayerError('STREAM_EXISTS', `${path}: there is a ${what} already`);
}

function tryCreate(path: string, content: string, what: string): boolean {
  try {
    return createSynced(path, content, 0o600);
  } catch (cause) {
    throw fileError(path, `cannot write the ${what}`, cause);
  }
}

/**
 * Checks that there is a folder to write a key file into.
 *
 * @throws {DrayerError} STORAGE_FAILED
 */
export function checkKeyFolder(path: string): void {
  const folder = dirname(path);
  if (existsSync(folder)) return;
  const message = `${path}: cannot write the private key: its folder is missing`;
  throw new DrayerError('STORAGE_FAILED', message, {
    hint: `make the folder first: mkdir -p ${JSON.stringify(folder)}`,
  });
}

/**
 * Writes the file of a key that was made just now, and first the mark that says it has signed nothing:
 * a key without any mark may be a restored one, and no stream is begun with it.
 *
 * @throws {DrayerError} STREAM_EXISTS when there is a key already
 */
export function writeNewKey(path: string, secretKey: Uint8Array): void {
  const markPath = markPathOfKey(path);
  if (!existsSync(path) && readMark(markPath) === undefined) beginMark(markPath);
  writeKeyFile(path, secretKey);
}

/**
 * Writes the file of a key that was restored from a backup. Where no mark lies beside it, one is left
 * that says so: the key may have signed more than a stream file here knows (R11).
 *
 * @throws {DrayerError} STREAM_EXISTS when there is a key already
 */
export function writeRestoredKey(path: string, secretKey: Uint8Array): void {
  const markPath = markPathOfKey(path);
  const isUnknown = !existsSync(path) && !existsSync(markPath);
  if (isUnknown) writeRestoredMark(markPath);
  writeKeyFile(path, secretKey);
}

/** A key file is 88 characters; anything much longer is another file. */
const MAX_KEY_FILE_BYTES = 1024;

const KEY_HINT =
  'give what the key file holds, one line of 88 characters; or restore the file from your backup of the key: drayer key restore';

function openKey(path: string): number {
  try {
    // Without O_NONBLOCK a FIFO in its place would hang the program.
    return openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT')) throw fileError(path, 'cannot read the private key', cause);
    const hint = 'copy the key here, or give it in DRAYER_KEY';
    throw new DrayerError('KEY_NOT_FOUND', `${path}: no private key`, { cause, hint });
  }
}
