/**
 * The crypto suite in plain JavaScript: what browsers get, and Node where sodium-native cannot load.
 * tweetnacl verifies without looking at S and the public key, so those checks are ours (R2).
 */
import { blake2b } from '@noble/hashes/blake2.js';
import nacl from 'tweetnacl';
import { hasCanonicalS, isPrimeOrderPoint } from './edwards.ts';
import type { KeyPair, Suite } from './suite.ts';

/** Which implementation runs. */
export const suite = 'portable';

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
  if (signature.length !== 64 || !hasCanonicalS(signature)) return false;
  if (!isAcceptablePublicKey(publicKey)) return false;
  return nacl.sign.detached.verify(message, signature, publicKey);
}

/** Tells whether these bytes can be the key of a stream (R2). */
export function isAcceptablePublicKey(publicKey: Uint8Array): boolean {
  return publicKey.length === 32 && isPrimeOrderPoint(publicKey);
}

/** Returns the key pair that belongs to a 32-byte seed. */
export function keyPairFromSeed(seed: Uint8Array): KeyPair {
  return nacl.sign.keyPair.fromSeed(seed);
}

const everything: Suite = { suite, hash, sign, verify, isAcceptablePublicKey, keyPairFromSeed };

/** The same functions as one object. */
export const portable: Suite = everything;
