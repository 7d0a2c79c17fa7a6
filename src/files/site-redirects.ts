/**
 * `_redirects` of a site: where paths lead that are no files. The lines of Netlify and of the IPFS
 * gateways, `FROM TO [STATUS]`, as far as a server can follow them that knows nothing of the site: no
 * conditions on countries, languages, roles or queries, and no rule in the place of a file.
 */
import { type Captures, matchPattern, type PathPattern, parsePattern } from './path-pattern.ts';

/** Key of the file. */
export const REDIRECTS_KEY = '_redirects';
/** Most bytes of `_redirects` and of `_headers`; of a longer file nothing counts. */
export const MOST_RULE_BYTES = 65_536;
/** Most rules of `_redirects` that count. */
export const MOST_REDIRECTS = 1000;
/** Most of them with a name or a `*`, which are tried one after the other. */
export const MOST_PATTERNS = 100;

/** Where a path leads: to an address, or to a file of the site with this status. */
export type Lead =
  /** `location` as it goes into the header; begins with `/` unless it is another site's. */
  | { readonly kind: 'redirect'; readonly location: string; readonly status: number }
  /** `isWide` when the rule has a `*`, and may be meant for pages only. */
  | {
      readonly kind: 'file';
      readonly key: string;
      readonly status: number;
      readonly isWide: boolean;
    };

/** The rules of a site; use {@link parseRedirects}. */
export type RedirectRules = {
  /** Rules without a name or `*`, by the path they are for, without the slash at its end. */
  readonly exact: ReadonlyMap<string, Rule>;
  /** The others, in order. */
  readonly patterns: readonly Rule[];
  /** Lines that do not count, and why. */
  readonly ignored: readonly IgnoredLine[];
};

/** A line that does not count. */
export type IgnoredLine = {
  /** Of the file, from 1. */
  readonly line: number;
  readonly text: string;
  readonly reason: string;
};

type Rule = {
  /** Of the file, from 1. */
  readonly line: number;
  readonly from: PathPattern;
  readonly to: string;
  readonly status: number;
};

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const STATUSES: ReadonlySet<number> = new Set([200, ...REDIRECTS, 404, 410, 451]);
/** What may stand in a URL as it is, `%` included; all else is encoded. */
const UNSAFE = /[^!#$%&'()*+,\-./0-9:;=?@A-Z_a-z~]/gu;

/** An ending such as `.js`: files have one, addresses of an application's pages do not. */
const ENDING = /\.(?=[a-z0-9]*[a-z])[a-z0-9]{1,8}$/i;

/** Whether a rule shows the one page of an application, which only who wants a page is to get. */
export function isOfApp(lead: Extract<Lead, { kind: 'file' }>, found: string): boolean {
  return lead.isWide && lead.status === 200 && /\.html?$/i.test(found);
}

/** Whether a path is one of a file, so that an application of one page does not answer for it. */
export function isPathOfFile(key: string): boolean {
  return ENDING.test(key);
}

/** Reads `_redirects`; what is not understood is passed over and named. */
export function parseRedirects(text: string): RedirectRules {
  const exact = new Map<string, Rule>();
  const patterns: Rule[] = [];
  const ignored: IgnoredLine[] = [];
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1;
    const tokens = tokensOf(content);
    if (tokens.length === 0) continue;
    const isFull = exact.size + patterns.length >= MOST_REDIRECTS;
    const rule = isFull ? `more than ${MOST_REDIRECTS} rules` : parseRule(tokens, line);
    const ignore = (reason: string): void =>
      void ignored.push({ line, text: content.trim(), reason });
    if (typeof rule === 'string') ignore(rule);
    else if (isExact(rule.from)) {
      const path = pathOf(rule.from);
      // The first rule for a path counts.
      if (!exact.has(path)) exact.set(path, rule);
    } else if (patterns.length < MOST_PATTERNS) patterns.push(rule);
    else ignore(`more than ${MOST_PATTERNS} rules with a name or *`);
  }
  return { exact, patterns, ignored };
}

/**
 * Returns where a path leads, by the first rule that fits; undefined where none does. A rule that leads
 * to where it is asked for counts as none.
 *
 * @param key - decoded, without the leading slash, of no file
 */
export function findLead(rules: RedirectRules, key: string): Lead | undefined {
  const path = `/${key}`;
  const exact = rules.exact.get(path.replace(/\/$/, ''));
  const tried = exact === undefined ? rules.patterns : [...rules.patterns, exact];
  for (const rule of tried.toSorted((a, b) => a.line - b.line)) {
    const captures = matchPattern(rule.from, path);
    const lead = captures && leadOf(rule, captures, path);
    if (lead !== undefined) return lead;
  }
  return undefined;
}

function leadOf({ from, to, status }: Rule, captures: Captures, path: string): Lead | undefined {
  const location = fill(to, captures);
  const target = decode(location.replace(/[?#].*$/s, ''));
  if (REDIRECTS.has(status)) {
    return target === path ? undefined : { kind: 'redirect', location, status };
  }
  const isWide = from.rest !== undefined;
  return target === undefined ? undefined : { kind: 'file', key: target.slice(1), status, isWide };
}

function parseRule(tokens: readonly string[], line: number): Rule | string {
  const [source = '', to = '', code = '301', ...more] = tokens;
  if (more.length > 0 || (to.includes('=') && !/^(?:\/|https?:)/.test(to))) {
    return 'conditions are not supported';
  }
  if (code.endsWith('!')) return 'a rule in the place of a file is not supported';
  const status = Number(code);
  if (!STATUSES.has(status)) return `expected a status such as 301 or 200, got ${code}`;
  const from = parsePattern(source);
  if (from === undefined) return `expected a path with at most one *, got ${source}`;
  const problem = problemOf(to, status);
  return problem ?? { line, from, to, status };
}

function problemOf(to: string, status: number): string | undefined {
  const isPath = to.startsWith('/') && !to.startsWith('//');
  if (!REDIRECTS.has(status)) return isPath ? undefined : `${status} needs a path of the site`;
  if (isPath) return undefined;
  // Names only after the host: whoever writes the path of a request must not choose where it leads.
  if (/^https?:\/\/[a-z0-9.-]+(?::\d+)?(?:[/?#]|$)/i.test(to) && URL.canParse(to)) return undefined;
  return `expected a path or an address, got ${to}`;
}

/** Puts in what the names stand for, encoded, so that none of it can become a host or another line. */
function fill(to: string, captures: Captures): string {
  const host = /^https?:\/\/[^/?#]*/i.exec(to)?.[0] ?? '';
  const path = to
    .slice(host.length)
    .replace(UNSAFE, encodeCharacter)
    .replace(/:([A-Za-z_]\w*)/g, (whole, name: string) => {
      const value = captures.get(name);
      return value === undefined ? whole : encodePath(value);
    });
  // `//name` in a Location is another host.
  return host + path.replace(/^\/+/, (slashes) => `/${'%2F'.repeat(slashes.length - 1)}`);
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

function encodeCharacter(character: string): string {
  return character.isWellFormed() ? encodeURIComponent(character) : '%EF%BF%BD';
}

function tokensOf(line: string): string[] {
  const tokens = line.trim().split(/\s+/);
  const comment = tokens.findIndex((token) => token.startsWith('#'));
  return (comment === -1 ? tokens : tokens.slice(0, comment)).filter((token) => token !== '');
}

function isExact({ segments, rest }: PathPattern): boolean {
  return rest === undefined && segments.every((one) => 'text' in one);
}

function pathOf({ segments }: PathPattern): string {
  return segments.map((one) => ('text' in one ? `/${one.text}` : '')).join('');
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
