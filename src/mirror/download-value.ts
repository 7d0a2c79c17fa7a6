/** One value by its hash (R17): gone on with where it broke off, believed only when it has the hash. */
import { hash } from '#crypto';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { LIMITS } from '../wire/limits.ts';
import type { HttpResponse } from './http-client.ts';
import type { Source } from './source.ts';

/** How often in a row a value may break off without a byte of progress. */
const TRIES = 3;

/** Memory for a value under way: `length` bytes of `bytes` have come. */
export type Room = { bytes: Uint8Array; length: number };

/** What a download is told as it goes. */
export type DownloadOptions = {
  /** Where to put it; the value that is returned lies in here. By default memory of its own. */
  readonly room?: Room | undefined;
  /** Called with the announced length before any of the body is read; may wait. */
  readonly onHead?: ((announcedBytes: number) => Promise<void>) | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
};

/**
 * Fetches a value.
 *
 * @returns undefined where the source does not have it
 * @throws {DrayerError} PEER_MISBEHAVED when it sends other bytes
 * @throws {DrayerError} TOO_LARGE above 64 MiB, UNREACHABLE when it breaks off again and again
 */
export async function downloadValue(
  source: Source,
  expected: Uint8Array,
  { room = { bytes: new Uint8Array(0), length: 0 }, onHead, onBytes }: DownloadOptions = {},
): Promise<Uint8Array | undefined> {
  room.length = 0;
  for (let tries = 1; ; tries += 1) {
    const before = room.length;
    try {
      const answer = await source.value(expected, room.length);
      if (answer === undefined) return undefined;
      const announced = Number(answer.header('content-length') ?? 0);
      await onHead?.(announced);
      await append(room, answer, { announced, onBytes });
      return checkValue(source.url, expected, room.bytes.subarray(0, room.length));
    } catch (error) {
      if (room.length > before) tries = 0;
      if (!isDrayerError(error, 'UNREACHABLE') || tries >= TRIES) throw error;
    }
  }
}

/**
 * Returns `value` if it has this hash.
 *
 * @throws {DrayerError} PEER_MISBEHAVED naming the source
 */
export function checkValue(url: string, expected: Uint8Array, value: Uint8Array): Uint8Array {
  if (bytesEqual(hash(value), expected)) return value;
  throw wrongValue(url, expected);
}

/** The error for a source whose bytes do not have the hash they were asked for by. */
export function wrongValue(url: string, expected: Uint8Array): DrayerError {
  const name = Buffer.from(expected).toString('hex');
  return new DrayerError('PEER_MISBEHAVED', `${url}: sent other bytes for value ${name}`, {
    hint: 'nothing of it was kept; ask another peer',
  });
}

/** Appends a body to what is there, in place of it where the answer is the whole value. */
async function append(
  room: Room,
  answer: HttpResponse,
  { announced, onBytes }: Pick<DownloadOptions, 'onBytes'> & { readonly announced: number },
): Promise<void> {
  if (answer.status !== 206) room.length = 0;
  const range = answer.header('content-range') ?? '';
  if (answer.status === 206 && !range.startsWith(`bytes ${room.length}-`)) {
    answer.discard();
    throw new DrayerError('PEER_MISBEHAVED', `${answer.url}: sent another range (${range})`);
  }
  const most = LIMITS.recordBytes - room.length;
  if (announced <= most) reserve(room, room.length + announced);
  for await (const piece of answer.body(most)) {
    reserve(room, room.length + piece.length);
    room.bytes.set(piece, room.length);
    room.length += piece.length;
    onBytes?.(piece.length);
  }
}

function reserve(room: Room, length: number): void {
  if (room.bytes.length >= length) return;
  const grown = new Uint8Array(Math.max(length, room.length * 2));
  grown.set(room.bytes.subarray(0, room.length));
  room.bytes = grown;
}
