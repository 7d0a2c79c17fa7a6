/**
 * The hashes the snapshot's trie is made of: where a record stands and what a leaf and a node
 * hash to (R21). Pointers and signatures of a record are in none of them.
 */
import { hash } from '#crypto';
import { writeInt64 } from './int64.ts';
import { type Draft, HASH_BYTES } from './record.ts';
import { hashOfText, hashOfType } from './text-hash.ts';

/** Bytes of a position. */
export const POSITION_BYTES = 64;
/** Bits of a position; every node's bit is below. */
export const POSITION_BITS = 512;
/** Root of a stream without records. */
export const EMPTY_ROOT: Uint8Array = new Uint8Array(HASH_BYTES);

const LEAF_BYTES = 1 + POSITION_BYTES + 24 + HASH_BYTES;
const NODE_BYTES = 3 + 2 * HASH_BYTES;

/** Returns the place of a record in the trie: H(type) ‖ H(key), 64 bytes. */
export function positionOf(type: string, key: string): Uint8Array {
  const position = new Uint8Array(POSITION_BYTES);
  writePosition({ type, key }, position, 0);
  return position;
}

/** Returns the places of records, one after the other. */
export function positionsOf(drafts: readonly Draft[]): Uint8Array {
  const positions = new Uint8Array(drafts.length * POSITION_BYTES);
  drafts.forEach((draft, index) => {
    writePosition(draft, positions, index * POSITION_BYTES);
  });
  return positions;
}

function writePosition(
  { type, key }: Pick<Draft, 'type' | 'key'>,
  to: Uint8Array,
  at: number,
): void {
  to.set(hashOfType(type), at);
  to.set(hashOfText(key), at + HASH_BYTES);
}

/** Returns one of {@link positionsOf}, a view. */
export function positionAt(positions: Uint8Array, index: number): Uint8Array {
  return positions.subarray(index * POSITION_BYTES, (index + 1) * POSITION_BYTES);
}

/** Returns the hash that stands for a record in the trie. */
export function leafHash(draft: Draft): Uint8Array {
  return leafHashAt(positionOf(draft.type, draft.key), draft);
}

/** As {@link leafHash}, for a position that is known already. */
export function leafHashAt(position: Uint8Array, draft: Draft): Uint8Array {
  leafBytes.set(position, 1);
  writeInt64(leafView, 65, draft.id);
  writeInt64(leafView, 73, draft.timestamp);
  writeInt64(leafView, 81, draft.modified);
  leafBytes.set(draft.hash, 89);
  return hash(leafBytes);
}

/** Returns the hash of the node that parts two subtrees at `bit`. */
export function nodeHash(bit: number, left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeBytes[1] = bit & 0xff;
  nodeBytes[2] = bit >> 8;
  nodeBytes.set(left, 3);
  nodeBytes.set(right, 3 + HASH_BYTES);
  return hash(nodeBytes);
}

/** Returns bit `bit` of a position, the most significant first. */
export function bitAt(position: Uint8Array, bit: number): 0 | 1 {
  // Any bit of an undefined byte is 0; no position is that short.
  return (Number(position[bit >> 3]) & (0x80 >> (bit & 7))) === 0 ? 0 : 1;
}

/** Returns the first bit in which two positions differ, undefined when they are the same. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  for (let i = 0; i < POSITION_BYTES; i += 1) {
    const difference = Number(a[i]) ^ Number(b[i]);
    if (difference !== 0) return 8 * i + Math.clz32(difference) - 24;
  }
  return undefined;
}

// Hashing is synchronous and copies nothing it keeps, so one buffer of each kind is enough.
const leafBytes = new Uint8Array(new ArrayBuffer(LEAF_BYTES));
const leafView = new DataView(leafBytes.buffer);
const nodeBytes = new Uint8Array(new ArrayBuffer(NODE_BYTES));
nodeBytes[0] = 1;
