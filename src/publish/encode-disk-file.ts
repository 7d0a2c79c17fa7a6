/** One disk file to one file value: the unit of work that is spread over threads. */
import { hash } from '#crypto';
import { isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { encodeFile } from '../files/file-record.ts';
import { shouldStore } from '../files/stored-media.ts';
import { findSecretFaults } from './file-secrets.ts';
import type { PublishFault } from './publish-fault.ts';
import { readDiskFile } from './read-disk-file.ts';

/** One file to read and encode. Survives being sent to another thread. */
export type EncodeJob = {
  readonly key: string;
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  /** As the walk found it. */
  readonly stamp: string;
  /** Hash of the content the stream holds for this key; such a file needs no encoding. */
  readonly heldContentHash?: Uint8Array | undefined;
  /**
   * The file's time in the value the stream holds for this key, and that value's hash, where the value
   * itself is not at hand: content that gives the very value again has not changed.
   */
  readonly heldValue?: { readonly timeMicros: number; readonly hash: Uint8Array } | undefined;
  /** Its owner says that the secrets in it are meant to be seen; a stream's own key never is. */
  readonly secretsAllowed?: boolean | undefined;
};

/** What all jobs of a publish share. */
export type EncodeSettings = {
  readonly maxBytes: number;
  /** See {@link secretNeedles}. */
  readonly needles: readonly Uint8Array[];
};

/** A file that was read. */
export type ReadFile = {
  readonly key: string;
  /** See {@link DiskContent.stamp}. */
  readonly stamp: string | undefined;
  /** Of the content. */
  readonly bytes: number;
};

/** A file whose content is not the one the stream holds. */
export type EncodedFile = ReadFile & {
  readonly value: Uint8Array<ArrayBuffer>;
  /** Of the value. */
  readonly hash: Uint8Array;
};

/** What became of a job. */
export type EncodeResult =
  /** The content is the one the stream holds. */
  | { readonly kind: 'same'; readonly file: ReadFile }
  | { readonly kind: 'encoded'; readonly file: EncodedFile }
  | { readonly kind: 'fault'; readonly fault: PublishFault };

/** Reads a file and, unless the stream holds its content already, encodes it (R24, R25). */
export function encodeDiskFile(job: EncodeJob, settings: EncodeSettings): EncodeResult {
  const { key } = job;
  try {
    const { content, stamp, timeMicros } = readDiskFile(job.path, {
      maxBytes: settings.maxBytes,
      found: job.stamp,
    });
    const { own, known } = findSecretFaults(key, content, settings.needles);
    if (own !== undefined) return { kind: 'fault', fault: own };
    const read: ReadFile = { key, stamp, bytes: content.length };
    const { heldContentHash, heldValue } = job;
    if (heldContentHash !== undefined && bytesEqual(hash(content), heldContentHash)) {
      return { kind: 'same', file: read };
    }
    const stored = shouldStore(key);
    if (heldValue !== undefined) {
      const value = encodeFile(content, { timeMicros: heldValue.timeMicros, stored });
      if (bytesEqual(hash(value), heldValue.hash)) return { kind: 'same', file: read };
    }
    // What the stream holds already is out: only what is new can still be kept back.
    if (known !== undefined && !job.secretsAllowed) return { kind: 'fault', fault: known };
    const value = encodeFile(content, { timeMicros, stored });
    return { kind: 'encoded', file: { ...read, value, hash: hash(value) } };
  } catch (error) {
    // What is wrong with one file is a result: the others are looked at too, and all reported at once.
    if (!isDrayerError(error)) throw error;
    return { kind: 'fault', fault: { path: key, code: error.code, message: error.message } };
  }
}
