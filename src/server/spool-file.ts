/** One large value that is being sent: in a file without a name, or in memory where no file can be. */
import { closeSync, read as readCallback, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { DrayerError, type ErrorCode, isDrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { decodeFile } from '../files/file-record.ts';
import { type ByteRange, storedContentBytes } from '../files/stored-gzip.ts';
import type { HeldBytes, HeldFile, HeldValue } from './held-bytes.ts';
import { PIECE_BYTES, PieceStream } from './piece-stream.ts';
import { Turns } from './turns.ts';

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
/** A read that takes so long was no read of memory. Then others are done by other threads for a while. */
const SLOW_READ_MS = 5;
const SLOW_MS = 1_000;
let slowUntilMs = 0;
/** Those under way: all that are done at once are sent in one turn, in which nobody else is answered. */
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
    return readNow(this.#from.fd, Buffer.allocUnsafe(end - start), start);
  }

  stream(ranges: readonly ByteRange[]): PieceStream {
    if (this.#isClosed) throw letGo();
    this.#readers += 1;
    const done = (): void => {
      this.#readers -= 1;
      this.lastUsedMs = performance.now();
      this.#closeIfDone();
    };
    return new PieceStream({ read: (part, into) => this.#read(part, into), done }, ranges);
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

  #read({ start, end }: ByteRange, into: Buffer): Uint8Array | Promise<Uint8Array> {
    if ('bytes' in this.#from) return this.#from.bytes.subarray(start, end);
    const { fd } = this.#from;
    const piece = into.subarray(0, end - start);
    const askedMs = performance.now();
    if (askedMs < slowUntilMs) return readElsewhere(fd, piece, start);
    readNow(fd, piece, start);
    const readMs = performance.now();
    if (readMs - askedMs > SLOW_READ_MS) slowUntilMs = readMs + SLOW_MS;
    return piece;
  }

  #closeIfDone(): void {
    if (!this.#isReleased || this.#isClosed || this.#readers > 0) return;
    this.#isClosed = true;
    if ('fd' in this.#from) closeSync(this.#from.fd);
  }
}

// What was written a moment ago is in the system's memory, and copied from there in the time it takes
// to ask another thread for it.
function readNow(fd: number, piece: Buffer, start: number): Buffer {
  for (let at = 0; at < piece.length; ) {
    const bytes = readSync(fd, piece, at, piece.length - at, start + at);
    if (bytes === 0) throw cutShort();
    at += bytes;
  }
  return piece;
}

async function readElsewhere(fd: number, piece: Buffer, start: number): Promise<Buffer> {
  for (let at = 0; at < piece.length; ) {
    const { bytesRead } = await reads.run(() => read(fd, piece, at, piece.length - at, start + at));
    if (bytesRead === 0) throw cutShort();
    at += bytesRead;
  }
  return piece;
}

function letGo(): DrayerError {
  return new DrayerError('STREAM_BUSY', 'this value was let go of; ask again');
}

function cutShort(): DrayerError {
  return new DrayerError('STORAGE_FAILED', 'a file of our own is shorter than it was');
}
