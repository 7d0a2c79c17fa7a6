/** Proofs of two histories, for tests that need one on the disk and no second history (R16). */
import { signDraft } from '../../src/core/signing.ts';
import { encodeForkProof } from '../../src/wire/fork-proof.ts';
import type { TestKey } from './keys.ts';
import { draft, hashOf } from './records.ts';

/** A proof that this key has signed two records for one moment. */
export function forkProofOf({ publicKey, secretKey }: TestKey): Uint8Array {
  const sign = (value: string) => signDraft(draft({ id: 5, hash: hashOf(value) }), secretKey);
  return encodeForkProof([sign('here'), sign('there')], publicKey);
}
