/**
 * A batch to sign, in memory that threads share: each takes the next messages that nobody has taken.
 */
import { sign } from '#crypto';
import { SIGNATURE_BYTES } from '../core/record.ts';
import { type BeginSigning, SIGNED_BYTES } from '../core/signing.ts';

/** What crosses to another thread. */
export type SharedSigning = {
  /** 136 bytes each. */
  readonly messages: Uint8Array;
  /** 64 bytes each. */
  readonly signatures: Uint8Array;
  /** How many slices were taken; then for each, in their order, whether it is done: 0 or 1. */
  readonly state: Int32Array;
  readonly secretKey: Uint8Array;
};

// A copy: libsodium's binding does not look into shared memory. One for all, each would cost a kilobyte.
const message = new Uint8Array(new ArrayBuffer(SIGNED_BYTES));
const SLICE = 32;
const TAKEN = 0;
const DONE = 1; // of the first slice; of the others it follows
/** Longest wait for a slice that another thread has taken, ms; it takes less than one. */
const PATIENCE_MS = 1000;

/**
 * Signs together with other threads.
 *
 * @param share - hands the work to them; whether they come or not, all gets signed
 */
export function signTogether(share: (signing: SharedSigning) => void): BeginSigning {
  return (messages, secretKey) => {
    const signing = newSigning(messages, secretKey);
    share(signing);
    return (index) => {
      ensureSigned(signing, Math.floor(index / SLICE));
      return signing.signatures.slice(index * SIGNATURE_BYTES, (index + 1) * SIGNATURE_BYTES);
    };
  };
}

/** Takes the next slice and signs it; tells whether there was one. */
export function signSlice(signing: SharedSigning): boolean {
  const slice = Atomics.add(signing.state, TAKEN, 1);
  if (slice >= slicesOf(signing.messages)) return false;
  signTaken(signing, slice);
  return true;
}

function signTaken({ messages, signatures, state, secretKey }: SharedSigning, slice: number): void {
  const end = Math.min((slice + 1) * SLICE, messages.length / SIGNED_BYTES);
  for (let index = slice * SLICE; index < end; index += 1) {
    message.set(messages.subarray(index * SIGNED_BYTES, (index + 1) * SIGNED_BYTES));
    signatures.set(sign(message, secretKey), index * SIGNATURE_BYTES);
  }
  Atomics.store(state, DONE + slice, 1);
  Atomics.notify(state, DONE + slice);
}

function slicesOf(messages: Uint8Array): number {
  return Math.ceil(messages.length / SIGNED_BYTES / SLICE);
}

function newSigning(messages: Uint8Array, secretKey: Uint8Array): SharedSigning {
  const count = messages.length / SIGNED_BYTES;
  const shared = new Uint8Array(new SharedArrayBuffer(messages.length));
  shared.set(messages);
  const signatures = new Uint8Array(new SharedArrayBuffer(count * SIGNATURE_BYTES));
  const state = new Int32Array(new SharedArrayBuffer(4 * (DONE + slicesOf(messages))));
  return { messages: shared, signatures, state, secretKey };
}

/** Signs what nobody has taken until this slice is done too: by this thread or by another. */
function ensureSigned(signing: SharedSigning, slice: number): void {
  const { state } = signing;
  while (Atomics.load(state, DONE + slice) === 0) {
    if (signSlice(signing)) continue;
    const end = Atomics.wait(state, DONE + slice, 0, PATIENCE_MS);
    // A thread died on what it had taken. Signing is deterministic: what is signed twice is the same.
    if (end === 'timed-out') signTaken(signing, slice);
  }
}
