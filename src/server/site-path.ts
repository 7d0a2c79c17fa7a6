/**
 * From the path of a request to the key it asks for. Decoded once, compared as it is: no dot segment
 * is resolved, no slash collapsed, so that a path either is the name of a file or it is not.
 */
import { DrayerError } from '../core/errors.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Decodes the path of a request within a site.
 *
 * @param path - percent-encoded, without the leading slash
 * @throws {DrayerError} PATH_INVALID for what no file can be called
 */
export function decodeSitePath(path: string): string {
  const key = decodePercent(path);
  if (key === undefined) throw new DrayerError('PATH_INVALID', 'expected a path in UTF-8');
  if (CONTROL.test(key) || key.includes('\\')) {
    throw new DrayerError('PATH_INVALID', 'expected no control characters and no backslash');
  }
  if (key.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new DrayerError('PATH_INVALID', 'expected no segment . or ..');
  }
  return key;
}

/**
 * Encodes each `%` that encodes nothing: a browser sends `100%.txt` as it is typed, which is no URL
 * (RFC 3986 §2.4), and leaves it to us to know better.
 */
export function encodeLonePercents(path: string): string {
  return path.replace(/%(?![0-9a-f]{2})/gi, '%25');
}

function decodePercent(path: string): string | undefined {
  try {
    const text = decodeURIComponent(path);
    return text.isWellFormed() ? text : undefined;
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
