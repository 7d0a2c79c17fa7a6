/**
 * Makes a folder and what is missing above it. Not with Node's own `recursive`: where a file system
 * answers "no such file" although the folder above is there, as /proc does, Node 20 tries for ever.
 */
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DrayerError } from '../core/errors.ts';

const HERE_NOT = 'folders cannot be made there';

const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  ENOENT: HERE_NOT,
  ENOTDIR: 'a part of the path is not a folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  ENAMETOOLONG: 'the name is too long',
  EINVAL: 'not a name for a folder',
};

/**
 * Makes a folder; one that is there stays as it is.
 *
 * @throws {DrayerError} USAGE when a file is in its place
 * @throws {DrayerError} STORAGE_FAILED when it, or one above it, cannot be made
 */
export async function makeFolder(path: string): Promise<void> {
  const target = resolve(path);
  const missing: string[] = [];
  for (let at = target; !(await isFolder(at)); at = dirname(at)) missing.unshift(at);
  for (const folder of missing) await makeOne(folder);
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (cause) {
    const code = codeOf(cause);
    // Made by somebody else in this moment.
    if (code === 'EEXIST' && (await isFolder(path))) return;
    throw cannotMake(path, code, cause);
  }
}

/** Tells whether a folder is there; false only where nothing is. */
async function isFolder(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true;
  } catch (cause) {
    const code = codeOf(cause);
    // Below a file: the file is found one step up. The root itself is always there.
    if ((code === 'ENOENT' || code === 'ENOTDIR') && dirname(path) !== path) return false;
    throw cannotMake(path, code, cause);
  }
  throw new DrayerError('USAGE', `${path}: is a file, not a folder`, {
    hint: 'choose another name for the folder',
  });
}

function cannotMake(path: string, code: string, cause: unknown): DrayerError {
  const message = `${path}: cannot make this folder: ${MEANINGS[code] ?? code}`;
  return new DrayerError('STORAGE_FAILED', message, { cause, hint: 'choose a path elsewhere' });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
