/** Byte ranges of a GET (RFC 9110 §14): one range or the whole, never several. */
import { sameEtag } from './etag.ts';

/** What part of a representation is asked for. */
export type Range =
  | { readonly kind: 'whole' }
  /** `start` inclusive, `end` exclusive, not empty. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: Range = { kind: 'whole' };

/** One range in a list; RFC 9110 §5.6.1.2: elements of a list may be empty, and say nothing. */
const ONE_RANGE = /^bytes=[\s,]*(?:(\d+)-(\d*)|-(\d+))(?:\s*,[\s,]*)?\s*$/i;

/**
 * Reads a `Range` header.
 *
 * Several ranges get the whole: many small overlapping ones are an attack more often than a wish
 * (RFC 9110 §17.15). A header that is not a byte range is ignored (§14.2).
 *
 * @param size - bytes of the representation
 */
export function parseRange(header: string | undefined, size: number): Range {
  const match = ONE_RANGE.exec(header ?? '');
  if (match === null) return WHOLE;
  if (match[3] !== undefined) return suffixRange(Number(match[3]), size);
  const start = Number(match[1]);
  // RFC 9110 §14.1.2: last-pos beyond the end means the end.
  const last = match[2] === '' ? size - 1 : Number(match[2]);
  if (last < start && match[2] !== '') return WHOLE;
  if (start >= size) return { kind: 'unsatisfiable' };
  return { kind: 'part', start, end: Math.min(last + 1, size) };
}

/**
 * Tells whether a `Range` header counts beside this `If-Range` (RFC 9110 §13.1.5). A date is never
 * taken as a match: our dates are the publisher's and prove nothing about the bytes.
 */
export function rangeApplies(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || sameEtag(ifRange.trim(), etag, 'strong');
}

function suffixRange(length: number, size: number): Range {
  if (length === 0) return { kind: 'unsatisfiable' };
  // The last bytes of nothing are nothing, and no 206 can say so.
  if (size === 0) return WHOLE;
  return { kind: 'part', start: Math.max(0, size - length), end: size };
}
