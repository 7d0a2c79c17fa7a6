/** Small files that must be on disk, whole, before the program goes on: the key and the mark. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DrayerError } from '../core/errors.ts';

/** Writes a file and waits until the disk has it. What was there is cut off first. */
export function writeSynced(path: string, content: string | Uint8Array, mode: number): void {
  const file = openSync(path, 'w', mode);
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
  const part = `${path}.part`;
  try {
    writeSynced(part, content, mode);
    renameSync(part, path);
  } finally {
    // Only after a failure is it still there.
    rmSync(part, { force: true });
  }
  syncDirectory(path);
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

/** Tells whether an error of node:fs has this code. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Wraps what node:fs threw. */
export function fileError(path: string, what: string, cause: unknown): DrayerError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  return new DrayerError('STORAGE_FAILED', `${path}: ${what} (${code})`, { cause });
}
