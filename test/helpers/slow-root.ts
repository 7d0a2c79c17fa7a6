/** The snapshot's root straight from its definition (R21), for checking what is kept up. */
import { hash } from '#crypto';
import type { Draft } from '../../src/core/record.ts';

type Leaf = { readonly position: string; readonly hash: Buffer };

/** Root over these records, 32 bytes; a type and key that comes twice gives undefined. */
export function slowRootOf(records: readonly Draft[]): Uint8Array | undefined {
  const leaves = records.map(leafOf);
  if (new Set(leaves.map(({ position }) => position)).size < leaves.length) return undefined;
  return leaves.length === 0 ? new Uint8Array(32) : new Uint8Array(trie(leaves));
}

/** As {@link slowRootOf}, where every type and key comes once. */
export function slowRoot(records: readonly Draft[]): Uint8Array {
  const root = slowRootOf(records);
  if (root === undefined) throw new Error('a type and key comes twice');
  return root;
}

function trie(leaves: readonly Leaf[]): Buffer {
  const [first] = leaves;
  if (first === undefined) throw new Error('a trie has a leaf');
  if (leaves.length === 1) return first.hash;
  let bit = 0;
  while (leaves.every((leaf) => leaf.position[bit] === first.position[bit])) bit += 1;
  const below = (digit: string): Buffer =>
    trie(leaves.filter((leaf) => leaf.position[bit] === digit));
  return digest(Buffer.from([1, bit % 256, Math.floor(bit / 256)]), below('0'), below('1'));
}

function leafOf(record: Draft): Leaf {
  const type = digest(Buffer.from(record.type));
  const key = digest(Buffer.from(record.key));
  const numbers = Buffer.alloc(24);
  numbers.writeBigUInt64LE(BigInt(record.id), 0);
  numbers.writeBigInt64LE(BigInt(record.timestamp), 8);
  numbers.writeBigInt64LE(BigInt(record.modified), 16);
  const bits = [...type, ...key].map((byte) => byte.toString(2).padStart(8, '0'));
  return {
    position: bits.join(''),
    hash: digest(Buffer.from([0]), type, key, numbers, Buffer.from(record.hash)),
  };
}

function digest(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.from(hash(Buffer.concat(parts)));
}
