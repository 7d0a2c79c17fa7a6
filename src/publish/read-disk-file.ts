/**
 * Reads one disk file as it really was at one moment: not through a link, not half rewritten
 * (THREATS A26). Synchronous; a worker or the main thread calls it for one file after the other.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DrayerError, type ErrorCode } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import {
  ageMs,
  isSameState,
  isSettled,
  mtimeMicros,
  settleMs,
  sizeIn,
  stampOf,
} from './disk-stat.ts';

/** A file as {@link readDiskFile} found it. */
export type DiskContent = {
  /** A view into the reader's buffer: valid until the next call. */
  readonly content: Uint8Array;
  readonly timeMicros: Micros;
  /** Undefined when the file may change again without its stamp telling. */
  readonly stamp: string | undefined;
};

/** Options of {@link readDiskFile}. */
export type ReadOptions = {
  /** Largest content, inclusive. */
  readonly maxBytes: number;
  /** The stamp of the file when a walk found it. */
  readonly found: string;
  /** Called between opening and reading; tests change the file there. */
  readonly onOpen?: (() => void) | undefined;
};

const ATTEMPTS = 3;
/** Files up to this size are read into one buffer that is kept, larger ones each into their own. */
const KEPT_BYTES = 8 * 1024 * 1024;
/** Longest wait for a file to settle, ms; what needs more is read at once and not remembered. */
const MAX_WAIT_MS = 50;
// O_NOFOLLOW: a link put in the file's place is not followed. O_NONBLOCK: opening a pipe does not wait
// for its writer. Windows has neither, and makes links only for administrators.
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

let scratch = new Uint8Array(256 * 1024);
const waiting = new Int32Array(new SharedArrayBuffer(4));

/**
 * Reads a regular file whole, as a walk found it, or between two equal stats; that is tried three times.
 *
 * @param path - absolute; its directory contains no symbolic link
 * @throws {DrayerError} FILE_CHANGING when it kept changing, disappeared or became something else;
 *   FILE_UNREADABLE when the system refuses; TOO_LARGE above `maxBytes`
 */
export function readDiskFile(path: string, options: ReadOptions): DiskContent {
  const asFound = readAsFound(path, options);
  if (asFound !== undefined) return asFound;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const content = tryRead(path, options);
    if (content !== undefined) return content;
  }
  throw fault('FILE_CHANGING', `it changed while it was read, ${ATTEMPTS} times`);
}

// Mostly nothing has happened since the walk, and its stat is the first of the two. What is any different is
// for the others to look at, errors too.
function readAsFound(
  path: string,
  { found, maxBytes, onOpen }: ReadOptions,
): DiskContent | undefined {
  const bytes = sizeIn(found);
  if (Number.isNaN(bytes) || bytes > maxBytes) return undefined;
  let file: number | undefined;
  try {
    file = openSync(path, FLAGS);
    onOpen?.();
    const now = Date.now();
    const content = readAll(file, bytes);
    const after = fstatSync(file, { bigint: true });
    const isSame = content.length === bytes && stampOf(after) === found && isSettled(after, now);
    return isSame ? { content, timeMicros: mtimeMicros(after), stamp: found } : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function tryRead(path: string, options: ReadOptions): DiskContent | undefined {
  const file = open(path);
  try {
    const before = settledStat(file);
    if (before === undefined) return undefined;
    if (!before.isFile()) throw fault('FILE_CHANGING', 'it is no regular file any more');
    if (before.size > BigInt(options.maxBytes)) throw tooLarge(before, options);
    options.onOpen?.();

    const now = Date.now();
    const content = readAll(file, Number(before.size));
    const after = fstatSync(file, { bigint: true });
    if (content.length !== Number(before.size) || !isSameState(before, after)) return undefined;
    const stamp = stampOf(after);
    if (stamp !== options.found) checkPlace(path);
    const timeMicros = mtimeMicros(after);
    return { content, timeMicros, stamp: isSettled(after, now) ? stamp : undefined };
  } catch (cause) {
    throw asFault(cause);
  } finally {
    closeSync(file);
  }
}

function open(path: string): number {
  try {
    return openSync(path, FLAGS);
  } catch (cause) {
    throw asFault(cause);
  }
}

// A file changed a moment ago may still be half written, and could change again within one tick of the
// file system's clock: a few ms later that would show.
function settledStat(file: number): BigIntStats | undefined {
  const stat = fstatSync(file, { bigint: true });
  const waitMs = settleMs(stat) - ageMs(stat, Date.now());
  if (waitMs <= 0 || waitMs > MAX_WAIT_MS) return stat;
  Atomics.wait(waiting, 0, 0, Math.ceil(waitMs));
  const later = fstatSync(file, { bigint: true });
  return isSameState(later, stat) ? later : undefined;
}

// Asks for one byte more than expected: getting it, or less than expected, means the file has changed.
function readAll(file: number, bytes: number): Uint8Array {
  const buffer = bufferFor(bytes + 1);
  let filled = 0;
  for (;;) {
    const wanted = bytes + 1 - filled;
    const read = readSync(file, buffer, filled, wanted, null);
    filled += read;
    // Less than asked for, and all that was expected: the end, no need to hear it again.
    if (read === 0 || filled >= bytes) return buffer.subarray(0, filled);
  }
}

function bufferFor(bytes: number): Uint8Array {
  if (bytes > KEPT_BYTES) return new Uint8Array(bytes);
  if (bytes > scratch.length) scratch = new Uint8Array(Math.min(KEPT_BYTES, bytes * 2));
  return scratch;
}

// O_NOFOLLOW looks at the last part only: a directory above may have become a link since the walk. The
// file the walk found needs no such look: it was reached by real directories.
function checkPlace(path: string): void {
  const directory = dirname(path);
  if (realpathSync.native(directory) === directory) return;
  throw fault('FILE_CHANGING', 'a directory above it became a symbolic link');
}

function tooLarge(stat: BigIntStats, { maxBytes }: ReadOptions): DrayerError {
  return fault('TOO_LARGE', `expected at most ${maxBytes} bytes, got ${stat.size}`);
}

function asFault(cause: unknown): unknown {
  if (cause instanceof DrayerError || !(cause instanceof Error) || !('code' in cause)) return cause;
  if (cause.code === 'ENOENT') return fault('FILE_CHANGING', 'it disappeared', cause);
  if (cause.code === 'ELOOP') return fault('FILE_CHANGING', 'it became a symbolic link', cause);
  return fault('FILE_UNREADABLE', cause.message, cause);
}

function fault(code: ErrorCode, message: string, cause?: unknown): DrayerError {
  return new DrayerError(code, message, { cause });
}
