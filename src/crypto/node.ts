/**
 * `#crypto` on Node: libsodium, or the portable suite where sodium-native cannot load or
 * `DRAYER_CRYPTO=portable` asks for it. Browsers get portable.ts by the package's import map.
 */
import { loadNative } from './native.ts';
import type { Suite } from './suite.ts';

const chosen: Suite = await choose();

/** Which implementation runs. */
export const suite: Suite['suite'] = chosen.suite;
/** Returns the unkeyed BLAKE2b-256 of `data`, a fresh array of 32 bytes. */
export const hash: Suite['hash'] = chosen.hash;
/** Returns the 64-byte detached signature of `message`; `secretKey` is 64 bytes. */
export const sign: Suite['sign'] = chosen.sign;
/** Tells whether the signature is valid under the strict rules of R2. Never throws. */
export const verify: Suite['verify'] = chosen.verify;
/** Tells whether these bytes can be the key of a stream (R2). */
export const isAcceptablePublicKey: Suite['isAcceptablePublicKey'] = chosen.isAcceptablePublicKey;
/** Returns the key pair that belongs to a 32-byte seed. */
export const keyPairFromSeed: Suite['keyPairFromSeed'] = chosen.keyPairFromSeed;

async function choose(): Promise<Suite> {
  if (process.env['DRAYER_CRYPTO'] === 'portable') return loadPortable();
  try {
    return loadNative();
  } catch {
    // No prebuilt binary for this platform, or one that does not load: same verdicts, slower.
    return loadPortable();
  }
}

// Only where it is used: it takes as long to load as libsodium.
async function loadPortable(): Promise<Suite> {
  return (await import('./portable.ts')).portable;
}
