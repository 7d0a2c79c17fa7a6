/** What is loaded of a trie: sides that change as records come and go. */
import type { TrieChild } from './trie.ts';

/** One side of a loaded node, or the root. */
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

/** Returns the side that is as it is stored. */
export function sideOf(child: TrieChild): Side {
  return { ref: child.ref, hash: child.hash, node: undefined };
}

/** Puts a side in the place of another one. */
export function put(place: Side, side: Side): void {
  place.ref = side.ref;
  place.hash = side.hash;
  place.node = side.node;
}

/** The one beside it. */
export function other(side: 0 | 1): 0 | 1 {
  return side === 0 ? 1 : 0;
}
