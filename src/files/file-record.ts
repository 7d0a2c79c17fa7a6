/**
 * The value of a file record (R24, R25): `u32le header length | msgpack map | gzip data`.
 * The header is `{enc: "gzip", time}`. What is in the value is all a browser needs; the site path is the record's key.
 */
import { gunzipSync } from 'node:zlib';
import { DrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { deflate } from './deflate.ts';
import { decodeFileHeader, encodeFileHeader } from './file-header.ts';
import { MAX_FILE_BYTES } from './site-path.ts';
import {
  GZIP_HEADER,
  GZIP_TRAILER_BYTES,
  storedContentBytes,
  storedGzipBytes,
  storeGzip,
  writeGzipTrailer,
} from './stored-gzip.ts';

/** Longest header a reader accepts (R24). */
export const MAX_HEADER_BYTES = 4096;

/** What {@link encodeFile} is told besides the content. */
export type EncodeFileOptions = {
  /** The file's own modification time; a fraction is cut off, a time before 1970 becomes 0. */
  readonly timeMicros: number;
  /** Written as stored blocks, without compressing; meant for media that is compressed already. */
  readonly stored?: boolean | undefined;
};

/** A file value taken apart. */
export type FileValue = {
  /** The file's own modification time, rounded to whole micros. */
  readonly timeMicros: Micros;
  /** The gzip data: a view into the value, nothing is copied. */
  readonly gzip: Uint8Array;
  /** Where the gzip data begins in the value. */
  readonly gzipStart: number;
};

/**
 * Makes the value of a file record (R24, R25).
 *
 * @returns the value in a buffer of its own, which may be transferred to another thread
 * @example
 * const value = encodeFile(new TextEncoder().encode('hello'), { timeMicros: Date.now() * 1000 });
 */
export function encodeFile(
  content: Uint8Array,
  options: EncodeFileOptions,
): Uint8Array<ArrayBuffer> {
  const { timeMicros, stored = false } = options;
  const header = encodeFileHeader(timeMicros);
  // Raw deflate with header and trailer of our own: zlib's gzip writes the system it was compiled for,
  // and takes a tenth longer than this.
  const deflated = stored ? undefined : deflate(content);
  const storedBytes = storedGzipBytes(content.length);
  // What does not get smaller is stored too: the ranges come free.
  if (deflated === undefined || gzipBytes(deflated) >= storedBytes) {
    const value = startValue(header, storedBytes);
    storeGzip(content, value, 4 + header.length);
    return value;
  }
  const value = startValue(header, gzipBytes(deflated));
  value.set(GZIP_HEADER, 4 + header.length);
  value.set(deflated, 4 + header.length + GZIP_HEADER.length);
  writeGzipTrailer(value, value.length - GZIP_TRAILER_BYTES, content);
  return value;
}

/**
 * Takes the value of a file record apart; does not inflate.
 *
 * @throws {DrayerError} FILE_RECORD_INVALID when length, header or encoding are not as R24 says
 */
export function decodeFile(value: Uint8Array): FileValue {
  if (value.length < 4) throw invalid(`expected at least 4 bytes, got ${value.length}`);
  const headerBytes = new DataView(value.buffer, value.byteOffset, 4).getUint32(0, true);
  if (headerBytes > MAX_HEADER_BYTES) {
    throw invalid(`expected a header of at most ${MAX_HEADER_BYTES} bytes, got ${headerBytes}`);
  }
  const gzipStart = 4 + headerBytes;
  if (gzipStart > value.length) {
    throw invalid(`expected a header of ${headerBytes} bytes, got ${value.length - 4}`);
  }
  const timeMicros = decodeFileHeader(value.subarray(4, gzipStart));
  return { timeMicros, gzip: value.subarray(gzipStart), gzipStart };
}

/**
 * Returns the content of a file value.
 *
 * @param maxBytes - most content bytes to accept, inclusive
 * @throws {DrayerError} FILE_RECORD_INVALID when the value is not as R24 says, the gzip data is damaged,
 *   cut off or followed by something else, or the content is longer than `maxBytes`
 */
export function inflateFile(value: Uint8Array, maxBytes: number = MAX_FILE_BYTES): Uint8Array {
  const { gzip } = decodeFile(value);
  try {
    return gunzipSync(gzip, { maxOutputLength: Math.max(1, maxBytes) });
  } catch (cause) {
    if (hasCode(cause, 'ERR_BUFFER_TOO_LARGE')) {
      throw invalid(`expected at most ${maxBytes} bytes of content, got more`, cause);
    }
    throw invalid('expected gzip data that can be inflated', cause);
  }
}

/** Tells whether the content lies in the value uncompressed, so that {@link storedRanges} applies. */
export function isStoredGzip(gzip: Uint8Array): boolean {
  return storedContentBytes(gzip) !== undefined;
}

function gzipBytes(deflated: Uint8Array): number {
  return GZIP_HEADER.length + deflated.length + GZIP_TRAILER_BYTES;
}

function startValue(header: Uint8Array, gzipLength: number): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(4 + header.length + gzipLength);
  new DataView(value.buffer).setUint32(0, header.length, true);
  value.set(header, 4);
  return value;
}

function invalid(message: string, cause?: unknown): DrayerError {
  return new DrayerError('FILE_RECORD_INVALID', `file record: ${message}`, { cause });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
