/** The file beside a stream that holds the proof of two histories (R16). What is in it is the wire's. */
import { readFileSync } from 'node:fs';
import { fileError, isErrno, replaceSynced } from './durable-file.ts';

/** Path of the proof that belongs to the stream at `streamPath`. */
export function forkProofPathOf(streamPath: string): string {
  return `${streamPath}.fork`;
}

/**
 * Keeps a proof; one that is there stays, the first is as good as any.
 *
 * @param isProof - what is there and is none, half a file of another time, gives way
 * @throws {DrayerError} STORAGE_FAILED when it cannot be kept
 */
export function writeForkProof(
  streamPath: string,
  body: Uint8Array,
  isProof: (held: Uint8Array) => boolean,
): void {
  const path = forkProofPathOf(streamPath);
  const held = readForkProof(streamPath);
  if (held !== undefined && isProof(held)) return;
  try {
    replaceSynced(path, body, 0o644);
  } catch (cause) {
    throw fileError(path, 'cannot keep the proof of two histories', cause);
  }
}

/** Returns the proof as `GET /<key>/forkProof` answers it, or undefined where there is none. Not checked. */
export function readForkProof(streamPath: string): Uint8Array | undefined {
  const path = forkProofPathOf(streamPath);
  try {
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw fileError(path, 'cannot read the proof of two histories', cause);
  }
}
