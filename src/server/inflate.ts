/**
 * The content of stored gzip data, streamed: memory stays the same for a page and for a film, and a
 * small value that inflates without end is found out before the first byte is sent.
 */
import { pipeline as pipe, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, gunzipSync } from 'node:zlib';
import { DrayerError } from '../core/errors.ts';
import { type ByteRange, storedRanges } from '../files/stored-gzip.ts';
import type { HeldBytes, HeldFile } from './held-bytes.ts';

/** Steps in which gzip data is handed to zlib, so that it never runs far ahead of the reader. */
const STEP_BYTES = 65_536;
/** Content that is inflated at once: quicker than a stream, and nothing to speak of in memory. */
const SMALL_BYTES = 65_536;
/** Gzip data that is inflated at once to see how long it is. */
const QUICK_BYTES = 32_768;

/**
 * Counts the content bytes of gzip data, checking it on the way.
 *
 * @param maxBytes - most content bytes to accept, inclusive
 * @throws {DrayerError} FILE_RECORD_INVALID when it is damaged, cut off or longer than `maxBytes`
 */
export async function measureContent(file: HeldFile, maxBytes: number): Promise<number> {
  const stored = file.storedBytes() ?? quickSize(file.gzip);
  if (stored !== undefined) return checkedSize(stored, maxBytes);
  let size = 0;
  await inflateTo(file, async (chunk, at) => {
    size = checkedSize(at + chunk.length, maxBytes);
  });
  return size;
}

/**
 * Inflates the whole content.
 *
 * @param take - given one piece after the other, and where it begins
 * @throws {DrayerError} FILE_RECORD_INVALID when it is damaged or cut off, and what `take` throws
 */
export async function inflateTo(
  file: HeldFile,
  take: (chunk: Uint8Array, at: number) => Promise<void>,
): Promise<void> {
  let at = 0;
  const sink = new Writable({
    highWaterMark: STEP_BYTES,
    write: (chunk: Uint8Array, _encoding, done) => {
      const start = at;
      at += chunk.length;
      take(chunk, start).then(() => done(), done);
    },
  });
  try {
    await pipeline(stepsOf(file.gzip), createGunzip({ chunkSize: STEP_BYTES }), sink);
  } catch (cause) {
    if (!isOfZlib(cause)) throw cause;
    const message = 'this file is damaged: its gzip data cannot be inflated';
    throw new DrayerError('FILE_RECORD_INVALID', message, { cause });
  }
}

/** At once where there is little of it; undefined where that cannot be told before, or it is damaged. */
function quickSize(gzip: HeldBytes): number | undefined {
  const whole = gzip.size <= QUICK_BYTES ? gzip.open({ start: 0, end: gzip.size }) : undefined;
  if (!(whole instanceof Uint8Array)) return undefined;
  try {
    return gunzipSync(whole, { maxOutputLength: SMALL_BYTES }).length;
  } catch {
    // Long, or damaged: the long way tells which.
    return undefined;
  }
}

function isOfZlib(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^Z_/.test(String(error.code));
}

/**
 * Returns a range of the content: a small one at once, otherwise streamed. From stored blocks it is
 * arithmetic; from compressed ones everything before it is inflated and dropped.
 *
 * @param size - of the whole content, as {@link measureContent} found it
 * @param range - inside the content
 */
export function openContent(file: HeldFile, size: number, range: ByteRange): Uint8Array | Readable {
  const { gzip } = file;
  if (file.storedBytes() !== undefined) {
    return gzip.stream(storedRanges(range, 0));
  }
  const whole = size <= SMALL_BYTES ? gzip.open({ start: 0, end: gzip.size }) : undefined;
  if (whole instanceof Uint8Array) return gunzipSync(whole).subarray(range.start, range.end);
  return Readable.from(inflatedParts(gzip, range), { objectMode: false });
}

async function* inflatedParts(gzip: HeldBytes, range: ByteRange): AsyncGenerator<Uint8Array> {
  let at = 0;
  // Leaving the loop, also when the reader has gone, destroys the inflater.
  for await (const chunk of inflated(gzip)) {
    const bytes = chunk as Uint8Array;
    const start = Math.max(0, range.start - at);
    const end = Math.min(bytes.length, range.end - at);
    if (start < end) yield bytes.subarray(start, end);
    at += bytes.length;
    if (at >= range.end) return;
  }
}

// Not pipe(): the inflater takes its source with it when the reader has gone.
function inflated(gzip: HeldBytes): Readable {
  return pipe(stepsOf(gzip), createGunzip(), () => {});
}

function stepsOf(gzip: HeldBytes): Readable {
  const bytes = gzip.open({ start: 0, end: gzip.size });
  return bytes instanceof Readable ? bytes : Readable.from(steps(bytes));
}

function* steps(bytes: Uint8Array): Generator<Uint8Array> {
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
