/**
 * The crypto suite in plain JavaScript: what browsers get, and Node where sodium-native cannot load.
 * tweetnacl checks the equation only; what else R2 asks of a key and a signature is in edwards.ts.
 */
import { blake2b } from '@noble/hashes/blake2.js';
import nacl from 'tweetnacl';
import { isAcceptablePublicKey, isCanonicalSignature } from './edwards.ts';
import type { KeyPair, Suite } from './suite.ts';

export { isAcceptablePublicKey };

/** Which implementation runs. */
export function suiteInUse(): Suite['suite'] {
  return 'portable';
}

/** Returns the unkeyed BLAKE2b-256 of `data`, a fresh array of 32 bytes. */
export function hash(data: Uint8Array): Uint8Array {
  return blake2b(data, { dkLen: 32 });
}

/** Returns the 64-byte detached signature of `message`; `secretKey` is 64 bytes. */
export function sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return nacl.sign.detached(message, secretKey);
}

/** Tells whether the signature is valid under the strict rules of R2. Never throws. */
export function verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || !isCanonicalSignature(signature)) return false;
  return (
    isAcceptablePublicKey(publicKey) && nacl.sign.detached.verify(message, signature, publicKey)
  );
}

/** Returns the key pair that belongs to a 32-byte seed. */
export function keyPairFromSeed(seed: Uint8Array): KeyPair {
  return nacl.sign.keyPair.fromSeed(seed);
}

/** The same functions as one object. */
export const portable: Suite = {
  suite: 'portable',
  hash,
  sign,
  verify,
  isAcceptablePublicKey,
  keyPairFromSeed,
};
