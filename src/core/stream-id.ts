/**
 * The spellings of a stream's public key: base64, base64url, base32 label, PGP words, `drayer://`.
 * Every spelling but the canonical one exists for people and for what they paste.
 */
import { isAcceptablePublicKey } from '#crypto';
import { DrayerError } from './errors.ts';
import { decodeWords, encodeWords, SPELLINGS_HINT } from './pgp-words.ts';

/** How a stream id can be written. */
export type Spelling = 'base64' | 'base64url' | 'base32' | 'words';

/** Bytes of a public key. */
export const PUBLIC_KEY_BYTES = 32;

/**
 * Reads a stream id in any spelling: base64 with or without padding, base64url, 52 characters of
 * base32, PGP words, each also after `drayer://` and percent-encoded once or twice.
 *
 * @returns the public key, 32 bytes
 * @throws {DrayerError} STREAM_ID_INVALID saying what was given and what is accepted
 */
export function parseStreamId(text: string): Uint8Array {
  const publicKey = decodeSpelling(plainText(text));
  if (isAcceptablePublicKey(publicKey)) return publicKey;
  throw invalid(text, 'these 32 bytes are no Ed25519 public key');
}

/**
 * Writes a stream id.
 *
 * @param spelling - `base64` (padded) is what people compare, `base64url` stands in URL paths,
 *   `base32` in host names, `words` are read aloud
 * @throws {DrayerError} STREAM_ID_INVALID when these are not 32 bytes
 */
export function formatStreamId(publicKey: Uint8Array, spelling: Spelling = 'base64'): string {
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw wrongLength(publicKey.length);
  if (spelling === 'words') return encodeWords(publicKey);
  if (spelling === 'base32') return encodeBits(publicKey, BASE32);
  if (spelling === 'base64url') return encodeBits(publicKey, BASE64URL);
  return `${encodeBits(publicKey, BASE64)}=`;
}

/**
 * Reads `drayer://KEY/path`, the link to one file of a stream.
 *
 * @returns the key, and the path with its percent-encoding taken off, empty where there is none
 * @throws {DrayerError} STREAM_ID_INVALID when it is no such link
 */
export function parseStreamUrl(text: string): { publicKey: Uint8Array; path: string } {
  // A standard base64 key may hold slashes itself, so its length says where the path begins.
  const parts = /^drayer:\/\/([a-z2-7]{52}|[\w+/-]{43}=?)((?:\/.*)?)$/is.exec(text.trim());
  if (parts === null) return { publicKey: parseStreamId(text), path: '' };
  const publicKey = parseStreamId(String(parts[1]));
  return { publicKey, path: percentDecoded(String(parts[2]).slice(1), text) };
}

/** Tells whether a URL's path segment is the canonical spelling of this key: base64url, unpadded. */
export function isCanonicalSpelling(segment: string, publicKey: Uint8Array): boolean {
  return segment === formatStreamId(publicKey, 'base64url');
}

type Alphabet = { readonly letters: string; readonly bits: number };

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const BASE64: Alphabet = { letters: `${LETTERS}+/`, bits: 6 };
const BASE64URL: Alphabet = { letters: `${LETTERS}-_`, bits: 6 };
const BASE32: Alphabet = { letters: 'abcdefghijklmnopqrstuvwxyz234567', bits: 5 };

/** What people paste around a key is taken off: white space, percent-encoding, scheme, slashes. */
function plainText(text: string): string {
  let plain = text.trim();
  // Twice: a key copied from a URL inside another URL.
  for (let round = 0; round < 2 && plain.includes('%'); round += 1) {
    plain = percentDecoded(plain, text);
  }
  const scheme = /^drayer:(?:\/\/)?/i.exec(plain);
  return scheme === null ? plain : plain.slice(scheme[0].length).replace(/\/+$/, '');
}

function percentDecoded(encoded: string, given: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch (cause) {
    throw invalid(given, 'its percent-encoding is broken', cause);
  }
}

function decodeSpelling(plain: string): Uint8Array {
  if (/^[a-z2-7]{52}$/i.test(plain)) return decodeBits(plain.toLowerCase(), BASE32, plain);
  if (/^[A-Za-z0-9+/]{43}=?$/.test(plain)) return decodeBits(plain.slice(0, 43), BASE64, plain);
  if (/^[\w-]{43}=?$/.test(plain)) return decodeBits(plain.slice(0, 43), BASE64URL, plain);
  if (/^[a-z]+(?:[\s-]+[a-z]+){3,}$/i.test(plain)) return decodeAllWords(plain);
  if (/^[\w+/-]{86}={0,2}$/.test(plain)) throw invalid('', 'it has the length of a private key');
  throw invalid(plain, 'it has none of the known spellings');
}

function decodeAllWords(plain: string): Uint8Array {
  const bytes = decodeWords(plain);
  if (bytes.length === PUBLIC_KEY_BYTES) return bytes;
  const hint = bytes.length === 24 ? ' (a fingerprint of the first 24 bytes is not enough)' : '';
  throw invalid(plain, `expected 32 words, got ${bytes.length}${hint}`);
}

function encodeBits(bytes: Uint8Array, alphabet: Alphabet): string {
  let text = '';
  let held = 0;
  let bits = 0;
  const take = (): void => {
    bits -= alphabet.bits;
    text += alphabet.letters[(held >> bits) & (2 ** alphabet.bits - 1)];
  };
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= alphabet.bits) take();
  }
  held <<= alphabet.bits - bits;
  bits = alphabet.bits;
  take();
  return text;
}

function decodeBits(letters: string, alphabet: Alphabet, given: string): Uint8Array {
  const bytes = new Uint8Array(PUBLIC_KEY_BYTES);
  let held = 0;
  let bits = 0;
  let length = 0;
  for (const letter of letters) {
    held = ((held << alphabet.bits) | alphabet.letters.indexOf(letter)) & 0xffff;
    bits += alphabet.bits;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = held >> bits;
  }
  // Bits that carry nothing must be zero, or one key would have many spellings.
  if ((held & (2 ** bits - 1)) === 0) return bytes;
  throw invalid(given, 'its last character has bits that belong to no byte');
}

function wrongLength(length: number): DrayerError {
  return new DrayerError('STREAM_ID_INVALID', `expected a public key of 32 bytes, got ${length}`);
}

function invalid(given: string, why: string, cause?: unknown): DrayerError {
  // Shortened also because what was pasted by mistake may be a private key.
  const shown = given.length > 12 ? `${given.slice(0, 8)}… (${given.length} characters)` : given;
  return new DrayerError('STREAM_ID_INVALID', `not a stream id: '${shown}': ${why}`, {
    cause,
    hint: SPELLINGS_HINT,
  });
}
