/**
 * Signatures to check, in memory that two threads share. Each takes the next slice that nobody has
 * taken; the first wrong one that is found ends the work of both.
 */
import { verify } from '#crypto';
import { SIGNATURE_BYTES, type SignedRecord } from '../core/record.ts';
import { SIGNED_BYTES, writeSignedBytes } from '../core/signing.ts';

/** What crosses to the thread. */
export type Signatures = {
  /** For each record what is signed, then the signature. */
  readonly bytes: Uint8Array;
  readonly publicKey: Uint8Array;
  /** Two numbers: how many were taken, and the index of a wrong one or {@link NONE_WRONG}. */
  readonly state: Int32Array;
};

/** In place of an index. */
export const NONE_WRONG = -1;

const STEP = SIGNED_BYTES + SIGNATURE_BYTES;
const SLICE = 16;
const TAKEN = 0;
const WRONG = 1;

/** Makes room for `count` signatures, and a way to put them there. */
export function newSignatures(
  count: number,
  publicKey: Uint8Array,
): {
  readonly shared: Signatures;
  put(index: number, record: SignedRecord): void;
} {
  const bytes = new Uint8Array(new SharedArrayBuffer(count * STEP));
  const state = new Int32Array(new SharedArrayBuffer(8));
  state[WRONG] = NONE_WRONG;
  return {
    shared: { bytes, publicKey, state },
    put: (index, record) => {
      writeSignedBytes(record, bytes.subarray(index * STEP));
      bytes.set(record.signature, index * STEP + SIGNED_BYTES);
    },
  };
}

/** Takes the next slice and checks it; returns false when nothing is left to take. */
export function checkSlice({ bytes, publicKey, state }: Signatures): boolean {
  const from = Atomics.add(state, TAKEN, SLICE);
  const count = bytes.length / STEP;
  if (from >= count) return false;
  // libsodium's binding does not look into shared memory.
  const own = new Uint8Array(STEP);
  const signed = own.subarray(0, SIGNED_BYTES);
  const signature = own.subarray(SIGNED_BYTES);
  for (let index = from; index < Math.min(from + SLICE, count); index += 1) {
    own.set(bytes.subarray(index * STEP, (index + 1) * STEP));
    if (verify(signature, signed, publicKey)) continue;
    Atomics.store(state, WRONG, index);
    Atomics.store(state, TAKEN, count);
    return false;
  }
  return true;
}

/** Index of a wrong signature, or {@link NONE_WRONG}; true once neither thread has anything to take. */
export function wrongOf({ state }: Signatures): number {
  return Atomics.load(state, WRONG);
}
