/**
 * The content of stored gzip data, streamed: memory stays the same for a page and for a film, and a
 * small value that inflates without end is found out before the first byte is sent.
 */
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, gunzipSync } from 'node:zlib';
import { DrayerError } from '../core/errors.ts';
import { type ByteRange, storedContentBytes, storedRanges } from '../files/stored-gzip.ts';

/** Steps in which gzip data is handed to zlib, so that it never runs far ahead of the reader. */
const STEP_BYTES = 65_536;
/** Content that is inflated at once: quicker than a stream, and nothing to speak of in memory. */
const SMALL_BYTES = 65_536;

/**
 * Counts the content bytes of gzip data, checking it on the way.
 *
 * @param maxBytes - most content bytes to accept, inclusive
 * @throws {DrayerError} FILE_RECORD_INVALID when it is damaged, cut off or longer than `maxBytes`
 */
export async function measureContent(gzip: Uint8Array, maxBytes: number): Promise<number> {
  const stored = storedContentBytes(gzip);
  if (stored !== undefined) return checkedSize(stored, maxBytes);
  let size = 0;
  const count = new Writable({
    write: (chunk: Uint8Array, _encoding, done) => {
      size += chunk.length;
      done(size > maxBytes ? tooLong(maxBytes) : null);
    },
  });
  try {
    await pipeline(Readable.from(stepsOf(gzip)), createGunzip(), count);
  } catch (cause) {
    if (cause instanceof DrayerError) throw cause;
    const message = 'this file is damaged: its gzip data cannot be inflated';
    throw new DrayerError('FILE_RECORD_INVALID', message, { cause });
  }
  return size;
}

/**
 * Returns a range of the content: a small one at once, otherwise streamed. From stored blocks it is
 * arithmetic; from compressed ones everything before it is inflated and dropped.
 *
 * @param size - of the whole content, as {@link measureContent} found it
 * @param range - inside the content
 */
export function openContent(
  gzip: Uint8Array,
  size: number,
  range: ByteRange,
): Uint8Array | Readable {
  if (storedContentBytes(gzip) !== undefined) {
    return Readable.from(storedParts(gzip, range), { objectMode: false });
  }
  if (size <= SMALL_BYTES) return gunzipSync(gzip).subarray(range.start, range.end);
  return Readable.from(inflatedParts(gzip, range), { objectMode: false });
}

async function* inflatedParts(gzip: Uint8Array, range: ByteRange): AsyncGenerator<Uint8Array> {
  let at = 0;
  // Leaving the loop, also when the reader has gone, destroys the inflater.
  for await (const chunk of Readable.from(stepsOf(gzip)).pipe(createGunzip())) {
    const bytes = chunk as Uint8Array;
    const start = Math.max(0, range.start - at);
    const end = Math.min(bytes.length, range.end - at);
    if (start < end) yield bytes.subarray(start, end);
    at += bytes.length;
    if (at >= range.end) return;
  }
}

function* storedParts(gzip: Uint8Array, range: ByteRange): Generator<Uint8Array> {
  for (const part of storedRanges(range, 0)) yield gzip.subarray(part.start, part.end);
}

function* stepsOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += STEP_BYTES) yield bytes.subarray(at, at + STEP_BYTES);
}

function checkedSize(size: number, maxBytes: number): number {
  if (size > maxBytes) throw tooLong(maxBytes);
  return size;
}

function tooLong(maxBytes: number): DrayerError {
  const message = `this file is longer than the ${maxBytes} bytes that are inflated here`;
  return new DrayerError('FILE_RECORD_INVALID', message, {
    hint: 'a client that accepts gzip gets it as it is stored',
  });
}
