/**
 * Proof that a key signed two histories (R16): both records, kept beside the stream in the form in
 * which `GET /<key>/forkProof` serves them.
 */
import { DrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { writeForkProof } from '../store/fork-proof.ts';
import type { MirrorStore } from '../store/mirror-store.ts';
import { encodeRecords } from '../wire/record-codec.ts';

/** Keeps the evidence and returns the error that says so. What is visible stays as it is. */
export function twoHistories(
  store: MirrorStore,
  held: SignedRecord,
  shown: SignedRecord,
): DrayerError {
  const path = writeForkProof(store.path, encodeRecords([held, shown], store.publicKey));
  const id = formatStreamId(store.publicKey);
  const both = `${describe(held)} and ${describe(shown)}`;
  return new DrayerError('TWO_HISTORIES', `${id}: its key has signed two histories: ${both}`, {
    hint: `the last complete generation stays; the proof is in ${path}; ask the publisher which one holds`,
  });
}

function describe({ id, type, key, modified }: SignedRecord): string {
  return `record ${id} (${type}/${key}) at ${modified}`;
}
