/**
 * The trie over many records at once (R21): sorted by their positions once, and parted from the top
 * down. Putting them in one by one takes three times as long; the shape is the same.
 */
import { type Draft, HASH_BYTES } from './record.ts';
import { bitAt, firstDifference, leafHashAt, positionOf } from './trie-hash.ts';

/** A side of a loaded node, or the root. */
export type Side = {
  ref: number;
  /** Undefined where something below has changed. */
  hash: Uint8Array | undefined;
  /** The node `ref` names, once it is loaded. */
  node: Node | undefined;
};

/** A loaded node. */
export type Node = {
  readonly id: number;
  readonly bit: number;
  readonly sides: readonly [Side, Side];
  readonly isStored: boolean;
  /** Not as it is stored. Then so is every node above. */
  isChanged: boolean;
};

/** A record in the trie that is not stored. */
export type NewLeaf = { readonly draft: Draft; readonly position: Uint8Array };

/** Returns the leaves of records in the order of their positions; of one name the later record's. */
export function sortedLeaves(drafts: Iterable<Draft>): NewLeaf[] {
  const leaves: NewLeaf[] = [];
  for (const draft of drafts) leaves.push({ draft, position: positionOf(draft.type, draft.key) });
  // Those of one position keep their order.
  leaves.sort(comparePositions);
  return leaves.filter((leaf, index) => {
    const next = leaves[index + 1];
    return next === undefined || firstDifference(leaf.position, next.position) !== undefined;
  });
}

/** Returns the side over sorted leaves, of which there is at least one; the root has the first node id. */
export function buildSide(leaves: readonly NewLeaf[], firstNodeId: number): Side {
  let nextNodeId = firstNodeId;
  // As deep as a position has bits, at most.
  const over = (from: number, to: number): Side => {
    const first = leaves[from] as NewLeaf; // from < to: inside the list
    const { position, draft } = first;
    const bit = firstDifference(position, (leaves[to - 1] as NewLeaf).position);
    if (bit === undefined) {
      return { ref: -draft.id, hash: leafHashAt(position, draft), node: undefined };
    }
    const id = nextNodeId;
    nextNodeId += 1;
    const middle = partAt(leaves, { from, to, bit });
    const sides = [over(from, middle), over(middle, to)] as const;
    return { ref: id, hash: undefined, node: { id, bit, sides, isStored: false, isChanged: true } };
  };
  return over(0, leaves.length);
}

/** Index of the first leaf that has 1 in the bit; the first has 0 there and the last has 1. */
function partAt(
  leaves: readonly NewLeaf[],
  { from, to, bit }: { readonly from: number; readonly to: number; readonly bit: number },
): number {
  let low = from + 1;
  let high = to - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bitAt((leaves[middle] as NewLeaf).position, bit) === 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function comparePositions(one: NewLeaf, other: NewLeaf): number {
  const { position: a } = one;
  const { position: b } = other;
  // The first half is of the type, which few streams have many of.
  const from = one.draft.type === other.draft.type ? HASH_BYTES : 0;
  for (let i = from; i < a.length; i += 1) {
    const difference = (a[i] as number) - (b[i] as number); // both have 64 bytes
    if (difference !== 0) return difference;
  }
  return 0;
}
