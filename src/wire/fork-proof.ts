/**
 * Proof that a key signed two histories (R16): both records, as `GET /<key>/forkProof` answers them and as
 * they lie beside a stream.
 */
import { DrayerError } from '../core/errors.ts';
import { bytesEqual, type SignedRecord } from '../core/record.ts';
import { verifyRecord } from '../core/signing.ts';
import { encodeRecords, type WireRecord } from './record-codec.ts';
import { RecordReader } from './record-reader.ts';

/** Writes the proof. */
export function encodeForkProof(
  records: readonly [held: SignedRecord, shown: SignedRecord],
  publicKey: Uint8Array,
): Uint8Array {
  return encodeRecords(records, publicKey);
}

/**
 * Tells whether bytes are what such a proof is made of: two different records that this key has signed. Why
 * the two cannot be of one history may take more than the two to see; whoever wrote them down has seen it.
 */
export function isForkProof(body: Uint8Array, publicKey: Uint8Array): boolean {
  try {
    const [held, shown, ...more] = readRecords(body);
    if (held === undefined || shown === undefined || more.length > 0) return false;
    for (const record of [held, shown]) {
      const isNamed = record.chain.length === 0 || bytesEqual(record.chain, publicKey);
      if (!isNamed) return false;
      verifyRecord(record, publicKey);
    }
    return !bytesEqual(held.signature, shown.signature);
  } catch (error) {
    if (error instanceof DrayerError) return false;
    throw error;
  }
}

function readRecords(body: Uint8Array): WireRecord[] {
  const reader = new RecordReader();
  const records = reader.push(body);
  reader.end();
  return records;
}
