/** A mirror that is already here, whether or not its source is. */
import { bytesEqual } from '../core/record.ts';
import { openReader } from '../store/open-reader.ts';
import { hasFile } from '../store/stream-file.ts';
import { signatureStateOf } from '../store/unchecked.ts';
import type { MirrorReport } from './mirror.ts';

/** A mirror as it is, or as a run has left it. */
export type HeldMirror = Pick<MirrorReport, 'path' | 'id' | 'generation'> &
  Partial<Pick<MirrorReport, 'signatures'>>;

/**
 * Returns the mirror at `path`, or undefined where there is none of this stream.
 *
 * @throws {DrayerError} STREAM_INVALID when the file cannot be read
 */
export function findMirror(path: string, publicKey: Uint8Array): HeldMirror | undefined {
  if (!hasFile(path)) return undefined;
  const reader = openReader(path);
  try {
    if (!bytesEqual(reader.publicKey, publicKey)) return undefined;
    const signatures = signatureStateOf(reader);
    return { path, id: reader.id, generation: reader.generation(), signatures };
  } finally {
    reader.close();
  }
}
