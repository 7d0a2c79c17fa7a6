/**
 * Proofs that one record belongs to a snapshot, or that no record of that type and key does (R23).
 * Whoever holds the stream's public key and a snapshot needs nothing else to check one.
 */
import { DrayerError } from './errors.ts';
import { bytesEqual, checkDraft, type Draft, HASH_BYTES } from './record.ts';
import {
  bitAt,
  EMPTY_ROOT,
  firstDifference,
  leafHashAt,
  nodeHash,
  POSITION_BITS,
  positionOf,
} from './trie-hash.ts';

/** One node between the root and a leaf. */
export type ProofStep = {
  /** The bit the node parts its sides at. */
  readonly bit: number;
  /** Hash of the side the proof does not go down, 32 bytes. */
  readonly sibling: Uint8Array;
};

/** The way from the root to a leaf. */
export type Proof = {
  /** From the root down; the bits rise. */
  readonly path: readonly ProofStep[];
  /** The record itself, or the one that descending ends at; undefined for an empty stream. */
  readonly leaf: Draft | undefined;
};

/**
 * Checks a proof against the root of a snapshot whose signature was checked.
 *
 * @param root - 32 bytes, of the snapshot
 * @returns `present` when `proof.leaf` is the record of this type and key in that generation,
 *   `absent` when there is none
 * @throws {DrayerError} PROOF_INVALID when it proves neither
 * @throws {DrayerError} RECORD_INVALID when the leaf is no record (R2)
 */
export function checkProof(
  root: Uint8Array,
  type: string,
  key: string,
  proof: Proof,
): 'present' | 'absent' {
  if (proof.leaf === undefined) return checkEmpty(root, proof);
  const position = positionOf(type, key);
  const found = positionOf(proof.leaf.type, proof.leaf.key);
  checkPath(proof, { position, found });
  checkDraft(proof.leaf);
  if (!bytesEqual(fold(leafHashAt(found, proof.leaf), found, proof.path), root)) {
    throw new DrayerError('PROOF_INVALID', 'the proof leads to another root than the snapshot has');
  }
  return firstDifference(position, found) === undefined ? 'present' : 'absent';
}

function checkEmpty(root: Uint8Array, proof: Proof): 'absent' {
  if (proof.path.length === 0 && bytesEqual(root, EMPTY_ROOT)) return 'absent';
  throw new DrayerError('PROOF_INVALID', 'the proof names no record but the stream is not empty');
}

function checkPath(proof: Proof, at: { position: Uint8Array; found: Uint8Array }): void {
  let above = -1;
  for (const { bit, sibling } of proof.path) {
    if (!Number.isInteger(bit) || bit <= above || bit >= POSITION_BITS) {
      throw new DrayerError('PROOF_INVALID', `expected the bits to rise below 512, got ${bit}`);
    }
    if (sibling.length !== HASH_BYTES) {
      throw new DrayerError('PROOF_INVALID', `expected 32 bytes at bit ${bit}`);
    }
    if (bitAt(at.position, bit) !== bitAt(at.found, bit)) {
      throw new DrayerError('PROOF_INVALID', `the proof leaves the asked position at bit ${bit}`);
    }
    above = bit;
  }
}

function fold(leaf: Uint8Array, position: Uint8Array, path: Proof['path']): Uint8Array {
  return path.reduceRight(
    (below, { bit, sibling }) =>
      bitAt(position, bit) === 0 ? nodeHash(bit, below, sibling) : nodeHash(bit, sibling, below),
    leaf,
  );
}
