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
  /** Two numbers: how many messages were taken, and how many slices of them are done. */
  readonly state: Int32Array;
  readonly secretKey: Uint8Array;
};

// A copy: libsodium's binding does not look into shared memory. One for all, each would cost a kilobyte.
const message = new Uint8Array(new ArrayBuffer(SIGNED_BYTES));
const SLICE = 32;
const TAKEN = 0;
const DONE = 1;
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
    let isDone = false;
    return (index) => {
      if (!isDone) finish(signing);
      isDone = true;
      return signing.signatures.slice(index * SIGNATURE_BYTES, (index + 1) * SIGNATURE_BYTES);
    };
  };
}

/** Takes the next slice and signs it; tells whether there was one. */
export function signSlice({ messages, signatures, state, secretKey }: SharedSigning): boolean {
  const count = messages.length / SIGNED_BYTES;
  const from = Atomics.add(state, TAKEN, SLICE);
  if (from >= count) return false;
  for (let index = from; index < Math.min(from + SLICE, count); index += 1) {
    message.set(messages.subarray(index * SIGNED_BYTES, (index + 1) * SIGNED_BYTES));
    signatures.set(sign(message, secretKey), index * SIGNATURE_BYTES);
  }
  Atomics.add(state, DONE, 1);
  Atomics.notify(state, DONE);
  return true;
}

function newSigning(messages: Uint8Array, secretKey: Uint8Array): SharedSigning {
  const count = messages.length / SIGNED_BYTES;
  const shared = new Uint8Array(new SharedArrayBuffer(messages.length));
  shared.set(messages);
  const signatures = new Uint8Array(new SharedArrayBuffer(count * SIGNATURE_BYTES));
  const state = new Int32Array(new SharedArrayBuffer(8));
  return { messages: shared, signatures, state, secretKey };
}

function finish(signing: SharedSigning): void {
  while (signSlice(signing));
  const { messages, state } = signing;
  const slices = Math.ceil(messages.length / SIGNED_BYTES / SLICE);
  for (let done = Atomics.load(state, DONE); done < slices; done = Atomics.load(state, DONE)) {
    if (Atomics.wait(state, DONE, done, PATIENCE_MS) !== 'timed-out') continue;
    // A thread died on what it had taken. Signing is deterministic: what is signed twice is the same.
    Atomics.store(state, TAKEN, 0);
    while (signSlice(signing));
    return;
  }
}
