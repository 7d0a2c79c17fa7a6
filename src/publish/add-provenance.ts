/** The record that says what a generation was made from goes with its changes, and never alone. */
import { hash } from '#crypto';
import type { Batch } from '../core/batch.ts';
import { PROTOCOL_TYPE, PROVENANCE_KEY } from '../core/record.ts';

/**
 * Adds the provenance to a batch that changes something. Without one the record of an earlier generation
 * is deleted: it would be taken for this one's.
 *
 * @param provenance - value of the record
 * @param prepare - keeps the value until the commit
 */
export function addProvenance(
  batch: Batch,
  provenance: Uint8Array | undefined,
  prepare: (hash: Uint8Array, value: Uint8Array) => void,
): Batch {
  const { puts, deletes } = batch;
  if (puts.length === 0 && deletes.length === 0) return batch;
  const name = { type: PROTOCOL_TYPE, key: PROVENANCE_KEY };
  if (provenance === undefined) return { puts, deletes: [...deletes, name] };
  const digest = hash(provenance);
  prepare(digest, provenance);
  // With a time of its own, so that it is written anew where two runs of one commit say the same.
  const timestamp = Date.now() * 1000;
  return { puts: [...puts, { ...name, hash: digest, timestamp }], deletes };
}
