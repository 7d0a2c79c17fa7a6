/**
 * A change to an own stream by hand: opened with the right key, one transaction, closed. A server that
 * runs notices the commit by itself.
 */

import { openStream } from '../store/open-stream.ts';
import type { Generation } from '../store/reader.ts';
import type { Stream } from '../store/stream.ts';
import type { Transaction } from '../store/transaction.ts';
import type { GivenKey } from './given-key.ts';
import { checkKeyUse, checkRestored, noteKeyUse } from './key-use.ts';

/** The stream to change, and the key that was given for it; without one, that beside it. */
export type EditTarget = { readonly path: string; readonly key: GivenKey | undefined };

/** What an edit came to. */
export type Edited<T> = {
  /** What the function of the edit returned. */
  readonly result: T;
  /** Whether there is a new generation. */
  readonly changed: boolean;
  readonly generation: Generation;
  /** Base64. */
  readonly id: string;
  /** Absolute. */
  readonly path: string;
};

/**
 * Changes a stream: all that `edit` does is one generation, or nothing if it throws.
 *
 * @param edit - gets the transaction, and the stream for reading what it was before
 * @throws {DrayerError} STREAM_READ_ONLY without the key; STREAM_BUSY when another process is writing for
 *   longer than 5 s; STREAM_BEHIND_MARK, KEY_MISMATCH when the key must not sign here
 */
export function editStream<T>(
  { path, key }: EditTarget,
  edit: (tx: Transaction, stream: Stream) => T,
): Edited<T> {
  const { keyPath, secretKey } = key ?? {};
  if (keyPath !== undefined) checkRestored(path, keyPath);
  const stream = openStream(path, { secretKey });
  try {
    const before = stream.reader.generation();
    if (keyPath !== undefined) checkKeyUse(path, keyPath, before);
    const result = stream.transaction((tx) => edit(tx, stream));
    const generation = stream.reader.generation();
    if (keyPath !== undefined) noteKeyUse(path, keyPath, generation);
    return { result, changed: generation.tip !== before.tip, generation, id: stream.id, path };
  } finally {
    stream.close();
  }
}
