/** Keeps secret keys out of what people and logs get to read. */

/**
 * Takes out what has the form of a secret key: 64 bytes in base64, base64url or hex, or a backup in
 * words, 36 of them. A person who types a key where a path belongs must not find it in the log of the
 * error.
 */
export function withoutSecrets(text: string): string {
  return (
    text
      .replace(/[A-Za-z0-9+/]{86}==|[A-Za-z0-9_-]{86}(?![\w-])|[0-9a-f]{128}/gi, '[secret key]')
      // Four to eleven letters each, as in the list; no sentence has so many of these in a row.
      .replace(/(?:\b[a-z]{4,11}[\s-]+){35}[a-z]{4,11}\b/gi, '[secret key]')
  );
}
