/** What a crypto suite offers; native.ts and portable.ts both do, with the same verdicts (R2). */

/** Ed25519 keys: 32 bytes public, 64 bytes secret (seed, then public key). */
export type KeyPair = { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };

/** The primitives of the protocol: BLAKE2b-256 and strict Ed25519. */
export type Suite = {
  /** Which implementation runs. */
  readonly suite: 'native' | 'portable';
  /** Returns the unkeyed BLAKE2b-256 of `data`, a fresh array of 32 bytes. */
  hash(data: Uint8Array): Uint8Array;
  /** Returns the 64-byte detached signature of `message`; `secretKey` is 64 bytes. */
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array;
  /** Tells whether the signature is valid under the strict rules of R2. Never throws. */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  /** Tells whether these bytes can be the key of a stream (R2). */
  isAcceptablePublicKey(publicKey: Uint8Array): boolean;
  /** Returns the key pair that belongs to a 32-byte seed. */
  keyPairFromSeed(seed: Uint8Array): KeyPair;
};
