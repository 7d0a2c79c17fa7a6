/**
 * The crypto suite on libsodium, for Node. Loaded by a function, so that a machine without a
 * prebuilt sodium-native falls back to portable.ts instead of failing at import.
 */
import { createRequire } from 'node:module';
import { isAcceptablePublicKey } from './edwards.ts';
import type { Suite } from './suite.ts';

/** What is used of sodium-native; its own types ask for Buffers where any bytes do. */
type Sodium = {
  crypto_generichash(output: Uint8Array, input: Uint8Array): void;
  crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
  crypto_sign_verify_detached(
    signature: Uint8Array,
    message: Uint8Array,
    publicKey: Uint8Array,
  ): boolean;
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
};

/** Loads sodium-native; throws what `require` throws where it cannot. */
export function loadNative(): Suite {
  const sodium = createRequire(import.meta.url)('sodium-native') as Sodium;
  // libsodium writes here and the answer is a copy: the memory of a new small array lies in
  // JavaScript's heap and would be moved out of it first, which costs more than the copy.
  const digest = new Uint8Array(new ArrayBuffer(32));
  const signed = new Uint8Array(new ArrayBuffer(64));
  return {
    suite: 'native',
    hash(data) {
      sodium.crypto_generichash(digest, data);
      return digest.slice();
    },
    sign(message, secretKey) {
      sodium.crypto_sign_detached(signed, message, secretKey);
      return signed.slice();
    },
    verify(signature, message, publicKey) {
      // sodium-native lets longer signatures through and throws for shorter ones and for keys.
      if (signature.length !== 64 || publicKey.length !== 32) return false;
      return sodium.crypto_sign_verify_detached(signature, message, publicKey);
    },
    isAcceptablePublicKey,
    keyPairFromSeed(seed) {
      const publicKey = new Uint8Array(32);
      const secretKey = new Uint8Array(64);
      sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed);
      return { publicKey, secretKey };
    },
  };
}
