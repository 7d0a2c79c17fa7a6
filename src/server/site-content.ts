/**
 * The content of files whose gzip data has to be inflated: how long it is, once found out, or that it is
 * none; and where it is long, the content itself in a file, so that no part of it is inflated for twice.
 */
import { write as writeCallback } from 'node:fs';
import { promisify } from 'node:util';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { MAX_FILE_BYTES } from '../files/site-path.ts';
import type { ByteRange } from '../files/stored-gzip.ts';
import type { HeldBytes, HeldFile } from './held-bytes.ts';
import { inflateTo, measureContent, openContent } from './inflate.ts';
import { Turns } from './turns.ts';
import type { Filled, ValueSpool } from './value-spool.ts';

/** Content up to here is inflated anew for each request: a few ms. */
const SMALL_BYTES = 1024 * 1024;
/** Contents whose length is remembered. */
const MOST_KNOWN = 10_000;
/** Long ones are inflated two at a time; so many may wait for it. */
const MOST_AT_ONCE = 2;
const MOST_WAITING = 128;

const write = promisify(writeCallback);

/** A content, of which any part can be had. */
export type Content = Pick<HeldBytes, 'size' | 'open'>;

/** A content of a stream's file. */
export type ContentOf = { readonly id: string; readonly hash: Uint8Array; readonly file: HeldFile };

/** What is known of the contents of one app's sites. */
export class SiteContents {
  readonly #spool: ValueSpool;
  readonly #known = new Map<string, Promise<number>>();
  readonly #turns = new Turns(MOST_AT_ONCE);

  constructor(spool: ValueSpool) {
    this.#spool = spool;
  }

  /**
   * Returns a file's content.
   *
   * @throws {DrayerError} FILE_RECORD_INVALID when it cannot be inflated, or is too long
   * @throws {DrayerError} STREAM_BUSY when too many are being inflated
   */
  async open({ id, hash, file }: ContentOf): Promise<Content> {
    const stored = file.storedBytes();
    const name = Buffer.from(hash).toString('latin1');
    const size = stored ?? (await this.#sizeOf(name, file));
    const plain = { size, open: (range: ByteRange) => openContent(file, size, range) };
    if (stored !== undefined || size <= SMALL_BYTES) return plain;
    const fill = (fd: number | undefined) => this.#inTurn(() => inflated(file, size, fd));
    return (await this.#spool.add(`${id}${name} content`, size, fill)) ?? plain;
  }

  #sizeOf(name: string, file: HeldFile): Promise<number> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const size = this.#inTurn(() => measureContent(file, MAX_FILE_BYTES));
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(name, size);
    size.catch((error) => {
      // A bomb stays one; what was only busy is tried again.
      if (!isDrayerError(error, 'FILE_RECORD_INVALID')) this.#known.delete(name);
    });
    return size;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#turns.waiting < MOST_WAITING) return this.#turns.run(work);
    const message = 'so many files are being inflated that there is no room for one more';
    throw new DrayerError('STREAM_BUSY', message);
  }
}

/** Undefined where it cannot be written, as on a full disk: it is inflated for each reader then. */
async function inflated(
  file: HeldFile,
  size: number,
  fd: number | undefined,
): Promise<Filled | undefined> {
  if (fd === undefined) {
    const bytes = Buffer.allocUnsafeSlow(size);
    await inflateTo(file, async (chunk, at) => bytes.set(chunk, at));
    return { facts: NO_FILE, bytes };
  }
  try {
    await inflateTo(file, (chunk, at) => writeAt(fd, chunk, at));
    return { facts: NO_FILE };
  } catch (error) {
    if (isDrayerError(error)) throw error;
    return undefined;
  }
}

const NO_FILE = {
  kind: 'other',
  code: 'INTERNAL',
  message: 'this is the content of a file',
} as const;

async function writeAt(fd: number, chunk: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await write(fd, chunk, done, chunk.length - done, at + done);
    done += bytesWritten;
  }
}
