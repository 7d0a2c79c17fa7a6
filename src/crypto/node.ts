/**
 * `#crypto` on Node: libsodium, or the portable suite where sodium-native cannot load or
 * `DRAYER_CRYPTO=portable` asks for it. Browsers get portable.ts by the package's import map.
 *
 * libsodium is loaded by the first call that needs it: that takes longer than all that a publish of
 * nothing has to compute.
 */
import { createRequire } from 'node:module';
import { isAcceptablePublicKey } from './edwards.ts';
import { loadNative } from './native.ts';
import type { Suite } from './suite.ts';

export { isAcceptablePublicKey };

let chosen: Suite | undefined;

/** Which implementation runs. */
export function suiteInUse(): Suite['suite'] {
  return suite().suite;
}

/** Returns the unkeyed BLAKE2b-256 of `data`, a fresh array of 32 bytes. */
export function hash(data: Uint8Array): Uint8Array {
  return suite().hash(data);
}

/** Returns the 64-byte detached signature of `message`; `secretKey` is 64 bytes. */
export function sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return suite().sign(message, secretKey);
}

/** Tells whether the signature is valid under the strict rules of R2. Never throws. */
export function verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  return suite().verify(signature, message, publicKey);
}

/** Returns the key pair that belongs to a 32-byte seed. */
export function keyPairFromSeed(seed: Uint8Array): ReturnType<Suite['keyPairFromSeed']> {
  return suite().keyPairFromSeed(seed);
}

function suite(): Suite {
  chosen ??= choose();
  return chosen;
}

function choose(): Suite {
  if (process.env['DRAYER_CRYPTO'] === 'portable') return loadPortable();
  try {
    return loadNative();
  } catch {
    // No prebuilt binary for this platform, or one that does not load: same verdicts, slower.
    return loadPortable();
  }
}

function loadPortable(): Suite {
  const name = import.meta.url.endsWith('.ts') ? './portable.ts' : './portable.js';
  const module = createRequire(import.meta.url)(name) as typeof import('./portable.ts');
  return module.portable;
}
