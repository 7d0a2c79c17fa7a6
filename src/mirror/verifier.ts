/**
 * Checks what a peer sent (R2, R16). Shapes and hashes are checked here; signatures, more than half the
 * work of a first mirror, are shared with the background thread: both take the next slice of what is
 * left until nothing is.
 */
import { hash } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual, checkRecord, type SignedRecord } from '../core/record.ts';
import { verifyRecord } from '../core/signing.ts';
import type { Background } from './background.ts';
import { checkSlice, NONE_WRONG, newSignatures, type Signatures, wrongOf } from './signatures.ts';

/** From so many records in one run a thread pays for itself: it takes 60 ms to start. */
const THREAD_FROM = 300;

/** Checks records of one stream. */
export class Verifier {
  /** The stream's key, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly #background: Background;
  #checked = 0;

  constructor(publicKey: Uint8Array, background: Background) {
    this.publicKey = publicKey;
    this.#background = background;
  }

  /** Says how many records are likely to come: the thread starts while they are on their way. */
  expect(count: number): void {
    if (count < THREAD_FROM) return;
    this.#checked = Math.max(this.#checked, THREAD_FROM);
    this.#background.start();
  }

  /** Checks one record at once, as {@link verifyRecord}. */
  one(record: SignedRecord): void {
    verifyRecord(record, this.publicKey);
  }

  /** Checks all but the signatures: {@link Verifier.all} is for those, at once or later. */
  contents(records: readonly SignedRecord[]): void {
    for (const record of records) checkContent(record);
  }

  /**
   * Checks all of them; the promise settles when the last signature is checked.
   *
   * @throws {DrayerError} RECORD_INVALID or SIGNATURE_INVALID naming a wrong record
   */
  async all(records: readonly SignedRecord[]): Promise<void> {
    this.#checked += records.length;
    if (this.#checked < THREAD_FROM) {
      for (const record of records) this.one(record);
      return;
    }
    this.contents(records);
    const signatures = pack(records, this.publicKey);
    await Promise.all([this.#background.verify(signatures), checkHere(signatures)]);
    const wrong = wrongOf(signatures);
    if (wrong === NONE_WRONG) return;
    const record = records[wrong];
    if (record !== undefined) this.one(record);
    throw new DrayerError('INTERNAL', `record ${record?.id}: two verifiers disagree`);
  }
}

// As verifyRecord, without the signature.
function checkContent(record: SignedRecord): void {
  checkRecord(record);
  if (record.value !== undefined && !bytesEqual(hash(record.value), record.hash)) {
    throw new DrayerError('RECORD_INVALID', `record ${record.id}: value does not have its hash`);
  }
}

function pack(records: readonly SignedRecord[], publicKey: Uint8Array): Signatures {
  const signatures = newSignatures(records.length, publicKey);
  records.forEach((record, index) => {
    signatures.put(index, record);
  });
  return signatures.shared;
}

async function checkHere(signatures: Signatures): Promise<void> {
  // Between two slices the next records are let in: a slice takes a millisecond.
  while (checkSlice(signatures)) await new Promise((resolve) => setImmediate(resolve));
}
