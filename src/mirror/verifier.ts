/**
 * Checks what a peer sent (R2, R16): shapes and hashes here, signatures in the background thread
 * while the next records arrive. Verifying is more than half the work of a first mirror.
 */
import { hash } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual, checkRecord, SIGNATURE_BYTES, type SignedRecord } from '../core/record.ts';
import { SIGNED_BYTES, signedBytes, verifyRecord } from '../core/signing.ts';
import type { Background } from './background.ts';

/** Below so many records a thread costs more than it saves: it takes 60 ms to start. */
const WORKER_FROM = 300;

/** Checks records of one stream. */
export class Verifier {
  /** The stream's key, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly #background: Background;

  constructor(publicKey: Uint8Array, background: Background) {
    this.publicKey = publicKey;
    this.#background = background;
  }

  /** Checks one record at once, as {@link verifyRecord}. */
  one(record: SignedRecord): void {
    verifyRecord(record, this.publicKey);
  }

  /**
   * Checks all of them; the promise settles when the last signature is checked.
   *
   * @throws {DrayerError} RECORD_INVALID or SIGNATURE_INVALID naming the first wrong record
   */
  async all(records: readonly SignedRecord[]): Promise<void> {
    if (records.length < WORKER_FROM && !this.#background.isRunning) {
      for (const record of records) this.one(record);
      return;
    }
    for (const record of records) checkContent(record);
    const packed = packSignatures(records);
    const wrong = await this.#background.verify(packed, this.publicKey);
    const record = records[wrong];
    if (record === undefined) return;
    this.one(record);
    throw new DrayerError('INTERNAL', `record ${record.id}: two verifiers disagree`);
  }
}

// As verifyRecord, without the signature.
function checkContent(record: SignedRecord): void {
  checkRecord(record);
  if (record.value !== undefined && !bytesEqual(hash(record.value), record.hash)) {
    throw new DrayerError('RECORD_INVALID', `record ${record.id}: value does not have its hash`);
  }
}

function packSignatures(records: readonly SignedRecord[]): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(records.length * (SIGNED_BYTES + SIGNATURE_BYTES));
  let at = 0;
  for (const record of records) {
    packed.set(signedBytes(record), at);
    packed.set(record.signature, at + SIGNED_BYTES);
    at += SIGNED_BYTES + SIGNATURE_BYTES;
  }
  return packed;
}
