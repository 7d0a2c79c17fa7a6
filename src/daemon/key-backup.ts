/** Backups of a secret key on paper, and keys restored from them. */
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { keyPairFromSeed } from '#crypto';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { decodeSecretWords, splitWords } from '../core/secret-words.ts';
import { formatStreamId } from '../core/stream-id.ts';
import {
  checkKeyFolder,
  keyPathOf,
  parseSecretKey,
  publicKeyOf,
  writeRestoredKey,
  writeSecretFile,
} from '../store/key-file.ts';
import { hasFile } from '../store/stream-file.ts';
import { readPrimaryServers } from '../store/typed-reads.ts';
import { renderKeyPaper } from './key-paper.ts';
import { readStreamId, withReader } from './stream-facts.ts';

/** The key that is to be backed up. */
export type BackupSource = {
  /** 64 bytes. */
  readonly secretKey: Uint8Array;
  /** Where its file is, or would be. */
  readonly keyPath: string;
  /** The stream it belongs to, where that is known. */
  readonly streamPath?: string | undefined;
};

/** Where the page of a key is written: beside its file, under a name that is never published. */
export function backupPathOf(keyPath: string): string {
  return `${keyPath.replace(/\.privatekey$/, '')}.privatekey.html`;
}

/**
 * Makes sure that a page does not come to lie in a site: what lies there gets published, or is served by
 * whatever else serves the folder.
 *
 * @param path - absolute, where the page is to be
 * @param folders - of sites, absolute, there or not
 * @throws {DrayerError} SECRET_EXPOSED when it would lie in one of them
 */
export function checkOutsideSites(path: string, folders: readonly string[]): void {
  const place = realPathOf(dirname(path));
  const site = folders.find(
    (folder) => !/^\.\.(?:[\\/]|$)/.test(relative(realPathOf(folder), place)),
  );
  if (site === undefined) return;
  const message = `${path}: lies in ${site}, and what lies there gets published`;
  throw new DrayerError('SECRET_EXPOSED', message, {
    hint: `choose a place elsewhere; without --out it is written beside the key, not into the site`,
  });
}

/** Where a path really is, as far as it is there. */
function realPathOf(path: string): string {
  if (existsSync(path) || dirname(path) === path) return realpathSync(path);
  return join(realPathOf(dirname(path)), basename(path));
}

/**
 * Writes the page of a key, readable by its owner alone.
 *
 * @throws {DrayerError} STREAM_EXISTS when there is such a file already
 */
export function writeKeyBackup(path: string, source: BackupSource, date: Date): void {
  const { secretKey, keyPath } = source;
  const streamPath = source.streamPath ?? streamBeside(keyPath);
  // A key without a stream, which may be called anything, names the one that it is for.
  const streamName = basename(streamPath ?? keyPath.replace(PRIVATE, '')).replace(
    /(\.stream)?$/,
    '.stream',
  );
  const html = renderKeyPaper({
    secretKey,
    name: streamName.replace(/\.stream$/, ''),
    keyName: keyPathOf(streamName),
    streamName,
    servers: serversOf(streamPath),
    date,
  });
  writeSecretFile(path, html, 'backup of the private key');
}

/**
 * Finds the secret key in the text of a backup: its words, what its code says, or the page itself.
 *
 * @returns 64 bytes
 * @throws {DrayerError} KEY_INVALID naming what is wrong
 */
export function parseKeyBackup(text: string): Uint8Array {
  const code = /(?<![\w+/])[A-Za-z0-9+/]{86}==/.exec(text);
  if (code !== null) return parseSecretKey(code[0], 'the backup');
  const words = splitWords(text);
  // One long word: a code of which something is missing.
  if (words.some((word) => word.length >= CODE_LENGTH)) return parseSecretKey(text, 'the backup');
  return keyPairFromSeed(decodeSecretWords(text)).secretKey;
}

/** What a restored key is checked against. */
export type RestoreOptions = {
  /** The public key that is expected. */
  readonly publicKey?: Uint8Array | undefined;
};

/**
 * Writes the file of a restored key.
 *
 * @param path - of the key file, or of the stream that it belongs to
 * @returns the path of the key file
 * @throws {DrayerError} KEY_MISMATCH when it is the key of another stream than the one expected
 * @throws {DrayerError} STREAM_EXISTS when there is a key already
 */
export function restoreKey(path: string, secretKey: Uint8Array, options: RestoreOptions): string {
  const keyPath = path.endsWith('.stream') ? keyPathOf(path) : path;
  const publicKey = publicKeyOf(secretKey);
  const { publicKey: expected } = options;
  if (expected !== undefined && !bytesEqual(expected, publicKey)) {
    throw mismatch(publicKey, `not of ${formatStreamId(expected)}`);
  }
  const streamPath = streamBeside(keyPath);
  if (streamPath !== undefined && !bytesEqual(readStreamId(streamPath).publicKey, publicKey)) {
    throw mismatch(publicKey, `and ${streamPath} is another one`);
  }
  checkKeyFolder(keyPath);
  writeRestoredKey(keyPath, secretKey);
  return keyPath;
}

const PRIVATE = /\.privatekey$/;
/** No word is as long. */
const CODE_LENGTH = 30;

function streamBeside(keyPath: string): string | undefined {
  const path = keyPath.replace(PRIVATE, '');
  return path !== keyPath && hasFile(path) ? path : undefined;
}

/** None where there is no stream yet, or one that cannot be read: a key is worth a page all the more then. */
function serversOf(streamPath: string | undefined): string[] {
  if (streamPath === undefined || !hasFile(streamPath)) return [];
  try {
    return withReader(streamPath, readPrimaryServers).map(({ url }) => url);
  } catch (error) {
    if (isDrayerError(error)) return [];
    throw error;
  }
}

function mismatch(publicKey: Uint8Array, rest: string): DrayerError {
  const message = `this is the key of ${formatStreamId(publicKey)}, ${rest}`;
  return new DrayerError('KEY_MISMATCH', message, {
    hint: 'nothing was written; restore it under another name, or take the other backup',
  });
}
