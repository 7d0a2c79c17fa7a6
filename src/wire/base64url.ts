/** Base64url without padding, for bytes that stand in a header. Pure: no platform has to help. */
import { DrayerError } from '../core/errors.ts';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Returns bytes as base64url, unpadded. */
export function encodeBase64url(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 6; bits -= 6) text += LETTERS[(held >> (bits - 6)) & 63];
    held &= 0xff;
  }
  return bits === 0 ? text : text + LETTERS[(held << (6 - bits)) & 63];
}

/**
 * Returns the bytes that base64url stands for.
 *
 * @throws {DrayerError} MALFORMED for another letter, a length that none has, or spare bits not zero:
 *   what is compared as text must have one spelling
 */
export function decodeBase64url(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const letter of text) {
    const value = LETTERS.indexOf(letter);
    if (value === -1) throw malformed();
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = (held >> bits) & 0xff;
    at += 1;
  }
  if (text.length % 4 === 1 || (held & ((1 << bits) - 1)) !== 0) throw malformed();
  return bytes;
}

function malformed(): DrayerError {
  return new DrayerError('MALFORMED', 'expected base64url without padding');
}
