/**
 * Text to bytes and back. Strict both ways: no byte sequence is repaired, no mark is swallowed,
 * so that what was signed is what is read (R2).
 */
import { DrayerError } from './errors.ts';

// Core has no platform types. These two exist wherever it runs: Node, workers, browsers.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
// ignoreBOM keeps a leading U+FEFF: it is part of the key that was signed.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Returns the UTF-8 bytes of `text`. A lone surrogate becomes U+FFFD: check for it beforehand. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * Returns the text these UTF-8 bytes stand for.
 *
 * @throws {DrayerError} MALFORMED when the bytes are not valid UTF-8
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new DrayerError('MALFORMED', 'expected valid UTF-8', { cause });
  }
}
