/** Preconditions of a GET or HEAD (RFC 9110 §13). */
import type { IncomingHttpHeaders } from 'node:http';
import { listsEtag } from './etag.ts';
import { parseHttpDate } from './http-date.ts';

/** What a representation can be compared by. */
export type Validators = {
  readonly etag: string;
  /** In ms since 1970, whole seconds. */
  readonly lastModifiedMs?: number | undefined;
  /** When it took the place of what was there before, in ms since 1970. */
  readonly publishedMs?: number | undefined;
};

/** What the preconditions come to. */
export type Precondition = 'send' | 'not-modified' | 'failed';

/** Evaluates the preconditions in the order of RFC 9110 §13.2.2. */
export function checkPreconditions(
  headers: IncomingHttpHeaders,
  validators: Validators,
): Precondition {
  if (!isAsExpected(headers, validators)) return 'failed';
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) {
    return listsEtag(ifNoneMatch, validators.etag, 'weak') ? 'not-modified' : 'send';
  }
  return isSameSince(headers['if-modified-since'], validators) ? 'not-modified' : 'send';
}

/** Steps 1 and 2: If-Match, and If-Unmodified-Since only without it. */
function isAsExpected(headers: IncomingHttpHeaders, { etag, lastModifiedMs }: Validators): boolean {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) return listsEtag(ifMatch, etag, 'strong');
  const date = dateOf(headers['if-unmodified-since']);
  // §13.1.4: what is no date, or has none to compare with, says nothing.
  return date === undefined || lastModifiedMs === undefined || lastModifiedMs <= date;
}

/**
 * Step 4, If-Modified-Since. The date of a file is the publisher's: a file replaced by an older one has
 * an earlier date, and a client that holds the newer one must not be told it is current. So a later
 * date counts only if it is also after the file came to stand here (§13.1.3 asks for less).
 */
function isSameSince(
  header: string | undefined,
  { lastModifiedMs, publishedMs = Number.POSITIVE_INFINITY }: Validators,
): boolean {
  const date = dateOf(header);
  if (date === undefined || lastModifiedMs === undefined) return false;
  return date === lastModifiedMs || (date > lastModifiedMs && date >= publishedMs);
}

function dateOf(header: string | undefined): number | undefined {
  return header === undefined ? undefined : parseHttpDate(header);
}
