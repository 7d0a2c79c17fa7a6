/**
 * Which headers a site may set by its `_headers`, and to what: those that tell more of a file or forbid
 * its pages something. None that lifts what keeps sites apart (media-headers.ts), none that stays with a
 * host, none that a proxy in front takes for an order, such as `X-Accel-Redirect`.
 */

/** How a header of a site comes to stand beside what is there already. */
export type SafeHeader = {
  /** As it is usually spelt. */
  readonly name: string;
  readonly value: string;
  /** Whether a second value is added to the first one instead of taking its place. */
  readonly isList: boolean;
};

/** Longest value that counts, in characters. */
const MOST_CHARACTERS = 2048;
/** Longest time for which a browser may keep a file without asking: a year. */
const LONGEST_S = 31_536_000;
/** The same for pages: whoever has been shown a broken one is to see the next soon. */
const LONGEST_PAGE_S = 3600;

/** Makes of a value the one that is sent, undefined for what is not allowed. */
type Check = (value: string) => string | undefined;

const any: Check = (value) => value;
const oneOf = (...allowed: readonly string[]): Check => {
  return (value) => allowed.find((one) => one.toLowerCase() === value.toLowerCase());
};

/** By lower-case name: how it is spelt, what is allowed, and whether it is a list. */
const HEADERS: Readonly<Record<string, readonly [string, Check, 'list'?]>> = {
  'cache-control': ['Cache-Control', cacheControl],
  'content-disposition': ['Content-Disposition', disposition],
  'content-language': ['Content-Language', languages],
  'content-security-policy': ['Content-Security-Policy', policy, 'list'],
  'content-type': ['Content-Type', mediaType],
  'cross-origin-embedder-policy': [
    'Cross-Origin-Embedder-Policy',
    oneOf('require-corp', 'credentialless', 'unsafe-none'),
  ],
  link: ['Link', any, 'list'],
  'permissions-policy': ['Permissions-Policy', any, 'list'],
  'referrer-policy': ['Referrer-Policy', oneOf('no-referrer', 'same-origin')],
  sourcemap: ['SourceMap', any],
  'x-frame-options': ['X-Frame-Options', oneOf('DENY', 'SAMEORIGIN')],
  'x-robots-tag': ['X-Robots-Tag', any, 'list'],
};

/** Headers that are of a file that is there, and not of the page that says it is not. */
export const OF_FILES: ReadonlySet<string> = new Set([
  ...['Cache-Control', 'Content-Disposition', 'Content-Type'],
]);

/** Checks a header of a site; undefined for one that it may not set, or not to this. */
export function safeHeader(name: string, value: string): SafeHeader | undefined {
  const lower = name.toLowerCase();
  if (!Object.hasOwn(HEADERS, lower) || value.length > MOST_CHARACTERS) return undefined;
  const [spelt = '', check = any, list] = HEADERS[lower] ?? [];
  // What is no ASCII text would be read in as many ways as there are readers.
  if (!/^[\t\x20-\x7e]+$/.test(value)) return undefined;
  const checked = check(value.trim());
  if (checked === undefined || checked === '') return undefined;
  return { name: spelt, value: checked, isList: list === 'list' };
}

/** Shortens what a site says of its pages; see {@link LONGEST_PAGE_S}. */
export function cacheControlOfPage(value: string): string {
  return value
    .split(', ')
    .filter((directive) => directive !== 'immutable')
    .map((directive) => withAtMost(directive, LONGEST_PAGE_S))
    .join(', ');
}

const FLAGS: ReadonlySet<string> = new Set([
  ...['immutable', 'must-revalidate', 'must-understand', 'no-cache', 'no-store', 'no-transform'],
  ...['private', 'proxy-revalidate', 'public'],
]);
const TIMES = /^(?:max-age|s-maxage|stale-if-error|stale-while-revalidate)=\d{1,10}$/;

/** RFC 9111 §5.2.2, RFC 5861, RFC 8246; all of it, or nothing. */
function cacheControl(value: string): string | undefined {
  const directives = value
    .toLowerCase()
    .split(',')
    .map((directive) => directive.trim());
  if (!directives.every((one) => FLAGS.has(one) || TIMES.test(one))) return undefined;
  return directives.map((directive) => withAtMost(directive, LONGEST_S)).join(', ');
}

function withAtMost(directive: string, seconds: number): string {
  const [name, time] = directive.split('=');
  return time === undefined ? directive : `${name}=${Math.min(Number(time), seconds)}`;
}

/** Types that are no type of one file are nothing to say of a file. */
function mediaType(value: string): string | undefined {
  const isOne = /^(?!multipart|message)[a-z]+\/[\w.+-]+(?:\s*;\s*charset=[\w-]+)?$/i.test(value);
  return isOne ? value : undefined;
}

/** RFC 6266, without parameters other than a name. */
function disposition(value: string): string | undefined {
  const name = /^(?:attachment|inline)(?:\s*;\s*filename\*?=(?:"[^"\\/]*"|[\w.%'-]+))*$/i;
  return name.test(value) ? value : undefined;
}

function languages(value: string): string | undefined {
  return /^[a-z0-9-]+(?:\s*,\s*[a-z0-9-]+)*$/i.test(value) ? value : undefined;
}

/**
 * A second policy only ever forbids more, but for two directives: `frame-ancestors` takes the place of
 * X-Frame-Options, and `upgrade-insecure-requests` breaks a site where it is mirrored without TLS.
 */
function policy(value: string): string | undefined {
  // A comma ends a policy, and would let the rest stand for itself.
  if (value.includes(',')) return undefined;
  const directives = value.split(';').map((directive) => directive.trim());
  return directives.filter((directive) => isForbidding(directive)).join('; ');
}

function isForbidding(directive: string): boolean {
  const [name = '', ...values] = directive.toLowerCase().split(/\s+/);
  if (name === '' || name === 'upgrade-insecure-requests') return false;
  if (name === 'block-all-mixed-content') return false;
  if (name !== 'frame-ancestors') return true;
  return values.length === 1 && (values[0] === "'self'" || values[0] === "'none'");
}
