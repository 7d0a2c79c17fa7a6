/**
 * Site paths: the keys of file records. Segments joined with `/`, no leading slash, NFC.
 * The same check decides what is published and what is served (R2: an ugly key is stored, never served).
 */
import { DrayerError } from '../core/errors.ts';
import { encodeUtf8 } from '../core/utf8.ts';

/** Most bytes of a segment of a site path, in UTF-8: what common file systems take as a name. */
export const SEGMENT_BYTES = 255;
/** Most bytes of a site path, in UTF-8. */
export const SITE_PATH_BYTES = 4096;
/** Largest content of a file, published or inflated, unless another limit is given. */
export const MAX_FILE_BYTES: number = 64 * 1024 * 1024;

/** Printable ASCII: nothing to normalize. */
const PLAIN = /^[ -~]*$/;
/** A backslash, an empty segment, or one of dots only. */
const SUSPECT = /\\|(?:^|\/)\.*(?:\/|$)/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Turns a path relative to the site's directory into its site path.
 *
 * @param relativePath - as the operating system spells it
 * @param separator - between its segments, `path.sep` where the path came from the operating system
 * @throws {DrayerError} PATH_INVALID when the name cannot be served to a browser as a path
 */
export function siteKeyOf(relativePath: string, separator = '/'): string {
  const path = separator === '/' ? relativePath : relativePath.split(separator).join('/');
  const key = PLAIN.test(path) ? path : path.normalize('NFC');
  const fault = findPathFault(key);
  if (fault === undefined) return key;
  throw new DrayerError('PATH_INVALID', `${JSON.stringify(relativePath)}: ${fault}`, {
    hint: 'rename the file, or leave it out with an ignore pattern',
  });
}

/** Says what makes `key` unfit to be a path of a site; undefined when nothing does. */
export function findPathFault(key: string): string | undefined {
  // Most paths are short and plain: four times faster for a walk over a large site.
  if (key.length <= SEGMENT_BYTES && PLAIN.test(key) && !SUSPECT.test(key)) return undefined;
  if (!key.isWellFormed()) return 'expected valid Unicode';
  if (CONTROL.test(key)) return 'expected no control characters';
  if (key.includes('\\')) return 'expected no backslash';
  if (encodeUtf8(key).length > SITE_PATH_BYTES) return `expected at most ${SITE_PATH_BYTES} bytes`;
  for (const segment of key.split('/')) {
    if (segment === '') return 'expected no empty segment';
    if (segment === '.' || segment === '..') return `expected no segment ${segment}`;
    // Three bytes a code unit at most: short segments need no counting.
    if (segment.length * 3 > SEGMENT_BYTES && encodeUtf8(segment).length > SEGMENT_BYTES) {
      return `expected at most ${SEGMENT_BYTES} bytes a segment`;
    }
  }
  return undefined;
}

/**
 * Tells of a path, or of all names of a directory joined by slashes, that each segment is one of a site
 * path as it is, if it is not too long. False says nothing.
 */
export function isPlainPath(path: string): boolean {
  return path === '' || (PLAIN.test(path) && !SUSPECT.test(path));
}

/**
 * Folds a site path to what it becomes on file systems that ignore case and compatibility forms:
 * two keys with one fold cannot both be written there. `README` and `readme`, `straße` and `STRASSE`.
 */
export function foldSitePath(key: string): string {
  if (PLAIN.test(key)) return key.toLowerCase();
  // Upper case first: it spells out ß and the ligatures, which lower case leaves alone.
  return key.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
}
