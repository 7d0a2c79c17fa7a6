/**
 * What is signed, and the check of one record on its own (R1, R2).
 * The 136 bytes below are the whole of what a key ever signs for a record.
 */
import { hash, sign, verify } from '#crypto';
import { DrayerError } from './errors.ts';
import { writeInt64 } from './int64.ts';
import {
  bytesEqual,
  checkDraft,
  checkRecord,
  type Draft,
  HASH_BYTES,
  type Micros,
  type SignedRecord,
} from './record.ts';
import { positionAt, positionOf, positionsOf } from './trie-hash.ts';

/** Length of what is signed. */
export const SIGNED_BYTES = 136;

/**
 * Returns the bytes a signature of this draft covers, always 136 (R1).
 * Neither `value` itself nor the stream's key is in them.
 */
export function signedBytes(draft: Draft): Uint8Array {
  const bytes = new Uint8Array(SIGNED_BYTES);
  writeSignedBytes(draft, bytes);
  return bytes;
}

/**
 * As {@link signedBytes}, into `bytes`.
 *
 * @param position - of the draft in a trie: both hashes of its name
 */
export function writeSignedBytes(
  draft: Draft,
  bytes: Uint8Array,
  position: Uint8Array = positionOf(draft.type, draft.key),
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, SIGNED_BYTES);
  writeInt64(view, 0, draft.id);
  writeInt64(view, 8, draft.timestamp);
  writeInt64(view, 16, draft.modified);
  writeInt64(view, 24, draft.prev);
  writeInt64(view, 32, draft.prevChange);
  bytes.set(position.subarray(HASH_BYTES), 40);
  bytes.set(draft.hash, 72);
  bytes.set(position.subarray(0, HASH_BYTES), 104);
}

/**
 * Begins to sign messages of 136 bytes each, one after the other in `messages`, with the 64-byte
 * `secretKey`; returns what gives the 64-byte signature of the message with an index. Who has other
 * threads may let them sign until it is asked.
 */
export type BeginSigning = (
  messages: Uint8Array,
  secretKey: Uint8Array,
) => (index: number) => Uint8Array;

/** Signs each message when its signature is asked for. */
const signHere: BeginSigning = (messages, secretKey) => (index) =>
  sign(messages.subarray(index * SIGNED_BYTES, (index + 1) * SIGNED_BYTES), secretKey);

/** Drafts that are being signed. */
export type DraftSigning = {
  /** Returns the signature of the draft with an index. */
  readonly signatureOf: (index: number) => Uint8Array;
  /** See {@link positionsOf}: a part of what is signed. */
  readonly positions: Uint8Array;
};

/**
 * Begins to sign drafts.
 *
 * @param secretKey - 64 bytes, seed then public key
 * @throws {DrayerError} RECORD_INVALID when a field of any of them is out of its bounds (R2)
 */
export function beginDrafts(
  drafts: readonly Draft[],
  secretKey: Uint8Array,
  begin: BeginSigning = signHere,
): DraftSigning {
  drafts.forEach(checkDraft);
  const positions = positionsOf(drafts);
  const messages = new Uint8Array(drafts.length * SIGNED_BYTES);
  drafts.forEach((draft, index) => {
    const message = messages.subarray(index * SIGNED_BYTES, (index + 1) * SIGNED_BYTES);
    writeSignedBytes(draft, message, positionAt(positions, index));
  });
  return { signatureOf: begin(messages, secretKey), positions };
}

/**
 * Signs a draft.
 *
 * @param secretKey - 64 bytes, seed then public key
 * @returns the record, without a value
 * @throws {DrayerError} RECORD_INVALID when a field is out of its bounds (R2)
 */
export function signDraft(draft: Draft, secretKey: Uint8Array): SignedRecord {
  checkDraft(draft);
  const { id, type, key, timestamp, modified, prev, prevChange } = draft;
  const signature = sign(signedBytes(draft), secretKey);
  return { id, type, key, hash: draft.hash, timestamp, modified, prev, prevChange, signature };
}

/**
 * The record that a draft is with its signature, which is asked for when it is first looked at: others may be
 * at it until then. A class, since a getter of each object's own takes five times the memory of all the rest.
 */
export class PlannedRecord implements SignedRecord {
  readonly id: number;
  readonly type: string;
  readonly key: string;
  readonly hash: Uint8Array;
  readonly timestamp: Micros;
  readonly modified: Micros;
  readonly prev: number;
  readonly prevChange: Micros;
  readonly value: Uint8Array | undefined;
  readonly #index: number;
  readonly #signatureOf: (index: number) => Uint8Array;
  #signature: Uint8Array | undefined;

  /** @param signatureOf - see {@link beginDrafts}, with this draft's index */
  constructor(
    draft: Draft & Pick<SignedRecord, 'value'>,
    index: number,
    signatureOf: (index: number) => Uint8Array,
  ) {
    this.id = draft.id;
    this.type = draft.type;
    this.key = draft.key;
    this.hash = draft.hash;
    this.timestamp = draft.timestamp;
    this.modified = draft.modified;
    this.prev = draft.prev;
    this.prevChange = draft.prevChange;
    this.value = draft.value;
    this.#index = index;
    this.#signatureOf = signatureOf;
  }

  get signature(): Uint8Array {
    this.#signature ??= this.#signatureOf(this.#index);
    return this.#signature;
  }
}

/**
 * Checks a record on its own: its shape, the hash of the value if the value is there, and the
 * signature (R2). Whether it fits a stream is another question: see accept.ts.
 *
 * @param publicKey - 32 bytes, the stream's
 * @throws {DrayerError} RECORD_INVALID when a field is out of its bounds or the value has another hash
 * @throws {DrayerError} SIGNATURE_INVALID when the key did not sign this record
 */
export function verifyRecord(record: SignedRecord, publicKey: Uint8Array): void {
  checkRecord(record);
  if (record.value !== undefined && !bytesEqual(hash(record.value), record.hash)) {
    throw new DrayerError('RECORD_INVALID', `record ${record.id}: value does not have its hash`);
  }
  if (!verify(record.signature, signedBytes(record), publicKey)) {
    throw new DrayerError('SIGNATURE_INVALID', `record ${record.id}: signature is not of this key`);
  }
}
