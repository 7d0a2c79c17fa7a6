/** What a stream already holds of a file, to compare a disk file with when nothing is remembered of it. */
import { hash } from '#crypto';
import { isDrayerError } from '../core/errors.ts';
import { decodeFile, inflateFile } from '../files/file-record.ts';

/**
 * Returns the hash of a file value's content, or undefined where it cannot be that of a disk file of
 * `bytes` bytes, or cannot be read.
 *
 * Inflating is five times faster than compressing the disk file again, and does not depend on the
 * version of zlib that wrote the value.
 */
export function heldContentHash(value: Uint8Array, bytes: number): Uint8Array | undefined {
  try {
    if (contentBytes(decodeFile(value).gzip) !== bytes) return undefined;
    return hash(inflateFile(value, bytes));
  } catch (error) {
    // Written by another program, or damaged: the disk file replaces it.
    if (isDrayerError(error, 'FILE_RECORD_INVALID')) return undefined;
    throw error;
  }
}

/**
 * Returns the bytes of what a gzip holds, as its last four bytes say (RFC 1952 §2.3.1); no file here is
 * near 4 GB. Undefined where it is too short for that.
 */
export function contentBytes(gzip: Uint8Array): number | undefined {
  if (gzip.length < 4) return undefined;
  return new DataView(gzip.buffer, gzip.byteOffset + gzip.length - 4, 4).getUint32(0, true);
}
