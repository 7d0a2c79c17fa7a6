/**
 * Looks for a stream's own private key in what is about to be published (THREATS A26): whoever reads
 * it can sign as this stream, for ever.
 */

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

// A view: a Buffer that came from another thread is a plain Uint8Array.
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
