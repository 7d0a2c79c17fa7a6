/**
 * Large values that are being sent, each in a file without a name. SQLite keeps a value as a list of
 * pages, so any part of it costs reading all before; from a file a part costs what it is long. And who
 * reads slowly holds a piece, not a film: memory does not grow with readers, nor with what they read.
 *
 * The files are unlinked as soon as they are open: nothing is left behind, whatever ends the process.
 */
import {
  closeSync,
  mkdtempSync,
  openSync,
  read as readCallback,
  readSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { decodeFile } from '../files/file-record.ts';
import { type ByteRange, storedContentBytes } from '../files/stored-gzip.ts';
import type { HeldBytes, HeldFile, HeldValue } from './held-bytes.ts';

/** Values from this size on are held in files. */
export const LARGE_BYTES: number = 256 * 1024;
/** A part of at most this size is read at once. */
const PIECE_BYTES = 65_536;
/** What nobody reads is kept up to here. */
const IDLE_BYTES = 1024 * 1024 * 1024;
const MOST_IDLE = 32;
/** What is being read may come to this; who asks for more is told to come again. */
const MOST_BYTES = 8 * IDLE_BYTES;
/** What nobody has asked for in this time goes. */
const IDLE_MS = 60_000;

const read = promisify(readCallback);

/** The large values of one app. */
export class ValueSpool {
  // The least recently used first.
  readonly #files = new Map<string, SpoolFile>();
  readonly #directory: string;
  readonly #timer: NodeJS.Timeout;

  constructor(directory: string = tmpdir()) {
    this.#directory = directory;
    this.#timer = setInterval(() => this.#sweep(), IDLE_MS / 2);
    this.#timer.unref();
  }

  /** Files that are open. */
  get size(): number {
    return this.#files.size;
  }

  /** Returns the value under this key, if it is held. */
  find(key: string): HeldValue | undefined {
    const file = this.#files.get(key);
    if (file === undefined) return undefined;
    this.#files.delete(key);
    this.#files.set(key, file);
    file.lastUsedMs = performance.now();
    return file;
  }

  /**
   * Takes a value in.
   *
   * @returns undefined where it cannot be written, as on a full disk
   * @throws {DrayerError} STREAM_BUSY when too much is being read at the moment
   */
  add(key: string, value: Uint8Array): HeldValue | undefined {
    this.#makeRoom(value.length);
    let fd: number;
    try {
      fd = openNameless(this.#directory);
    } catch {
      // No place to write at all: it stays in memory, as small ones do.
      return undefined;
    }
    try {
      writeWhole(fd, value);
    } catch {
      closeSync(fd);
      return undefined;
    }
    const file = new SpoolFile(fd, value);
    this.#files.set(key, file);
    return file;
  }

  /** Lets go of the values that `isGone` says are no longer in the stream. */
  dropGone(isGone: (key: string) => boolean): void {
    for (const [key, file] of this.#files) if (isGone(key)) this.#drop(key, file);
  }

  /** What is being read is read to its end. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    this.dropGone(() => true);
  }

  #makeRoom(bytes: number): void {
    let all = bytes;
    for (const { size } of this.#files.values()) all += size;
    let idle = 0;
    for (const { isRead } of this.#files.values()) if (!isRead) idle += 1;
    for (const [key, file] of this.#files) {
      if (all <= IDLE_BYTES && idle < MOST_IDLE) return;
      if (file.isRead) continue;
      this.#drop(key, file);
      all -= file.size;
      idle -= 1;
    }
    if (all <= MOST_BYTES) return;
    const message = 'so many large files are being read that there is no room for one more';
    throw new DrayerError('STREAM_BUSY', message);
  }

  #sweep(): void {
    const before = performance.now() - IDLE_MS;
    for (const [key, file] of this.#files) {
      if (!file.isRead && file.lastUsedMs < before) this.#drop(key, file);
    }
  }

  #drop(key: string, file: SpoolFile): void {
    this.#files.delete(key);
    file.release();
  }
}

/** One value in its file. Closed when it is released and the last who reads it is done. */
class SpoolFile implements HeldValue {
  readonly size: number;
  lastUsedMs = performance.now();
  readonly #fd: number;
  readonly #file: { readonly start: number; readonly timeMicros: Micros } | DrayerError;
  readonly #storedBytes: number | undefined;
  #readers = 0;
  #isReleased = false;
  #isClosed = false;

  constructor(fd: number, value: Uint8Array) {
    this.#fd = fd;
    this.size = value.length;
    try {
      const { gzip, gzipStart, timeMicros } = decodeFile(value);
      this.#file = { start: gzipStart, timeMicros };
      this.#storedBytes = storedContentBytes(gzip);
    } catch (error) {
      if (!isDrayerError(error)) throw error;
      // Not every value is a file; who asks for one is told.
      this.#file = error;
    }
  }

  get isRead(): boolean {
    return this.#readers > 0;
  }

  open(range: ByteRange): Uint8Array | Readable {
    if (this.#isClosed) throw new DrayerError('STREAM_BUSY', 'this value was let go of; ask again');
    const { start, end } = range;
    if (end - start > PIECE_BYTES) return this.#stream(range);
    const piece = Buffer.allocUnsafe(end - start);
    for (let at = 0; at < piece.length; ) {
      const bytes = readSync(this.#fd, piece, at, piece.length - at, start + at);
      if (bytes === 0) throw cutShort();
      at += bytes;
    }
    return piece;
  }

  file(): HeldFile {
    const found = this.#file;
    if (found instanceof DrayerError) throw found;
    const { start: first, timeMicros } = found;
    const gzip: HeldBytes = {
      size: this.size - first,
      open: ({ start, end }) => this.open({ start: start + first, end: end + first }),
    };
    return { timeMicros, gzip, storedBytes: () => this.#storedBytes };
  }

  release(): void {
    this.#isReleased = true;
    this.#closeIfDone();
  }

  #stream(range: ByteRange): Readable {
    this.#readers += 1;
    const body = Readable.from(this.#pieces(range), { objectMode: false, highWaterMark: 1 });
    body.once('close', () => {
      this.#readers -= 1;
      this.lastUsedMs = performance.now();
      this.#closeIfDone();
    });
    return body;
  }

  async *#pieces({ start, end }: ByteRange): AsyncGenerator<Uint8Array> {
    for (let at = start; at < end; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - at));
      const { bytesRead } = await read(this.#fd, piece, 0, piece.length, at);
      if (bytesRead === 0) throw cutShort();
      yield piece.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  #closeIfDone(): void {
    if (!this.#isReleased || this.#isClosed || this.#readers > 0) return;
    this.#isClosed = true;
    closeSync(this.#fd);
  }
}

function openNameless(directory: string): number {
  const folder = mkdtempSync(join(directory, 'drayer-value-'));
  const path = join(folder, 'value');
  try {
    const fd = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return fd;
  } finally {
    rmdirSync(folder);
  }
}

function writeWhole(fd: number, value: Uint8Array): void {
  for (let at = 0; at < value.length; ) at += writeSync(fd, value, at, value.length - at, at);
}

function cutShort(): DrayerError {
  return new DrayerError('STORAGE_FAILED', 'a file of our own is shorter than it was');
}
