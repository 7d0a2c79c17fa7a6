/**
 * Whom the operator lets push: a file of public keys in the data folder, one a line. Only additions by
 * hand or by `drayer allow`; a server that runs sees them with the next push.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isDrayerError } from '../core/errors.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { fileError, isErrno, readTextIfThere, replaceSynced } from './durable-file.ts';

const HEADER = '# keys that may push to this server; written by drayer allow\n';

/** Path of the list in a data folder. */
export function allowPathOf(dataDir: string): string {
  return join(dataDir, 'push-allow');
}

/**
 * Reads the list. A line that is no key allows nobody; it is left out.
 *
 * @returns base64 ids, in the order of the file; none where there is no file
 * @throws {DrayerError} STORAGE_FAILED when it is there and cannot be read
 */
export function readAllowed(path: string): string[] {
  const text = readTextIfThere(path, 'the keys that may push') ?? '';
  const ids = text.split('\n').flatMap((line) => {
    const word = line.trim();
    return word === '' || word.startsWith('#') ? [] : idOf(word);
  });
  return [...new Set(ids)];
}

/** Writes the list, for this user alone; it is on disk when this returns. */
export function writeAllowed(path: string, ids: readonly string[]): void {
  try {
    replaceSynced(path, HEADER + ids.map((id) => `${id}\n`).join(''), 0o600);
  } catch (cause) {
    throw fileError(path, 'cannot write the keys that may push', cause);
  }
}

/**
 * Returns what tells whether `key` may push now: by a fixed list or by the file, which is read again
 * when it has changed.
 *
 * @param fixed - public keys that always may
 */
export function watchAllowed(
  path: string,
  fixed: readonly Uint8Array[],
): (publicKey: Uint8Array) => boolean {
  const always = new Set(fixed.map((key) => formatStreamId(key)));
  let state = '';
  let listed = new Set<string>();
  return (publicKey) => {
    const now = stateOf(path);
    if (now !== state) listed = new Set(now === '' ? [] : readAllowed(path));
    state = now;
    const id = formatStreamId(publicKey);
    return always.has(id) || listed.has(id);
  };
}

function stateOf(path: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return '';
    throw fileError(path, 'cannot read the keys that may push', error);
  }
}

function idOf(word: string): string[] {
  try {
    return [formatStreamId(parseStreamId(word))];
  } catch (error) {
    if (isDrayerError(error, 'STREAM_ID_INVALID')) return [];
    throw error;
  }
}
