/**
 * The trie over many records at once (R21): sorted by their positions once, and parted from the top
 * down. Putting them in one by one takes almost twice as long; the shape is the same.
 */
import { type Draft, HASH_BYTES } from './record.ts';
import type { TrieChild, TrieNode } from './trie.ts';
import {
  bitAt,
  firstDifference,
  leafHashAt,
  nodeHash,
  POSITION_BYTES,
  positionAt,
} from './trie-hash.ts';

/** Records in the order of their positions. */
export type SortedLeaves = {
  readonly drafts: readonly Draft[];
  /** The position of each. */
  readonly positions: readonly Uint8Array[];
};

/** Nodes that were made all at once. */
export type BuiltTrie = {
  readonly root: TrieChild;
  /** By id, one after the other. */
  readonly nodes: readonly TrieNode[];
};

/**
 * Sorts records; of those of one type and key the last is kept.
 *
 * @param positions - of the records, in their order, 64 bytes each
 */
export function sortLeaves(drafts: readonly Draft[], positions: Uint8Array): SortedLeaves {
  const heads = headsOf(drafts, positions);
  const order = Uint32Array.from(drafts, (_, index) => index).sort(
    // Those of one position keep their order.
    (a, b) => Number(heads[a]) - Number(heads[b]) || comparePositions(positions, a, b) || a - b,
  );
  const kept = order.filter((index, i) => {
    const next = order[i + 1];
    return next === undefined || comparePositions(positions, index, next) !== 0;
  });
  return {
    drafts: Array.from(kept, (index) => drafts[index] as Draft), // an index of this very list
    positions: Array.from(kept, (index) => positionAt(positions, index)),
  };
}

/**
 * Builds the trie over sorted leaves.
 *
 * @param firstNodeId - of the root, where that is a node
 * @returns undefined without leaves
 */
export function buildTrie(
  { drafts, positions }: SortedLeaves,
  firstNodeId: number,
): BuiltTrie | undefined {
  if (drafts.length === 0) return undefined;
  // One less than leaves.
  const nodes = new Array<TrieNode>(drafts.length - 1);
  let nextNodeId = firstNodeId;
  // As deep as a position has bits, at most; from < to: inside the list.
  const over = (from: number, to: number): TrieChild => {
    const draft = drafts[from] as Draft;
    const position = positions[from] as Uint8Array;
    const bit = firstDifference(position, positions[to - 1] as Uint8Array);
    if (bit === undefined) return { ref: -draft.id, hash: leafHashAt(position, draft) };
    const id = nextNodeId;
    nextNodeId += 1;
    const middle = partAt(positions, { from, to, bit });
    const left = over(from, middle);
    const right = over(middle, to);
    nodes[id - firstNodeId] = { id, bit, left, right };
    return { ref: id, hash: nodeHash(bit, left.hash, right.hash) };
  };
  return { root: over(0, drafts.length), nodes };
}

/** Index of the first position that has 1 in the bit; the first has 0 there and the last has 1. */
function partAt(
  positions: readonly Uint8Array[],
  { from, to, bit }: { readonly from: number; readonly to: number; readonly bit: number },
): number {
  let low = from + 1;
  let high = to - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bitAt(positions[middle] as Uint8Array, bit) === 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first four bytes in which positions differ as a rule: there are few types, mostly one. */
function headsOf(drafts: readonly Draft[], { buffer, byteOffset }: Uint8Array): Uint32Array {
  const view = new DataView(buffer, byteOffset);
  const at = drafts.every(({ type }) => type === drafts[0]?.type) ? HASH_BYTES : 0;
  return Uint32Array.from(drafts, (_, index) => view.getUint32(index * POSITION_BYTES + at));
}

function comparePositions(positions: Uint8Array, one: number, other: number): number {
  const a = one * POSITION_BYTES;
  const b = other * POSITION_BYTES;
  for (let i = 0; i < POSITION_BYTES; i += 1) {
    const difference = Number(positions[a + i]) - Number(positions[b + i]);
    if (difference !== 0) return difference;
  }
  return 0;
}
