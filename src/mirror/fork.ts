/**
 * Proof that a key signed two histories (R16): both records, kept beside the stream in the form in
 * which `GET /<key>/forkProof` serves them.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual, PROTOCOL_TYPE, type SignedRecord, SNAPSHOT_KEY } from '../core/record.ts';
import { decodeSnapshot, type Snapshot } from '../core/snapshot.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { forkProofPathOf, writeForkProof } from '../store/fork-proof.ts';
import type { MirrorStore } from '../store/mirror-store.ts';
import { encodeForkProof, isForkProof } from '../wire/fork-proof.ts';

/** Keeps the evidence and returns the error that says so. What is visible stays as it is. */
export function twoHistories(
  store: MirrorStore,
  held: SignedRecord,
  shown: SignedRecord,
): DrayerError {
  const cause = keepProof(store, held, shown);
  const where =
    cause === undefined ? `is in ${forkProofPathOf(store.path)}` : `is not kept: ${cause.message}`;
  const id = formatStreamId(store.publicKey);
  const both = `${describe(held)} and ${describe(shown)}`;
  return new DrayerError('TWO_HISTORIES', `${id}: its key has signed two histories: ${both}`, {
    cause,
    hint: `the last complete generation stays; the proof ${where}; ask the publisher which one holds`,
  });
}

/** Returns why it cannot be kept: that there are two histories is to be said in any case. */
function keepProof(
  store: MirrorStore,
  held: SignedRecord,
  shown: SignedRecord,
): DrayerError | undefined {
  const { path, publicKey } = store;
  const proof = proofOf(store, held, shown);
  if (proof === undefined) return new DrayerError('PROOF_INVALID', 'one of them is not signed');
  try {
    writeForkProof(path, proof, (body) => isForkProof(body, publicKey));
    return undefined;
  } catch (error) {
    if (isDrayerError(error, 'STORAGE_FAILED')) return error;
    throw error;
  }
}

/**
 * What proves it to others. A visible record whose contents only the snapshot proves may have come with a wrong
 * signature (R22): then the snapshot stands for it.
 */
function proofOf(
  { publicKey, visible }: MirrorStore,
  held: SignedRecord,
  shown: SignedRecord,
): Uint8Array | undefined {
  const own = visible?.generation().snapshotRecord;
  return [held, own]
    .flatMap((one) => (one === undefined ? [] : [encodeForkProof([one, shown], publicKey)]))
    .find((proof) => isForkProof(proof, publicKey));
}

/**
 * Tells whether two snapshots cannot be of one history: one `seq` with two roots (R22), or neighbours
 * of which the later does not name the root of the earlier.
 */
export function areForked(a: Snapshot, b: Snapshot): boolean {
  if (a.seq === b.seq) return !bytesEqual(a.root, b.root);
  const [earlier, later] = a.seq < b.seq ? [a, b] : [b, a];
  return later.seq === earlier.seq + 1 && !bytesEqual(later.previous, earlier.root);
}

/** What a record says if it is a snapshot and has its value. */
export function snapshotIn({ type, key, value }: SignedRecord): Snapshot | undefined {
  if (type !== PROTOCOL_TYPE || key !== SNAPSHOT_KEY || value === undefined) return undefined;
  try {
    return decodeSnapshot(value);
  } catch (error) {
    // Another program may have a record of this name; it is not a snapshot then.
    if (isDrayerError(error, 'MALFORMED')) return undefined;
    throw error;
  }
}

function describe({ id, type, key, modified }: SignedRecord): string {
  return `record ${id} (${type}/${key}) at ${modified}`;
}
