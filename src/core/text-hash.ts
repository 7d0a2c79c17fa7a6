/** The hashes of keys and types, which signatures and the trie both need of every record. */
import { hash } from '#crypto';
import { encodeUtf8 } from './utf8.ts';

/** Returns H(type), 32 bytes. Not to be changed: the next caller may get the same. */
export function hashOfType(type: string): Uint8Array {
  // Records of one type come in long runs.
  if (type !== lastType?.name) lastType = { name: type, hash: hashOfText(type) };
  return lastType.hash;
}

/** Returns H(text), 32 bytes. */
export function hashOfText(text: string): Uint8Array {
  // The platform's encoder makes a buffer for each text; most keys fit in one that is there.
  const { length } = text;
  if (length > textBytes.length) return hash(encodeUtf8(text));
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return hash(encodeUtf8(text));
    textBytes[i] = code;
  }
  return hash(textBytes.subarray(0, length));
}

let lastType: { readonly name: string; readonly hash: Uint8Array } | undefined;

// Hashing is synchronous and copies nothing it keeps, so one buffer is enough.
const textBytes = new Uint8Array(new ArrayBuffer(256));
