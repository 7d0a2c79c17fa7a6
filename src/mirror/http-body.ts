/**
 * A response body read piece by piece: bounded in bytes, never idle for long, never endless at a trickle.
 * The clock runs only while we wait for the peer, not while the caller works on a piece.
 */
import type { IncomingMessage } from 'node:http';
import { DrayerError } from '../core/errors.ts';
import { abortedError, unreachable } from './peer-errors.ts';

/** A body must bring this many bytes per second, measured over each idle limit. */
const MINIMUM_BYTES_PER_SECOND = 4096;
/** Windows of at least so long end with a whole second, so that those of hundreds of bodies end together, ms. */
const LONG_MS = 30_000;
const SECOND_MS = 1000;

/** What {@link readBody} has to keep to. */
export type BodyLimits = {
  readonly url: string;
  readonly maxBytes: number;
  /** Longest wait for a piece, and the window in which the minimum rate is asked. */
  readonly idleMs: number;
  /** By default 4,096; with 0 a single byte in each window will do. */
  readonly leastBytesPerSecond?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Yields the pieces of a body. Leaving the loop early drops the connection.
 *
 * @throws {DrayerError} TOO_LARGE when it announces or sends more than `maxBytes`
 * @throws {DrayerError} UNREACHABLE when it breaks off, or comes slower than 4 KiB/s
 * @throws {DrayerError} ABORTED when the signal fires
 */
export async function* readBody(
  answer: IncomingMessage,
  limits: BodyLimits,
): AsyncGenerator<Uint8Array, void, void> {
  const { url, maxBytes, signal } = limits;
  const announced = Number(answer.headers['content-length'] ?? 0);
  const pieces = answer[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const { idleMs, leastBytesPerSecond = MINIMUM_BYTES_PER_SECOND } = limits;
  const least = Math.max(1, (leastBytesPerSecond * idleMs) / 1000);
  const pace = new Pace({ idleMs, least }, (why) =>
    answer.destroy(unreachable(url, new Error(why))),
  );
  const onAbort = (): void => {
    answer.destroy(abortedError(signal));
  };
  signal?.addEventListener('abort', onAbort);
  let received = 0;
  try {
    if (announced > maxBytes) throw tooLarge(url, `${announced} bytes announced`, maxBytes);
    if (signal?.aborted) throw abortedError(signal);
    for (;;) {
      pace.wait();
      const piece = await pieces.next();
      pace.rest(piece.done ? 0 : piece.value.length);
      if (piece.done) return;
      received += piece.value.length;
      if (received > maxBytes) throw tooLarge(url, 'the body goes on', maxBytes);
      yield piece.value;
    }
  } catch (error) {
    if (error instanceof DrayerError) throw error;
    throw unreachable(url, error, `broke off after ${received} bytes`);
  } finally {
    pace.rest(0);
    signal?.removeEventListener('abort', onAbort);
    if (!answer.complete) answer.destroy();
  }
}

/** Reads a whole body of at most `maxBytes` into one piece of memory. */
export async function collectBody(
  pieces: AsyncIterable<Uint8Array>,
  expectedBytes = 0,
): Promise<Uint8Array> {
  let bytes = new Uint8Array(expectedBytes);
  let length = 0;
  for await (const piece of pieces) {
    if (length + piece.length > bytes.length) {
      const grown = new Uint8Array(Math.max(length + piece.length, bytes.length * 2));
      grown.set(bytes.subarray(0, length));
      bytes = grown;
    }
    bytes.set(piece, length);
    length += piece.length;
  }
  return length === bytes.length ? bytes : bytes.slice(0, length);
}

/** The error for a body that has, or says it has, more bytes than are taken. */
export function tooLarge(url: string, what: string, maxBytes: number): DrayerError {
  return new DrayerError('TOO_LARGE', `${url}: ${what}, at most ${maxBytes} are taken`);
}

/** Counts the time spent waiting and what came of it, in windows of the idle limit. */
class Pace {
  readonly #windowMs: number;
  readonly #least: number;
  readonly #tooSlow: (why: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #since = 0;
  #waitedMs = 0;
  #bytes = 0;

  /** @param least - bytes that have to come in each window */
  constructor(
    { idleMs, least }: { readonly idleMs: number; readonly least: number },
    tooSlow: (why: string) => void,
  ) {
    this.#windowMs = idleMs;
    this.#least = least;
    this.#tooSlow = tooSlow;
  }

  wait(): void {
    this.#since = performance.now();
    this.#arm();
  }

  rest(bytes: number): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waitedMs += performance.now() - this.#since;
    this.#bytes += bytes;
  }

  #arm(): void {
    const leftMs = Math.max(0, this.#windowMs - this.#waitedMs);
    const endMs = this.#since + leftMs;
    const overMs = Math.ceil(endMs / SECOND_MS) * SECOND_MS - endMs;
    const moreMs = this.#windowMs < LONG_MS ? 0 : overMs;
    this.#timer = setTimeout(() => this.#windowEnds(), Math.ceil(leftMs + moreMs));
  }

  #windowEnds(): void {
    if (this.#bytes < this.#least) {
      this.#tooSlow(`${this.#bytes} bytes came in ${this.#windowMs} ms of waiting`);
      return;
    }
    this.#since = performance.now();
    this.#waitedMs = 0;
    this.#bytes = 0;
    this.#arm();
  }
}
