/**
 * Bytes that are needed for a moment and are too many for memory: in a file without a name, so that
 * nothing of them is left when the process ends, however it does.
 */
import { closeSync, readSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { fileError } from './durable-file.ts';
import { openNameless } from './nameless-file.ts';

/** Where bytes lie in a {@link SpillFile}. */
export type SpillPlace = { readonly at: number; readonly length: number };

/** So much is written or read at once: most of what comes is small, and what came together is asked for together. */
const BLOCK_BYTES: number = 256 * 1024;

/** The file. Closed by {@link SpillFile.close}. */
export class SpillFile {
  readonly #folder: string;
  readonly #fd: number;
  /** What is not written yet. */
  readonly #tail = new Uint8Array(new ArrayBuffer(BLOCK_BYTES));
  /** What was read last, from `#blockAt` to `#blockEnd` of the file. */
  readonly #block = new Uint8Array(new ArrayBuffer(BLOCK_BYTES));
  #blockAt = 0;
  #blockEnd = 0;
  #written = 0;
  #end = 0;

  /**
   * @param path - of the file it belongs to: it is made beside that where there is no folder for such files
   * @param folders - for such files
   * @throws {DrayerError} STORAGE_FAILED where it cannot be made there either
   */
  constructor(path: string, folders: readonly string[] = temporaryFolders()) {
    const { fd, folder } = openIn(folders, dirname(path));
    this.#fd = fd;
    this.#folder = folder;
  }

  /**
   * Adds bytes.
   *
   * @throws {DrayerError} STORAGE_FAILED where there is no room for them, or for what came before
   */
  append(bytes: Uint8Array): SpillPlace {
    const place = { at: this.#end, length: bytes.length };
    if (this.#end - this.#written + bytes.length > BLOCK_BYTES) this.#writeTail();
    if (bytes.length > BLOCK_BYTES) {
      this.#write(bytes);
    } else {
      this.#tail.set(bytes, this.#end - this.#written);
    }
    this.#end += bytes.length;
    return place;
  }

  /**
   * Reads what was added. Its memory may be used again by the next call: thousands of small values would
   * otherwise wait together for the garbage collector.
   *
   * @throws {DrayerError} STORAGE_FAILED where it cannot be read
   */
  read({ at, length }: SpillPlace): Uint8Array {
    const inTail = at - this.#written;
    if (inTail >= 0) return this.#tail.subarray(inTail, inTail + length);
    if (length > BLOCK_BYTES) {
      const bytes = new Uint8Array(length);
      this.#read(bytes, at);
      return bytes;
    }
    if (at < this.#blockAt || at + length > this.#blockEnd) this.#readBlock(at, length);
    return this.#block.subarray(at - this.#blockAt, at - this.#blockAt + length);
  }

  /** Lets the bytes go. Called once. */
  close(): void {
    closeSync(this.#fd);
  }

  #writeTail(): void {
    this.#write(this.#tail.subarray(0, this.#end - this.#written));
  }

  // With what lies before it, or behind it, whichever way the reader goes.
  #readBlock(at: number, length: number): void {
    const begin = at < this.#blockAt ? Math.max(0, at + length - BLOCK_BYTES) : at;
    const end = Math.min(begin + BLOCK_BYTES, this.#written);
    this.#blockAt = 0;
    this.#blockEnd = 0;
    this.#read(this.#block.subarray(0, end - begin), begin);
    this.#blockAt = begin;
    this.#blockEnd = end;
  }

  #read(bytes: Uint8Array, at: number): void {
    try {
      for (let done = 0; done < bytes.length; ) {
        const count = readSync(this.#fd, bytes, done, bytes.length - done, at + done);
        if (count === 0) throw new Error(`it ends at ${at + done} of ${this.#written} bytes`);
        done += count;
      }
    } catch (cause) {
      throw fileError(this.#folder, 'cannot read back what is to be written', cause);
    }
  }

  #write(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#written + done);
      }
    } catch (cause) {
      throw fileError(this.#folder, 'cannot keep what is to be written', cause);
    }
    this.#written += bytes.length;
  }
}

/** As SQLite has them: /var/tmp before /tmp, which is often in memory. */
function temporaryFolders(): string[] {
  const { TMPDIR } = process.env;
  return [...(TMPDIR ? [TMPDIR] : []), '/var/tmp', tmpdir()];
}

/** In the first of the folders in which it can be made. */
function openIn(
  folders: readonly string[],
  last: string,
): { readonly fd: number; readonly folder: string } {
  for (const folder of folders) {
    try {
      return { fd: openNameless(folder), folder };
    } catch {
      // There is another.
    }
  }
  try {
    return { fd: openNameless(last), folder: last };
  } catch (cause) {
    throw fileError(last, 'cannot make a file in it', cause);
  }
}
