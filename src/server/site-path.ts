/**
 * From the path of a request to the keys it may mean. Decoded once, compared as it is: no dot segment
 * is resolved, no slash collapsed, so that a path either is the name of a file or it is not.
 */
import { DrayerError } from '../core/errors.ts';

/** What a path of a site may mean, to be tried in order. */
export type Candidate =
  /** This file. */
  | { readonly kind: 'file'; readonly key: string }
  /** Go to `path` if there is such a file. */
  | { readonly kind: 'redirect'; readonly key: string; readonly path: string };

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
 * Lists what a path may mean: the file itself, `index.html` of a directory, `foo.html` for `foo`,
 * and the same with the slash at the end where it belongs.
 *
 * @param key - from {@link decodeSitePath}; empty for the site itself
 */
export function candidatesOf(key: string): Candidate[] {
  const spellings = key === key.normalize('NFC') ? [key] : [key, key.normalize('NFC')];
  return spellings.flatMap((spelling) => candidatesOfSpelling(spelling));
}

/** Spells a key as a path, with a leading slash that no second one follows. */
export function encodeSitePath(key: string): string {
  const path = key.split('/').map(encodeURIComponent).join('/');
  // `//name` in a Location is another host.
  return `/${path.replace(/^\/+/, (slashes) => '%2F'.repeat(slashes.length))}`;
}

function candidatesOfSpelling(key: string): Candidate[] {
  if (key === '') return [{ kind: 'file', key: 'index.html' }];
  if (!key.endsWith('/')) {
    return [
      { kind: 'file', key },
      { kind: 'file', key: `${key}.html` },
      { kind: 'redirect', key: `${key}/index.html`, path: encodeSitePath(`${key}/`) },
    ];
  }
  const bare = key.replace(/\/+$/, '');
  const path = encodeSitePath(bare);
  return [
    { kind: 'file', key: `${key}index.html` },
    { kind: 'redirect', key: bare, path },
    { kind: 'redirect', key: `${bare}.html`, path },
  ];
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
