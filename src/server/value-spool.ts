/**
 * Large values that are being sent, each in a file without a name. SQLite keeps a value as a list of
 * pages, so any part of it costs reading all before; from a file a part costs what it is long. And who
 * reads slowly holds a piece, not a film: memory does not grow with readers, nor with what they read.
 *
 * The files are unlinked as soon as they are open: nothing is left behind, whatever ends the process.
 */
import { closeSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { DrayerError } from '../core/errors.ts';
import { openNameless } from '../store/nameless-file.ts';
import { type FileFacts, SpoolFile } from './spool-file.ts';

/** Values from this size on are held in files. */
export const LARGE_BYTES: number = 256 * 1024;
/** Most bytes of files unless another number is given; and never more than half of what is free there. */
export const SPOOL_BYTES: number = 4 * 1024 * 1024 * 1024;
/** What nobody reads is kept up to here, and up to half of what there may be. */
const IDLE_BYTES = 1024 * 1024 * 1024;
const MOST_IDLE = 32;
/** Where no file can be written, so much is shared in memory. */
const MOST_IN_MEMORY = 256 * 1024 * 1024;
/** Values that are just being fetched; who asks for more is told to come again. */
const MOST_COMING = 128;
/** What nobody has asked for in this time goes. */
const IDLE_MS = 60_000;

/** How a spool is to be. */
export type SpoolOptions = {
  /** Where the files are. Default: the system's own for temporary files. */
  readonly directory?: string | undefined;
  /** Most bytes of files. Default {@link SPOOL_BYTES}. */
  readonly maxBytes?: number | undefined;
};

/** Where a value has been put: into the file, or in memory, because it could not be written. */
export type Filled = { readonly facts: FileFacts; readonly bytes?: Uint8Array | undefined };

/**
 * Puts a value where it is sent from.
 *
 * @param fd - an empty file; undefined where none can be made
 * @returns undefined when there is no such value any more
 */
export type Fill = (fd: number | undefined) => Promise<Filled | undefined>;

/** The large values of one app. */
export class ValueSpool {
  // The least recently used first.
  readonly #files = new Map<string, SpoolFile>();
  readonly #coming = new Map<string, { size: number; file: Promise<SpoolFile | undefined> }>();
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #timer: NodeJS.Timeout;
  #isClosed = false;

  constructor({ directory = tmpdir(), maxBytes = SPOOL_BYTES }: SpoolOptions = {}) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    this.#timer = setInterval(() => this.#sweep(), IDLE_MS / 2);
    this.#timer.unref();
  }

  /** Files that are open. */
  get size(): number {
    return this.#files.size;
  }

  /** Returns the value under this key, if it is held. */
  find(key: string): SpoolFile | undefined {
    const file = this.#files.get(key);
    if (file === undefined) return undefined;
    this.#files.delete(key);
    this.#files.set(key, file);
    file.lastUsedMs = performance.now();
    return file;
  }

  /**
   * Takes a value in; those who ask for the same while it comes get the same.
   *
   * @returns undefined when there is no such value any more
   * @throws {DrayerError} STREAM_BUSY when too much is being read or fetched at the moment
   */
  async add(key: string, size: number, fill: Fill): Promise<SpoolFile | undefined> {
    const there = this.find(key) ?? this.#coming.get(key)?.file;
    if (there !== undefined) return there;
    if (this.#coming.size >= MOST_COMING) throw busy('fetched');
    this.#makeRoom(size);
    const file = this.#take(key, size, fill);
    this.#coming.set(key, { size, file });
    try {
      return await file;
    } finally {
      this.#coming.delete(key);
    }
  }

  /** Lets go of the values that `isGone` says are no longer in the stream. */
  dropGone(isGone: (key: string) => boolean): void {
    for (const [key, file] of this.#files) if (isGone(key)) this.#drop(key, file);
  }

  /** What is being read is read to its end. Idempotent. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.dropGone(() => true);
  }

  async #take(key: string, size: number, fill: Fill): Promise<SpoolFile | undefined> {
    const fd = openIn(this.#directory);
    let filled: Filled | undefined;
    try {
      filled = await fill(fd);
    } finally {
      // In memory, gone or failed: the file is not needed.
      if (fd !== undefined && (filled === undefined || filled.bytes)) closeSync(fd);
    }
    if (filled === undefined) return undefined;
    const { bytes, facts } = filled;
    const from = bytes === undefined && fd !== undefined ? { fd } : { bytes: bytes ?? NOTHING };
    const file = new SpoolFile(from, size, facts);
    if (file.isInMemory) this.#checkMemory(size);
    this.#files.set(key, file);
    // Who has asked for it before the end is still sent it: they begin before the next turn.
    if (this.#isClosed) setImmediate(() => this.#drop(key, file));
    return file;
  }

  #makeRoom(bytes: number): void {
    let all = bytes;
    for (const { size } of this.#files.values()) all += size;
    for (const { size } of this.#coming.values()) all += size;
    const most = this.#most(all - bytes);
    let idle = 0;
    for (const { isRead } of this.#files.values()) if (!isRead) idle += 1;
    for (const [key, file] of this.#files) {
      if (all <= Math.min(IDLE_BYTES, most / 2) && idle < MOST_IDLE) return;
      if (file.isRead) continue;
      this.#drop(key, file);
      all -= file.size;
      idle -= 1;
    }
    if (all > most) throw busy('read');
  }

  /** Half of what would be free without us, and no more than was said. */
  #most(held: number): number {
    try {
      const { bavail, bsize } = statfsSync(this.#directory);
      return Math.min(this.#maxBytes, (bavail * bsize + held) / 2);
    } catch {
      // There is no such place: all of it will be in memory, which has a limit of its own.
      return this.#maxBytes;
    }
  }

  #checkMemory(bytes: number): void {
    let all = bytes;
    for (const { isInMemory, size } of this.#files.values()) if (isInMemory) all += size;
    for (const [key, file] of this.#files) {
      if (all <= MOST_IN_MEMORY) return;
      if (!file.isInMemory || file.isRead) continue;
      this.#drop(key, file);
      all -= file.size;
    }
    if (all > MOST_IN_MEMORY) throw busy('read');
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

const NOTHING = new Uint8Array(0);

function busy(what: 'read' | 'fetched'): DrayerError {
  const message = `so many large files are being ${what} that there is no room for one more`;
  return new DrayerError('STREAM_BUSY', message);
}

/** Undefined where there is no place to write at all. */
function openIn(directory: string): number | undefined {
  try {
    return openNameless(directory);
  } catch {
    return undefined;
  }
}
