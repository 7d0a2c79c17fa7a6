/**
 * Looks for private keys in what is about to be published (THREATS A26): whoever reads one can sign as
 * its stream, for ever.
 */
import { keyPairFromSeed } from '#crypto';
import { bytesEqual } from '../core/record.ts';

/**
 * Makes the byte strings any spelling of a secret key contains: raw, base64, base64url, hex.
 *
 * @param secretKey - 64 bytes, seed then public key; the first half is the secret
 */
export function secretNeedles(secretKey: Uint8Array): Uint8Array[] {
  const seed = Buffer.from(secretKey.subarray(0, 32));
  // 42 characters say 252 of the seed's 256 bits, and are the same in the seed's and the key's base64.
  const base64 = [seed.toString('base64'), seed.toString('base64url')].map((text) =>
    text.slice(0, 42),
  );
  const hex = [seed.toString('hex'), seed.toString('hex').toUpperCase()];
  const texts = new Set([...base64, ...hex]);
  return [seed, ...[...texts].map((text) => Buffer.from(text))];
}

/** Tells whether `content` contains one of the needles. */
export function containsSecret(content: Uint8Array, needles: readonly Uint8Array[]): boolean {
  const bytes = bufferOf(content);
  return needles.some((needle) => bytes.includes(bufferOf(needle)));
}

/**
 * Tells whether `content` is the private key file of any stream: the base64 of a seed and of the public
 * key that belongs to it.
 */
export function isSecretKeyFile(content: Uint8Array): boolean {
  if (content.length < SECRET_KEY_CHARS || content.length > MAX_KEY_FILE_BYTES) return false;
  const text = bufferOf(content).toString('latin1').trim();
  if (!/^[\w+/-]{86}(==)?$/.test(text)) return false;
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  return bytesEqual(keyPairFromSeed(bytes.subarray(0, 32)).publicKey, bytes.subarray(32));
}

/** Without the two signs that fill it up. */
const SECRET_KEY_CHARS = 86;
/** Room for white space around a key; what is longer is not looked at, so that sites stay fast. */
const MAX_KEY_FILE_BYTES = 200;

// A view: a Buffer that came from another thread is a plain Uint8Array.
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
