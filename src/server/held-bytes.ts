/** Bytes that are held somewhere, in memory or in a file, and are sent in whole or in part. */
import { Readable } from 'node:stream';
import type { Micros } from '../core/record.ts';
import { decodeFile } from '../files/file-record.ts';
import { type ByteRange, storedContentBytes } from '../files/stored-gzip.ts';

/** Bytes of which any part can be had. */
export type HeldBytes = {
  readonly size: number;
  /** Gives a part: at once what is in memory or small, otherwise streamed. */
  open(range: ByteRange): Uint8Array | Readable;
  /** Streams parts one after the other. */
  stream(ranges: readonly ByteRange[]): Readable;
};

const BYTES = { objectMode: false };

/** The value of a record. */
export type HeldValue = HeldBytes & {
  /**
   * What the value is as a file.
   *
   * @throws {DrayerError} FILE_RECORD_INVALID when it is none
   */
  file(): HeldFile;
};

/** A file of a site. */
export type HeldFile = {
  /** The file's own modification time. */
  readonly timeMicros: Micros;
  readonly gzip: HeldBytes;
  /** Content bytes, where they lie in the gzip data uncompressed (R25). */
  storedBytes(): number | undefined;
};

/** A value in memory; its parts are views. */
export function holdInMemory(value: Uint8Array): HeldValue {
  return {
    ...inMemory(value),
    file: () => {
      const { timeMicros, gzip } = decodeFile(value);
      return { timeMicros, gzip: inMemory(gzip), storedBytes: () => storedContentBytes(gzip) };
    },
  };
}

function inMemory(bytes: Uint8Array): HeldBytes {
  const open = ({ start, end }: ByteRange) => bytes.subarray(start, end);
  const stream = (ranges: readonly ByteRange[]) => Readable.from(ranges.map(open), BYTES);
  return { size: bytes.length, open, stream };
}
