/** The trie of R21 as the rule says it: recursive, slow, hashed by a library we do not ship on Node. */
import { blake2b } from '@noble/hashes/blake2.js';
import type { Draft } from '../../src/core/record.ts';
import type { TrieChanges, TrieChild, TrieNode, TrieSource } from '../../src/core/trie.ts';

/** Root over these records, which must have different names. */
export function oracleRoot(records: Iterable<Draft>): Uint8Array {
  const leaves = [...records].map((record) => {
    const place = Buffer.concat([h(Buffer.from(record.type)), h(Buffer.from(record.key))]);
    return { bits: bitsOf(place), hash: oracleLeaf(place, record) };
  });
  return leaves.length === 0 ? new Uint8Array(32) : subtree(leaves);
}

type Leaf = { readonly bits: string; readonly hash: Uint8Array };

function subtree(leaves: readonly Leaf[]): Uint8Array {
  const [first] = leaves;
  if (first === undefined) throw new Error('no leaves');
  if (leaves.length === 1) return first.hash;
  let bit = 0;
  while (leaves.every((leaf) => leaf.bits[bit] === first.bits[bit])) bit += 1;
  const side = (value: string): Uint8Array =>
    subtree(leaves.filter((leaf) => leaf.bits[bit] === value));
  return h(Buffer.concat([Uint8Array.of(1, bit & 255, bit >> 8), side('0'), side('1')]));
}

function oracleLeaf(place: Uint8Array, record: Draft): Uint8Array {
  const numbers = Buffer.alloc(24);
  numbers.writeBigUInt64LE(BigInt(record.id), 0);
  numbers.writeBigInt64LE(BigInt(record.timestamp), 8);
  numbers.writeBigInt64LE(BigInt(record.modified), 16);
  return h(Buffer.concat([Uint8Array.of(0), place, numbers, record.hash]));
}

function bitsOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
}

function h(data: Uint8Array): Uint8Array {
  return blake2b(data, { dkLen: 32 });
}

/** A trie source in memory that counts what it is asked for, and can be written to. */
export class MemoryTrie implements TrieSource {
  /** Nodes and positions that were asked for since {@link MemoryTrie.resetLoads}. */
  loads = 0;
  readonly nodes: Map<number, TrieNode> = new Map();
  readonly records: Map<number, Draft> = new Map();
  #root: TrieChild | undefined;
  #nextNodeId = 1;

  root(): TrieChild | undefined {
    return this.#root;
  }

  nextNodeId(): number {
    return this.#nextNodeId;
  }

  node(id: number): TrieNode {
    this.loads += 1;
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  positionOf(recordId: number): Uint8Array {
    this.loads += 1;
    const { type, key } = this.record(recordId);
    return Buffer.concat([h(Buffer.from(type)), h(Buffer.from(key))]);
  }

  record(recordId: number): Draft {
    const record = this.records.get(recordId);
    if (record === undefined) throw new Error(`no record ${recordId}`);
    return record;
  }

  resetLoads(): void {
    this.loads = 0;
  }

  /** Does what a store does with changes. */
  apply(changes: TrieChanges): void {
    this.#root = changes.root;
    this.#nextNodeId = changes.nextNodeId;
    for (const id of changes.dropped) {
      if (!this.nodes.delete(id)) throw new Error(`dropped node ${id} was never stored`);
    }
    for (const node of changes.saved) this.nodes.set(node.id, node);
  }
}
