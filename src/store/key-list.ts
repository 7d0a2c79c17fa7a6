/**
 * A file of public keys in the data folder, one a line: what an operator decides stream by stream. Changed
 * by hand or by a command; a server that runs sees it with the next request.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { fileError, isErrno, readTextIfThere, replaceSynced } from './durable-file.ts';

/** One such list. */
export type KeyList = {
  readonly path: string;
  /** What the keys are, for messages: `the keys that may push`. */
  readonly what: string;
  /** First line of the file, for who opens it. */
  readonly header: string;
};

/** Whose streams may be pushed to the server of a data folder. */
export function allowListOf(dataDir: string): KeyList {
  return {
    path: join(dataDir, 'push-allow'),
    what: 'the keys that may push',
    header: 'keys that may push to this server; written by drayer allow',
  };
}

/** Streams that the server of a data folder does not serve, whoever put them there. */
export function denyListOf(dataDir: string): KeyList {
  return {
    path: join(dataDir, 'deny'),
    what: 'the denied streams',
    header: 'streams that this server does not serve; written by drayer deny',
  };
}

/** Streams that a daemon does not take by itself: they were taken so once, and somebody has removed them. */
export function unwantedListOf(dataDir: string): KeyList {
  return {
    path: join(dataDir, 'auto-mirror-not'),
    what: 'the streams that are not taken unasked',
    header: 'streams that autoMirror does not take again; written by drayer unmirror',
  };
}

/**
 * Reads the list. A line that is no key counts for nothing; it is left out.
 *
 * @returns base64 ids, in the order of the file; none where there is no file
 * @throws {DrayerError} STORAGE_FAILED when it is there and cannot be read
 */
export function readKeyList({ path, what }: KeyList): string[] {
  const text = readTextIfThere(path, what) ?? '';
  const ids = text.split('\n').flatMap((line) => {
    const word = line.trim();
    return word === '' || word.startsWith('#') ? [] : idOf(word);
  });
  return [...new Set(ids)];
}

/** Writes the list, for this user alone; it is on disk when this returns. */
export function writeKeyList({ path, what, header }: KeyList, ids: readonly string[]): void {
  try {
    replaceSynced(path, `# ${header}\n${ids.map((id) => `${id}\n`).join('')}`, 0o600);
  } catch (cause) {
    throw fileError(path, `cannot write ${what}`, cause);
  }
}

/** What {@link watchKeyList} returns. */
export type KeyTest = {
  /** @throws {DrayerError} STORAGE_FAILED when the file is there and cannot be read */
  (publicKey: Uint8Array): boolean;
  /** The same value as long as it tells the same. */
  state(): unknown;
};

/**
 * Returns what tells whether a key is one of them now: by a fixed list or by the file, which is read again
 * when it has changed.
 *
 * @param fixed - public keys that always are
 */
export function watchKeyList(list: KeyList, fixed: readonly Uint8Array[]): KeyTest {
  const always = new Set(fixed.map((key) => formatStreamId(key)));
  let state = '';
  let listed: Set<string> | DrayerError = new Set();
  const look = (): Set<string> | DrayerError => {
    const now = stateOf(list);
    if (now !== state) {
      state = now;
      listed = read(list, now);
    }
    return listed;
  };
  const isListed = (publicKey: Uint8Array): boolean => {
    const found = look();
    if (found instanceof DrayerError) throw found;
    if (always.size === 0 && found.size === 0) return false;
    const id = formatStreamId(publicKey);
    return always.has(id) || found.has(id);
  };
  return Object.assign(isListed, { state: look });
}

/** What cannot be read is one and the same error until that changes: it is told once, not with each request. */
function read(list: KeyList, state: string): Set<string> | DrayerError {
  try {
    return new Set(state === '' ? [] : readKeyList(list));
  } catch (error) {
    if (error instanceof DrayerError) return error;
    throw error;
  }
}

function stateOf({ path }: KeyList): string {
  try {
    // Asked with each request, and most often there is none.
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    // Not the time of its text alone: it may be made readable.
    return found === undefined
      ? ''
      : `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
  } catch (error) {
    // Reading it will say what is wrong.
    return isErrno(error, 'ENOTDIR') ? '' : String(error);
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
