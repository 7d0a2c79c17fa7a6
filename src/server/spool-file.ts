/** One large value that is being sent: in a file without a name, or in memory where no file can be. */
import { closeSync, read as readCallback, readSync } from 'node:fs';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DrayerError, type ErrorCode, isDrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { decodeFile } from '../files/file-record.ts';
import { type ByteRange, storedContentBytes } from '../files/stored-gzip.ts';
import type { HeldBytes, HeldFile, HeldValue } from './held-bytes.ts';
import { Turns } from './turns.ts';

/** A part of at most this size is read at once. */
const PIECE_BYTES = 65_536;

/** What a value is as a file, in a form that crosses to another thread. */
export type FileFacts =
  | {
      readonly kind: 'file';
      /** Where the gzip data begins. */
      readonly start: number;
      readonly timeMicros: Micros;
      /** Content bytes, where they lie in it uncompressed. */
      readonly storedBytes: number | undefined;
    }
  /** Not every value is a file; who asks for one is told. */
  | { readonly kind: 'other'; readonly code: ErrorCode; readonly message: string };

/** Where the bytes are: behind a descriptor, which the file then owns, or in memory. */
export type SpoolBytes = { readonly fd: number } | { readonly bytes: Uint8Array };

/** Takes the facts from a whole value. */
export function factsOf(value: Uint8Array): FileFacts {
  try {
    const { gzip, gzipStart: start, timeMicros } = decodeFile(value);
    return { kind: 'file', start, timeMicros, storedBytes: storedContentBytes(gzip) };
  } catch (error) {
    if (!isDrayerError(error)) throw error;
    return { kind: 'other', code: error.code, message: error.message };
  }
}

const read = promisify(readCallback);
/** Reads under way: all that are done at once are sent in one turn, in which nobody else is answered. */
const MOST_READS = 16;
const reads = new Turns(MOST_READS);

/** Closed when it is released and the last who reads it is done. */
export class SpoolFile implements HeldValue {
  readonly size: number;
  lastUsedMs: number = performance.now();
  readonly #from: SpoolBytes;
  readonly #facts: FileFacts;
  #readers = 0;
  #isReleased = false;
  #isClosed = false;

  constructor(from: SpoolBytes, size: number, facts: FileFacts) {
    this.#from = from;
    this.#facts = facts;
    this.size = size;
  }

  get isRead(): boolean {
    return this.#readers > 0;
  }

  get isInMemory(): boolean {
    return 'bytes' in this.#from;
  }

  open(range: ByteRange): Uint8Array | Readable {
    if (this.#isClosed) throw letGo();
    const { start, end } = range;
    if (end - start > PIECE_BYTES) return this.stream([range]);
    if ('bytes' in this.#from) return this.#from.bytes.subarray(start, end);
    const piece = Buffer.allocUnsafe(end - start);
    for (let at = 0; at < piece.length; ) {
      const bytes = readSync(this.#from.fd, piece, at, piece.length - at, start + at);
      if (bytes === 0) throw cutShort();
      at += bytes;
    }
    return piece;
  }

  stream(ranges: readonly ByteRange[]): Readable {
    this.#begin();
    const body = Readable.from(this.#pieces(ranges), { objectMode: false, highWaterMark: 1 });
    body.once('close', () => {
      this.#readers -= 1;
      this.lastUsedMs = performance.now();
      this.#closeIfDone();
    });
    return body;
  }

  file(): HeldFile {
    const facts = this.#facts;
    if (facts.kind === 'other') throw new DrayerError(facts.code, facts.message);
    const { start: first, timeMicros, storedBytes } = facts;
    const gzip: HeldBytes = {
      size: this.size - first,
      open: ({ start, end }) => this.open({ start: start + first, end: end + first }),
      stream: (ranges) =>
        this.stream(ranges.map(({ start, end }) => ({ start: start + first, end: end + first }))),
    };
    return { timeMicros, gzip, storedBytes: () => storedBytes };
  }

  release(): void {
    this.#isReleased = true;
    this.#closeIfDone();
  }

  #begin(): void {
    if (this.#isClosed) throw letGo();
    this.#readers += 1;
  }

  async *#pieces(ranges: readonly ByteRange[]): AsyncGenerator<Uint8Array> {
    for (const { start, end } of ranges) {
      for (let at = start; at < end; ) {
        const piece = await this.#piece(at, Math.min(end, at + PIECE_BYTES));
        yield piece;
        at += piece.length;
      }
    }
  }

  // Never at once: a socket takes what it is given in the same turn, and who always has something to
  // give would send megabytes before anybody else has a turn.
  async #piece(start: number, end: number): Promise<Uint8Array> {
    if ('bytes' in this.#from) {
      await setImmediate();
      return this.#from.bytes.subarray(start, end);
    }
    const piece = Buffer.allocUnsafeSlow(end - start);
    const { fd } = this.#from;
    const { bytesRead } = await reads.run(() => read(fd, piece, 0, piece.length, start));
    if (bytesRead === 0) throw cutShort();
    return piece.subarray(0, bytesRead);
  }

  #closeIfDone(): void {
    if (!this.#isReleased || this.#isClosed || this.#readers > 0) return;
    this.#isClosed = true;
    if ('fd' in this.#from) closeSync(this.#from.fd);
  }
}

function letGo(): DrayerError {
  return new DrayerError('STREAM_BUSY', 'this value was let go of; ask again');
}

function cutShort(): DrayerError {
  return new DrayerError('STORAGE_FAILED', 'a file of our own is shorter than it was');
}
