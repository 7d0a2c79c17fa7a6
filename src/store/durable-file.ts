/** Small files that must be on disk, whole, before the program goes on: the key and the mark. */
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DrayerError } from '../core/errors.ts';

/**
 * Makes a folder and those above it, for this user alone, where they are not there.
 *
 * Not by Node's own `recursive`, which tries for ever where a file system answers "no such file" though
 * the folder above is there, as /proc does.
 */
export function makePrivateFolder(path: string): void {
  if (isFolder(path)) return;
  makePrivateFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
    // What is made durable in it is nowhere without it.
    syncDirectory(path);
  } catch (error) {
    // Made by another process in this moment.
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Writes a file and waits until the disk has it. What was there is cut off first; with the flags `wx` it
 * is an error.
 */
export function writeSynced(
  path: string,
  content: string | Uint8Array,
  mode: number,
  flags: 'w' | 'wx' = 'w',
): void {
  const file = openSync(path, flags, mode);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Replaces a file at once: whoever reads it, also after a power cut, finds the old content or the
 * new.
 */
export function replaceSynced(path: string, content: string | Uint8Array, mode: number): void {
  const part = partOf(path);
  try {
    writeSynced(part, content, mode);
    renameSync(part, path);
  } finally {
    // Only after a failure is it still there.
    rmSync(part, { force: true });
  }
  syncDirectory(path);
}

/**
 * Makes a file, whole or not at all; one that is there is left as it is.
 *
 * @returns whether it was made
 */
export function createSynced(path: string, content: string | Uint8Array, mode: number): boolean {
  const part = partOf(path);
  try {
    // Left by a process of the same number that was killed.
    rmSync(part, { force: true });
    writeSynced(part, content, mode, 'wx');
    // Unlike a rename, a link never replaces what is there.
    linkSync(part, path);
    syncDirectory(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(part, { force: true });
  }
}

// Each process has its own: two may write the same file in the same moment.
function partOf(path: string): string {
  return `${path}.${process.pid}.part`;
}

const PART = /\.\d+\.part$/;
/** Such a file is there for a moment; one of this age was left by a process that was killed, ms. */
const LEFT_AFTER_MS = 600_000;

/**
 * Removes what killed processes have left half written in a folder; nothing where there is no such folder.
 *
 * @param isOurs - which of the names there may be looked at
 * @param leftAfterMs - the age from which nobody is at work on one any more
 * @throws {DrayerError} STORAGE_FAILED where the folder cannot be read or written
 */
export function removeLeftParts(
  folder: string,
  isOurs: (name: string) => boolean,
  leftAfterMs: number = LEFT_AFTER_MS,
): void {
  try {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (!PART.test(name) || !isOurs(name)) continue;
      const { mtimeMs = Number.NaN } = statSync(path, { throwIfNoEntry: false }) ?? {};
      if (Date.now() - Math.floor(mtimeMs) >= leftAfterMs) rmSync(path, { force: true });
    }
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT')) throw fileError(folder, 'cannot be tidied', cause);
  }
}

/**
 * Reads a small text file.
 *
 * @param what - what it holds, for the message: `the high-water mark`
 * @returns undefined where there is no such file
 * @throws {DrayerError} when it is there and cannot be read
 */
export function readTextIfThere(path: string, what: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw fileError(path, `cannot read ${what}`, cause);
  }
}

/** Says why this user cannot read a file, or make one where there is none; undefined where that is not it. */
export function findOpenFault(path: string): DrayerError | undefined {
  try {
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT')) return fileError(path, 'cannot read the stream', cause);
  }
  try {
    accessSync(dirname(path), constants.W_OK);
    return undefined;
  } catch (cause) {
    return fileError(path, 'cannot make the file', cause);
  }
}

/** Waits until the disk has the entry of this path in its directory. */
export function syncDirectory(path: string): void {
  // Windows cannot open a directory; there the rename is durable by itself.
  if (process.platform === 'win32') return;
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/**
 * Waits until the disk has all of a file.
 *
 * @throws {DrayerError} STORAGE_FAILED where it cannot
 */
export function syncFile(path: string): void {
  try {
    // Windows wants it open for writing.
    const file = openSync(path, 'r+');
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw fileError(path, 'cannot be written to the disk', cause);
  }
}

/** Tells whether an error of node:fs has this code. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** What the commonest codes mean, and what to do. */
const CAUSES: Readonly<Record<string, readonly [meaning: string, hint: string]>> = {
  EACCES: ['permission denied', 'check who owns the file and its folder, and with which mode'],
  EPERM: ['not permitted', 'check who owns the file and its folder, and with which mode'],
  ENOENT: ['its folder is missing', 'make the folder first, or choose another path'],
  ENOTDIR: ['a part of the path is not a folder', 'check the path'],
  EISDIR: ['there is a folder of that name', 'choose another path'],
  ERR_FS_EISDIR: ['there is a folder of that name', 'move it away'],
  EMFILE: ['too many open files', 'raise the limit with ulimit -n'],
  EROFS: ['the file system is read-only', 'choose a path elsewhere'],
  ENOSPC: ['no space left on the device', 'make room and run the command again'],
};

/** Wraps what node:fs threw. */
export function fileError(path: string, what: string, cause: unknown): DrayerError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  const [meaning, hint] = CAUSES[code] ?? [code, undefined];
  return new DrayerError('STORAGE_FAILED', `${path}: ${what}: ${meaning}`, { cause, hint });
}
