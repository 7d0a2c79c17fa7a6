/** Preconditions of a GET or HEAD (RFC 9110 §13). */
import type { IncomingHttpHeaders } from 'node:http';
import { listsEtag } from './etag.ts';
import { parseHttpDate } from './http-date.ts';

/** What a representation can be compared by. */
export type Validators = {
  readonly etag: string;
  /** In ms since 1970, whole seconds. */
  readonly lastModifiedMs?: number | undefined;
};

/** What the preconditions come to. */
export type Precondition = 'send' | 'not-modified' | 'failed';

/** Evaluates the preconditions in the order of RFC 9110 §13.2.2. */
export function checkPreconditions(
  headers: IncomingHttpHeaders,
  validators: Validators,
): Precondition {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined && !listsEtag(ifMatch, validators.etag, 'strong')) return 'failed';
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) {
    return listsEtag(ifNoneMatch, validators.etag, 'weak') ? 'not-modified' : 'send';
  }
  return isSameDate(headers['if-modified-since'], validators) ? 'not-modified' : 'send';
}

/**
 * The very date, not "this or later": a file replaced by an older one has an earlier date, and a
 * client that holds the newer one must not be told it is current.
 */
function isSameDate(header: string | undefined, validators: Validators): boolean {
  if (header === undefined || validators.lastModifiedMs === undefined) return false;
  return parseHttpDate(header) === validators.lastModifiedMs;
}
