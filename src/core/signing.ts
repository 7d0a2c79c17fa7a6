/**
 * What is signed, and the check of one record on its own (R1, R2).
 * The 136 bytes below are the whole of what a key ever signs for a record.
 */
import { hash, sign, verify } from '#crypto';
import { DrayerError } from './errors.ts';
import { bytesEqual, checkDraft, checkRecord, type Draft, type SignedRecord } from './record.ts';
import { encodeUtf8 } from './utf8.ts';

/** Length of what is signed. */
export const SIGNED_BYTES = 136;

/**
 * Returns the bytes a signature of this draft covers, always 136 (R1).
 * Neither `value` itself nor the stream's key is in them.
 */
export function signedBytes(draft: Draft): Uint8Array {
  const bytes = new Uint8Array(SIGNED_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(draft.id), true);
  view.setBigInt64(8, BigInt(draft.timestamp), true);
  view.setBigInt64(16, BigInt(draft.modified), true);
  view.setBigInt64(24, BigInt(draft.prev), true);
  view.setBigInt64(32, BigInt(draft.prevChange), true);
  bytes.set(hash(encodeUtf8(draft.key)), 40);
  bytes.set(draft.hash, 72);
  bytes.set(hash(encodeUtf8(draft.type)), 104);
  return bytes;
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
