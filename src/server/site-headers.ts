/**
 * `_headers` of a site: what it says of its own files. The form of Netlify and Cloudflare, a path and
 * below it, indented, `Name: value`; a safe subset of the names (safe-header.ts).
 */
import { matchPattern, type PathPattern, parsePattern } from '../files/path-pattern.ts';
import { cacheControlOfPage, OF_FILES, type SafeHeader, safeHeader } from './safe-header.ts';

/** Key of the file. */
export const HEADERS_KEY = '_headers';
/** Most paths of `_headers` that count. */
const MOST_PATHS = 100;
/** Most headers of one path that count. */
const MOST_HEADERS = 20;

/** What a site says of its files; use {@link parseSiteHeaders}. */
export type HeaderRules = {
  readonly rules: readonly HeaderRule[];
  /** Lines that do not count, from 1. */
  readonly ignored: readonly number[];
};

type HeaderRule = { readonly from: PathPattern; readonly headers: SafeHeader[] };

/** Reads `_headers`; what is not understood or not allowed is passed over and named. */
export function parseSiteHeaders(text: string): HeaderRules {
  const rules: HeaderRule[] = [];
  const ignored: number[] = [];
  let current: HeaderRule | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const content = line.trim();
    if (content === '' || content.startsWith('#')) continue;
    if (!/^\s/.test(line)) {
      const from = rules.length < MOST_PATHS ? parsePattern(content) : undefined;
      current = from && { from, headers: [] };
      if (current !== undefined) rules.push(current);
      else ignored.push(index + 1);
      continue;
    }
    const header = parseLine(content);
    const isFull = current === undefined || current.headers.length >= MOST_HEADERS;
    if (header === undefined || isFull) ignored.push(index + 1);
    else current?.headers.push(header);
  }
  return { rules, ignored };
}

/**
 * Returns the headers a site gives a path, of all rules that fit, the later over the earlier.
 *
 * @param path - decoded, begins with `/`, as it was asked for
 * @param of - what is sent: a file of this type, or the page that says there is none
 */
export function headersFor(
  { rules }: HeaderRules,
  path: string,
  of: { readonly type: string; readonly isFound: boolean },
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { from, headers } of rules) {
    if (matchPattern(from, path) === undefined) continue;
    for (const { name, value, isList } of headers) {
      if (!of.isFound && OF_FILES.has(name)) continue;
      const before = isList ? found.get(name) : undefined;
      found.set(name, before === undefined ? value : `${before}, ${value}`);
    }
  }
  const caching = found.get('Cache-Control');
  const isPage = /^(?:text\/html|application\/xhtml\+xml)\b/i.test(
    found.get('Content-Type') ?? of.type,
  );
  if (caching !== undefined && isPage) found.set('Cache-Control', cacheControlOfPage(caching));
  return found;
}

function parseLine(content: string): SafeHeader | undefined {
  const colon = content.indexOf(':');
  if (colon === -1) return undefined;
  return safeHeader(content.slice(0, colon).trim(), content.slice(colon + 1).trim());
}
