/**
 * What has come of one value, in a file: the hash and the size first, then piece after piece as they came,
 * each with its place and a checksum. So whatever a power cut leaves can be read as far as it is whole, and
 * two processes that add to it do not harm each other. Nothing in it is believed before the whole value
 * has its hash.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writevSync,
} from 'node:fs';
import { crc32 } from '../files/crc32.ts';
import { bytesIn, joinRanges, type Range, withoutRanges } from './byte-ranges.ts';

/** A piece of a value. */
export type Piece = { readonly at: number; readonly bytes: Uint8Array };

/** `dvp1`, size, hash, checksum of these. */
const HEAD_BYTES = 44;
const MAGIC = 0x64767031;
/** Place, length, checksum. */
const PIECE_HEAD_BYTES = 12;
/** No value is larger. */
const MOST_BYTES = 64 * 1024 * 1024;

/** An open file of one value; closed by {@link PartFile.close}. Throws what node:fs throws. */
export class PartFile {
  /** Bytes of the value, as the source said of which the first piece is. */
  readonly size: number;
  readonly #file: number;
  #ranges: Range[] = [];
  #isChanged = false;
  #isSyncing = false;
  #isClosed = false;

  private constructor(file: number, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** Makes the file of a value; there must not be one. */
  static create(path: string, hash: Uint8Array, size: number): PartFile {
    const { O_RDWR, O_APPEND, O_CREAT, O_EXCL } = constants;
    const file = new PartFile(openSync(path, O_RDWR | O_APPEND | O_CREAT | O_EXCL, 0o600), size);
    try {
      file.#append([headOf(hash, size)]);
    } catch (error) {
      file.close();
      throw error;
    }
    return file;
  }

  /** Opens the file of a value; undefined where it is another's, or none. What is torn at its end is cut off. */
  static open(path: string, hash: Uint8Array): PartFile | undefined {
    const handle = openSync(path, constants.O_RDWR | constants.O_APPEND);
    const head = Buffer.alloc(HEAD_BYTES);
    let file: PartFile | undefined;
    try {
      readSync(handle, head, 0, HEAD_BYTES, 0);
      const size = head.readUInt32BE(4);
      if (size > MOST_BYTES || !head.equals(headOf(hash, size))) return undefined;
      const found = new PartFile(handle, size);
      found.#ranges = joinRanges([...found.#pieces()].map(({ range }) => range));
      file = found;
      return file;
    } finally {
      if (file === undefined) closeSync(handle);
    }
  }

  /** Which bytes are there, as it looks: ascending, and apart from each other. */
  get ranges(): readonly Range[] {
    return this.#ranges;
  }

  /** How many bytes of the value are there. */
  get bytes(): number {
    return bytesIn(this.#ranges);
  }

  /** Adds pieces. They are not waited for. */
  add(pieces: readonly Piece[]): void {
    for (const { at, bytes } of pieces) {
      const head = Buffer.alloc(PIECE_HEAD_BYTES);
      head.writeUInt32BE(at, 0);
      head.writeUInt32BE(bytes.length, 4);
      head.writeUInt32BE(checksum(at, bytes), 8);
      // Together, so that nobody else's come in between.
      this.#append([head, bytes]);
      this.#ranges = joinRanges([...this.#ranges, { start: at, end: at + bytes.length }]);
    }
    this.#isChanged = true;
  }

  /**
   * Puts the pieces in their places.
   *
   * @param into - as long as the value at least
   * @returns which bytes are there and were not damaged: ascending, and apart from each other
   */
  load(into: Uint8Array): Range[] {
    let sound: Range[] = [];
    for (const { at, range, sum } of this.#pieces()) {
      const bytes = into.subarray(range.start, range.end);
      const read = readSync(this.#file, bytes, 0, bytes.length, at);
      const isSound = read === bytes.length && checksum(range.start, bytes) === sum;
      sound = isSound ? joinRanges([...sound, range]) : withoutRanges(sound, [range]);
    }
    return sound;
  }

  /** Has the disk take what was added, without waiting for it; `done` is called in any case. */
  sync(done: () => void): void {
    if (!this.#isChanged || this.#isSyncing || this.#isClosed) {
      done();
      return;
    }
    this.#isChanged = false;
    this.#isSyncing = true;
    fdatasync(this.#file, () => {
      this.#isSyncing = false;
      if (this.#isClosed) closeSync(this.#file);
      done();
    });
  }

  /** Closes it; may be called twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#isSyncing) closeSync(this.#file);
  }

  *#pieces(): Generator<{ readonly at: number; readonly range: Range; readonly sum: number }> {
    const end = fstatSync(this.#file).size;
    const head = Buffer.alloc(PIECE_HEAD_BYTES);
    let at = HEAD_BYTES;
    while (at + PIECE_HEAD_BYTES <= end) {
      readSync(this.#file, head, 0, PIECE_HEAD_BYTES, at);
      const start = head.readUInt32BE(0);
      const length = head.readUInt32BE(4);
      const next = at + PIECE_HEAD_BYTES + length;
      if (length === 0 || start + length > this.size || next > end) break;
      const range = { start, end: start + length };
      yield { at: at + PIECE_HEAD_BYTES, range, sum: head.readUInt32BE(8) };
      at = next;
    }
    // What is added from now on must be found again.
    if (at < end) ftruncateSync(this.#file, at);
  }

  #append(parts: readonly Uint8Array[]): void {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    // A disk that is full takes a part of it.
    if (writevSync(this.#file, parts) < bytes) throw new Error('no space left on the device');
  }
}

function headOf(hash: Uint8Array, size: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(MAGIC, 0);
  head.writeUInt32BE(size, 4);
  head.set(hash, 8);
  head.writeUInt32BE(crc32(head.subarray(0, HEAD_BYTES - 4)), HEAD_BYTES - 4);
  return head;
}

/** Of the bytes and of where they belong. */
function checksum(at: number, bytes: Uint8Array): number {
  return (crc32(bytes) ^ at ^ bytes.length) >>> 0;
}
