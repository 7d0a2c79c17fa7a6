/**
 * The signed pointer (BEP 44): the key of a stream says in the DHT which generation is the newest, so
 * that mirrors alone cannot keep the newer ones from anybody. Salt `drayer`, seq that of the snapshot.
 */
import bencode from 'bencode';
import { hash, sign, verify } from '#crypto';
import type { Micros } from '../core/record.ts';

/** What the key says of its newest generation. */
export type Pointer = {
  /** Number of the snapshot. */
  readonly seq: number;
  /** Of its record. */
  readonly modified: Micros;
  /** Root of the snapshot, 32 bytes. */
  readonly root: Uint8Array;
};

/** The same with the 64-byte signature. */
export type SignedPointer = Pointer & { readonly signature: Uint8Array };

/** Of all streams: what else a key may say in the DHT is not ours. */
export const SALT: Uint8Array = new TextEncoder().encode('drayer');

/** The value as it is in the DHT. */
export function valueIn({ modified, root }: Pointer): { m: number; r: Uint8Array } {
  return { m: modified, r: root };
}

/**
 * Signs a pointer.
 *
 * @param secretKey - 64 bytes, of the stream
 */
export function signPointer(pointer: Pointer, secretKey: Uint8Array): SignedPointer {
  return { ...pointer, signature: sign(messageOf(pointer), secretKey) };
}

/** Tells whether the key of the stream has signed it. */
export function isSignedBy(pointer: SignedPointer, publicKey: Uint8Array): boolean {
  const { seq, modified, root, signature } = pointer;
  const isShaped =
    seq >= 1 && modified >= 1 && Number.isSafeInteger(seq) && Number.isSafeInteger(modified);
  if (!isShaped || root.length !== 32 || signature.length !== 64) return false;
  return verify(signature, messageOf(pointer), publicKey);
}

/**
 * What is signed. At most 101 bytes, and never the 136 of a record: one signature cannot be taken for the
 * other.
 */
function messageOf(pointer: Pointer): Uint8Array {
  const fields = bencode.encode({ salt: SALT, seq: pointer.seq, v: valueIn(pointer) });
  return fields.subarray(1, -1);
}

/** Where a stream's peers are in the DHT: the first 20 bytes of H(H(public key)). */
export function infoHashOf(publicKey: Uint8Array): Uint8Array {
  return hash(hash(publicKey)).slice(0, 20);
}
