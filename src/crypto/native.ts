/**
 * The crypto suite on libsodium, for Node. Loaded by a function, so that a machine without a
 * prebuilt sodium-native falls back to portable.ts instead of failing at import.
 */
import { createRequire } from 'node:module';
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
  crypto_core_ed25519_is_valid_point(point: Uint8Array): boolean;
};

/** Loads sodium-native; throws what require throws where it cannot. */
export function loadNative(): Suite {
  const sodium = createRequire(import.meta.url)('sodium-native') as Sodium;
  const isAcceptablePublicKey = (publicKey: Uint8Array): boolean =>
    publicKey.length === 32 && sodium.crypto_core_ed25519_is_valid_point(publicKey);
  return {
    suite: 'native',
    hash(data) {
      const digest = new Uint8Array(32);
      sodium.crypto_generichash(digest, data);
      return digest;
    },
    sign(message, secretKey) {
      const signature = new Uint8Array(64);
      sodium.crypto_sign_detached(signature, message, secretKey);
      return signature;
    },
    verify(signature, message, publicKey) {
      if (signature.length !== 64 || !isAcceptablePublicKey(publicKey)) return false;
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
