/**
 * Gzip made of stored deflate blocks (R25): nothing is compressed, any reader can still inflate it, and
 * the place of every content byte follows from arithmetic, so that a range of a film can be served
 * without reading the rest.
 */
import { crc32 } from './crc32.ts';

/** Bytes of a gzip trailer: CRC-32 and content length, both little endian. */
export const GZIP_TRAILER_BYTES = 8;
/** The header every gzip of ours begins with (RFC 1952 §2.3): deflate, no name, no time, no flags, OS "unknown". */
export const GZIP_HEADER: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

/** Content bytes of every stored block but the last: the most a block can hold (RFC 1951 §3.2.4). */
export const BLOCK_BYTES = 65_535;
/** Bytes before a block's content: final bit and type, length, length inverted. */
const BLOCK_HEADER_BYTES = 5;

/** A part of something: `start` inclusive, `end` exclusive. */
export type ByteRange = { readonly start: number; readonly end: number };

/** Returns how many bytes {@link storeGzip} makes of `contentBytes` bytes. */
export function storedGzipBytes(contentBytes: number): number {
  return (
    GZIP_HEADER.length +
    blockCount(contentBytes) * BLOCK_HEADER_BYTES +
    contentBytes +
    GZIP_TRAILER_BYTES
  );
}

/**
 * Writes `content` as gzip with stored blocks into `target` from `offset` on (R25).
 *
 * @param target - holds at least `offset + storedGzipBytes(content.length)` bytes
 */
export function storeGzip(content: Uint8Array, target: Uint8Array, offset: number): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  const blocks = blockCount(content.length);
  target.set(GZIP_HEADER, offset);
  let at = offset + GZIP_HEADER.length;
  for (let block = 0; block < blocks; block += 1) {
    const part = content.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
    writeBlockHeader(view, at, part.length, block === blocks - 1);
    target.set(part, at + BLOCK_HEADER_BYTES);
    at += BLOCK_HEADER_BYTES + part.length;
  }
  writeGzipTrailer(target, at, content);
}

/** Writes the trailer of a gzip of `content` at `offset`: CRC-32 and length (RFC 1952 §2.3.1). */
export function writeGzipTrailer(target: Uint8Array, offset: number, content: Uint8Array): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  view.setUint32(offset, crc32(content), true);
  view.setUint32(offset + 4, content.length, true);
}

/**
 * Returns the number of content bytes if `gzip` has exactly the layout of {@link storeGzip},
 * otherwise undefined. Reads the gzip header, every block header and the trailer, not the content.
 */
export function storedContentBytes(gzip: Uint8Array): number | undefined {
  if (gzip.length < storedGzipBytes(0)) return undefined;
  const view = new DataView(gzip.buffer, gzip.byteOffset, gzip.byteLength);
  const contentBytes = view.getUint32(gzip.length - 4, true);
  if (storedGzipBytes(contentBytes) !== gzip.length) return undefined;
  // Bytes 4 to 9 (time, level, OS) do not change the layout; the flags do.
  if (view.getUint32(0) !== 0x1f8b0800) return undefined;

  const blocks = blockCount(contentBytes);
  for (let block = 0; block < blocks; block += 1) {
    const isLast = block === blocks - 1;
    const length = isLast ? contentBytes - block * BLOCK_BYTES : BLOCK_BYTES;
    if (!hasBlockHeader(view, blockStart(block), length, isLast)) return undefined;
  }
  return contentBytes;
}

/**
 * Maps a range of the content to the parts of the gzip that hold it, in order (R25).
 *
 * @param content - non-empty, inside the content
 * @param offset - where the gzip begins in what the ranges are to be read from: 0, or the length
 *   before it in a file value (`decodeFile(value).gzipStart`)
 */
export function storedRanges(content: ByteRange, offset: number): ByteRange[] {
  const ranges: ByteRange[] = [];
  for (let start = content.start; start < content.end; ) {
    const block = Math.floor(start / BLOCK_BYTES);
    const end = Math.min(content.end, (block + 1) * BLOCK_BYTES);
    const shift = offset + GZIP_HEADER.length + (block + 1) * BLOCK_HEADER_BYTES;
    ranges.push({ start: start + shift, end: end + shift });
    start = end;
  }
  return ranges;
}

// Empty content still needs one block, to say that it was the last.
function blockCount(contentBytes: number): number {
  return Math.max(1, Math.ceil(contentBytes / BLOCK_BYTES));
}

function blockStart(block: number): number {
  return GZIP_HEADER.length + block * (BLOCK_BYTES + BLOCK_HEADER_BYTES);
}

function writeBlockHeader(view: DataView, at: number, length: number, isLast: boolean): void {
  view.setUint8(at, isLast ? 1 : 0);
  view.setUint16(at + 1, length, true);
  view.setUint16(at + 3, length ^ 0xffff, true);
}

function hasBlockHeader(view: DataView, at: number, length: number, isLast: boolean): boolean {
  return (
    view.getUint8(at) === (isLast ? 1 : 0) &&
    view.getUint16(at + 1, true) === length &&
    view.getUint16(at + 3, true) === (length ^ 0xffff)
  );
}
