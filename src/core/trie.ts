/**
 * The Merkle trie over the live records of a stream, kept up record by record (R21).
 *
 * A change touches the nodes between the root and one leaf, about log2 of the number of records.
 * Nodes are asked of the store when they are first needed, and `changes` hands back what to write.
 * The shape depends on the set alone: a record taken out leaves the very root there would be
 * without it. The snapshot record is never put in: that is the caller's duty.
 */
import { DrayerError } from './errors.ts';
import type { Proof } from './proof.ts';
import { bytesEqual, type Draft } from './record.ts';
import { type BuiltTrie, buildTrie, sortLeaves } from './trie-build.ts';
import {
  bitAt,
  EMPTY_ROOT,
  firstDifference,
  leafHashAt,
  nodeHash,
  POSITION_BITS,
  positionAt,
  positionOf,
  positionsOf,
} from './trie-hash.ts';
import { type Node, other, put, type Side, sideOf } from './trie-side.ts';

/** One side of a node, or the root. */
export type TrieChild = {
  /** Above 0: the node with this id. Below 0: the record with the id −ref. */
  readonly ref: number;
  /** The hash of that node or leaf, 32 bytes. */
  readonly hash: Uint8Array;
};

/** A node of the trie as it is stored. */
export type TrieNode = {
  /** Local name of the node, from 1; in no hash. */
  readonly id: number;
  /** First bit in which the positions below it differ. */
  readonly bit: number;
  /** The side whose positions have 0 in that bit. */
  readonly left: TrieChild;
  /** The side whose positions have 1 in that bit. */
  readonly right: TrieChild;
};

/** Where a trie is kept; read only, and only what is asked for. */
export interface TrieSource {
  /** The root, undefined for an empty trie. */
  root(): TrieChild | undefined;
  /** The node with this id. */
  node(id: number): TrieNode;
  /** The lowest id that no node has. */
  nextNodeId(): number;
  /** {@link positionOf} type and key of a stored leaf, 64 bytes. */
  positionOf(recordId: number): Uint8Array;
  /** The record of a stored leaf; asked for proofs only. */
  record(recordId: number): Draft;
}

/** What a store has to write so that its trie is the changed one. */
export type TrieChanges = {
  readonly root: TrieChild | undefined;
  readonly nextNodeId: number;
  /** New nodes, and stored ones that are different now. */
  readonly saved: readonly TrieNode[];
  /** Ids of stored nodes that are gone. */
  readonly dropped: readonly number[];
};

/** One step down: the side that led to the node, and which of its own sides was taken. */
type Turn = { readonly from: Side; readonly node: Node; readonly taken: 0 | 1 };

/** A stream's trie, with changes that are not yet stored. Make a new one after they are. */
export class SnapshotTrie {
  readonly #source: TrieSource;
  readonly #dropped: number[] = [];
  /** The records that are not stored, by id. */
  readonly #leaves = new Map<number, Draft>();
  /** Nodes that are not stored and have not changed since they were made; what is loaded of them may have. */
  #built: BuiltTrie | undefined;
  #root: Side | undefined;
  #nextNodeId: number;

  constructor(source: TrieSource) {
    const root = source.root();
    this.#source = source;
    this.#root = root && sideOf(root);
    this.#nextNodeId = source.nextNodeId();
  }

  /** A new trie of these records; of two with one type and key the later counts. */
  static of(drafts: Iterable<Draft>): SnapshotTrie {
    const trie = new SnapshotTrie(emptyTrieSource());
    trie.setAll([...drafts]);
    return trie;
  }

  /**
   * Puts in many, as {@link SnapshotTrie.set} does one by one: where there is nothing yet, all at once.
   *
   * @param positions - of the drafts, and perhaps of more
   */
  setAll(drafts: readonly Draft[], positions: Uint8Array = positionsOf(drafts)): void {
    if (this.#root !== undefined) {
      drafts.forEach((draft, index) => {
        this.set(draft, positionAt(positions, index));
      });
      return;
    }
    const leaves = sortLeaves(drafts, positions);
    this.#built = buildTrie(leaves, this.#nextNodeId);
    if (this.#built === undefined) return;
    for (const draft of leaves.drafts) this.#leaves.set(draft.id, draft);
    this.#root = sideOf(this.#built.root);
    this.#nextNodeId += this.#built.nodes.length;
  }

  /** Puts a record at the position of its type and key, in place of the one that stands there. */
  set(draft: Draft, position: Uint8Array = positionOf(draft.type, draft.key)): void {
    const leaf = sideOf({ ref: -draft.id, hash: leafHashAt(position, draft) });
    const { path, end } = this.#descend(position);
    const bit = end && firstDifference(position, this.#positionOfLeaf(end.ref));
    this.#leaves.set(draft.id, draft);
    if (end === undefined) this.#root = leaf;
    else if (bit === undefined) this.#replace(path, end, leaf);
    else this.#insert(path, end, { leaf, bit, side: bitAt(position, bit) });
  }

  /** Takes out the record of this type and key; tells whether there was one. */
  delete(type: string, key: string): boolean {
    const position = positionOf(type, key);
    const { path, end } = this.#descend(position);
    if (end === undefined) return false;
    if (firstDifference(position, this.#positionOfLeaf(end.ref)) !== undefined) return false;
    this.#leaves.delete(-end.ref);
    const last = path.pop();
    if (last === undefined) {
      this.#root = undefined;
      return true;
    }
    // What stands beside the leaf takes the place of the node that parted the two.
    put(last.from, last.node.sides[other(last.taken)]);
    markChanged(path);
    if (last.node.isStored) this.#dropped.push(last.node.id);
    return true;
  }

  /** Returns the root, 32 bytes; hashes every changed node once. */
  root(): Uint8Array {
    return this.#root === undefined ? EMPTY_ROOT.slice() : this.#hashOf(this.#root);
  }

  /** Returns the proof that this type and key is, or is not, in the trie (R23). */
  prove(type: string, key: string): Proof {
    const { path, end } = this.#descend(positionOf(type, key));
    if (end === undefined) return { path: [], leaf: undefined };
    return {
      path: path.map(({ node, taken }) => ({
        bit: node.bit,
        sibling: this.#hashOf(node.sides[other(taken)]),
      })),
      leaf: this.#leaves.get(-end.ref) ?? this.#source.record(-end.ref),
    };
  }

  /** Returns what a store has to write for its trie to be this one. */
  changes(): TrieChanges {
    const saved: TrieNode[] = [];
    if (this.#root !== undefined) this.#collect(this.#root, saved);
    return {
      root: this.#root && this.#childOf(this.#root),
      nextNodeId: this.#nextNodeId,
      saved,
      dropped: [...this.#dropped],
    };
  }

  /** The way down that this position takes, and the leaf it ends at. */
  #descend(position: Uint8Array): { path: Turn[]; end: Side | undefined } {
    const path: Turn[] = [];
    let from = this.#root;
    let above = -1;
    while (from !== undefined && from.ref > 0) {
      const node = this.#load(from);
      // A damaged table could send us round for ever.
      if (node.bit <= above || node.bit >= POSITION_BITS) throw damaged(node.id);
      above = node.bit;
      const taken = bitAt(position, node.bit);
      path.push({ from, node, taken });
      from = node.sides[taken];
    }
    return { path, end: from };
  }

  #replace(path: readonly Turn[], end: Side, leaf: Side): void {
    // A silent patch changes nothing that is hashed.
    if (end.ref === leaf.ref && bytesEqual(this.#hashOf(end), this.#hashOf(leaf))) return;
    if (end.ref !== leaf.ref) this.#leaves.delete(-end.ref);
    put(end, leaf);
    markChanged(path);
  }

  #insert(path: readonly Turn[], end: Side, at: { leaf: Side; bit: number; side: 0 | 1 }): void {
    const below = path.findIndex(({ node }) => node.bit > at.bit);
    const place = path[below]?.from ?? end;
    const beside = { ...place };
    const id = this.#nextNodeId;
    const sides: [Side, Side] = at.side === 0 ? [at.leaf, beside] : [beside, at.leaf];
    const node: Node = { id, bit: at.bit, sides, isStored: false, isChanged: true };
    this.#nextNodeId += 1;
    put(place, { ref: id, hash: undefined, node });
    markChanged(below === -1 ? path : path.slice(0, below));
  }

  #load(side: Side): Node {
    if (side.node === undefined) {
      const built = this.#builtNode(side.ref);
      const { id, bit, left, right } = built ?? this.#source.node(side.ref);
      const sides = [sideOf(left), sideOf(right)] as const;
      const isStored = built === undefined;
      side.node = { id, bit, sides, isStored, isChanged: !isStored };
    }
    return side.node;
  }

  #builtNode(ref: number): TrieNode | undefined {
    const first = this.#built?.nodes[0]?.id;
    return first === undefined ? undefined : this.#built?.nodes[ref - first];
  }

  #positionOfLeaf(ref: number): Uint8Array {
    const draft = this.#leaves.get(-ref);
    return draft ? positionOf(draft.type, draft.key) : this.#source.positionOf(-ref);
  }

  #hashOf(side: Side): Uint8Array {
    if (side.hash === undefined) {
      const { bit, sides } = this.#load(side);
      side.hash = nodeHash(bit, this.#hashOf(sides[0]), this.#hashOf(sides[1]));
    }
    return side.hash;
  }

  #childOf(side: Side): TrieChild {
    return { ref: side.ref, hash: this.#hashOf(side) };
  }

  /** Gathers the changed nodes; recursion ends at the bits of a position. */
  #collect({ ref, node }: Side, saved: TrieNode[]): void {
    if (node === undefined) this.#collectBuilt(ref, saved);
    if (node?.isChanged !== true) return;
    const [left, right] = node.sides;
    saved.push({
      id: node.id,
      bit: node.bit,
      left: this.#childOf(left),
      right: this.#childOf(right),
    });
    this.#collect(left, saved);
    this.#collect(right, saved);
  }

  #collectBuilt(ref: number, saved: TrieNode[]): void {
    const node = this.#builtNode(ref);
    if (node === undefined) return;
    saved.push(node);
    this.#collectBuilt(node.left.ref, saved);
    this.#collectBuilt(node.right.ref, saved);
  }
}

/** A source that holds nothing: where a trie is built from its records. */
export function emptyTrieSource(): TrieSource {
  const nothing = (id: number): never => {
    throw damaged(id);
  };
  return {
    root: () => undefined,
    nextNodeId: () => 1,
    node: nothing,
    positionOf: nothing,
    record: nothing,
  };
}

/** The leaf below these turns is another one: their hashes no longer hold. */
function markChanged(path: readonly Turn[]): void {
  for (const { from, node } of path) {
    node.isChanged = true;
    from.hash = undefined;
  }
}

function damaged(id: number): DrayerError {
  return new DrayerError('STREAM_INVALID', `trie node ${id} is damaged`, {
    hint: 'the trie can be rebuilt from the records: run drayer verify',
  });
}
