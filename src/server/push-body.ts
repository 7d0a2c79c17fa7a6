/** The body of a push, read within its limits: never more than announced, never for ever. */
import type { IncomingMessage } from 'node:http';
import { hash } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';

/** Time for the first bytes and the rest, plus a second for so many bytes: slower is no transfer. */
const BASE_MS = 30_000;
const LEAST_BYTES_A_SECOND = 32_768;
/** How long a body is thrown away after the answer, so that the client gets to read it. */
const REST_MS = 15_000;

/**
 * Reads `Content-Length`.
 *
 * @throws {DrayerError} USAGE without one, TOO_LARGE above `most`
 */
export function announcedBytes({ headers }: IncomingMessage, most: number): number {
  const length = headers['content-length'] ?? '';
  if (!/^\d{1,15}$/.test(length)) {
    throw new DrayerError('USAGE', 'expected Content-Length: a body is announced here');
  }
  if (Number(length) <= most) return Number(length);
  throw new DrayerError('TOO_LARGE', `expected at most ${most} bytes, ${length} are announced`);
}

/** Gives the chunks of a body as they come. @throws {DrayerError} MALFORMED when it takes too long or ends early */
export async function* bodyChunks(
  request: IncomingMessage,
  size: number,
): AsyncGenerator<Uint8Array, void, void> {
  const timer = setTimeout(() => request.destroy(), BASE_MS + (size / LEAST_BYTES_A_SECOND) * 1000);
  timer.unref();
  try {
    // Left open where reading stops, so that the client gets to read why.
    const chunks: AsyncIterable<Uint8Array> = request.iterator({ destroyOnReturn: false });
    for await (const chunk of chunks) yield chunk;
  } catch (cause) {
    throw new DrayerError('MALFORMED', 'the body broke off', { cause });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Reads a body into memory.
 *
 * @throws {DrayerError} AUTH_INVALID when it is not the one that was signed
 */
export async function readBody(
  request: IncomingMessage,
  { most, bodyHash }: { readonly most: number; readonly bodyHash: Uint8Array },
): Promise<Uint8Array> {
  const size = announcedBytes(request, most);
  const chunks: Uint8Array[] = [];
  for await (const chunk of bodyChunks(request, size)) chunks.push(chunk);
  const joined = Buffer.concat(chunks);
  const body = new Uint8Array(joined.buffer, joined.byteOffset, joined.length);
  if (bytesEqual(hash(body), bodyHash)) return body;
  throw new DrayerError('AUTH_INVALID', 'the body is not the one that was signed', {
    hint: 'something between client and server changes what is sent',
  });
}

/** Ends the connection of a request that was answered, where its body does not come to an end soon. */
export function limitRest(request: IncomingMessage): void {
  if (request.complete) return;
  const timer = setTimeout(() => request.socket.destroy(), REST_MS);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
}
