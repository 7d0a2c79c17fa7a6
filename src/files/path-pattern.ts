/**
 * Patterns of `_redirects` and `_headers`: text, `:name` for one segment, one `*` for anything. Compared
 * piece by piece, so that no pattern of a site can make a path expensive.
 */

/** A pattern taken apart; use {@link parsePattern}. */
export type PathPattern = {
  /** What each segment before the `*` has to be. */
  readonly segments: readonly Segment[];
  /** What stands before and after the `*` of the rest; undefined without one. */
  readonly rest?: { readonly prefix: string; readonly suffix: string } | undefined;
};

/** What the pieces of a pattern stand for in a path; `splat` is the `*`. */
export type Captures = ReadonlyMap<string, string>;

type Segment = { readonly text: string } | { readonly name: string };

const NAME = /^:([A-Za-z_]\w*)$/;

/**
 * Takes a pattern apart.
 *
 * @param text - begins with `/`; may be percent-encoded
 * @returns undefined for what is no pattern: without the slash, with two `*`, with a name after the `*`
 */
export function parsePattern(text: string): PathPattern | undefined {
  const parts = text.split('*');
  const [before = '', after] = parts;
  if (!text.startsWith('/') || parts.length > 2) return undefined;
  const pieces = before.slice(1).split('/');
  const last = after === undefined ? undefined : decode(pieces.pop() ?? '');
  const suffix = decode(after ?? '');
  const segments = pieces.map(segmentOf);
  if (!segments.every((one) => one !== undefined) || suffix === undefined) return undefined;
  if (after === undefined) return { segments: withoutEmptyEnd(segments) };
  const hasName = /(?:^|\/):/.test(suffix) || last === undefined || NAME.test(last);
  return hasName ? undefined : { segments, rest: { prefix: last, suffix } };
}

/**
 * Compares a path with a pattern; a slash at the end counts for nothing.
 *
 * @param path - decoded, begins with `/`
 * @returns what the names stand for, undefined where it does not fit
 */
export function matchPattern({ segments, rest }: PathPattern, path: string): Captures | undefined {
  const captures = new Map<string, string>();
  // Read no further than the pattern goes: a path may have thousands of segments, a site a hundred patterns.
  let at = 1;
  for (const segment of segments) {
    // Only where there is a rest may the last one be empty.
    if (rest === undefined ? at >= path.length : at > path.length) return undefined;
    const slash = path.indexOf('/', at);
    const end = slash === -1 ? path.length : slash;
    const part = path.slice(at, end);
    if ('text' in segment ? segment.text !== part : part === '') return undefined;
    if ('name' in segment) captures.set(segment.name, part);
    at = end + 1;
  }
  if (rest === undefined) return at >= path.length ? captures : undefined;
  const splat = middleOf(path.slice(at), rest);
  return splat === undefined ? undefined : captures.set('splat', splat);
}

function middleOf(
  text: string,
  { prefix, suffix }: { readonly prefix: string; readonly suffix: string },
): string | undefined {
  if (text.length < prefix.length + suffix.length) return undefined;
  if (!text.startsWith(prefix) || !text.endsWith(suffix)) return undefined;
  return text.slice(prefix.length, text.length - suffix.length);
}

function segmentOf(piece: string): Segment | undefined {
  const name = NAME.exec(piece)?.[1];
  if (name !== undefined) return { name };
  const text = decode(piece);
  return text === undefined ? undefined : { text };
}

function withoutEmptyEnd(segments: readonly Segment[]): readonly Segment[] {
  const last = segments.at(-1);
  return last !== undefined && 'text' in last && last.text === ''
    ? segments.slice(0, -1)
    : segments;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
