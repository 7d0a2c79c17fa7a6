/**
 * Methods of a request (RFC 9110 §9): what a resource takes, what it refuses and how, and what it
 * answers to who only asks what it takes.
 */
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';

/** The methods of RFC 9110 §9.3 and RFC 5789; any other one is unknown here. */
const KNOWN: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'],
]);

/** Methods of everything that is only read. */
export const READING: readonly string[] = ['GET', 'HEAD'];

/** Headers that a page of another origin may send along where it may read at all. */
const READING_HEADERS = 'If-Match, If-Modified-Since, If-None-Match, If-Range, Range';

/**
 * Refuses a method that a resource does not take. OPTIONS comes here as well: {@link answerOptions}
 * makes an answer of it.
 *
 * @throws {DrayerError} METHOD_NOT_ALLOWED for a method of HTTP, NOT_SUPPORTED for an unknown one
 */
export function checkMethod(ctx: Context, allowed: readonly string[], what = 'this'): void {
  if (allowed.includes(ctx.method)) return;
  const message = `${what} takes ${allowed.join(' and ')}, not ${ctx.method}`;
  // RFC 9110 §15.6.2: 501 is for a method that is not known, 405 for one that is not for this.
  if (!KNOWN.has(ctx.method)) throw new DrayerError('NOT_SUPPORTED', message);
  ctx.set('Allow', [...allowed, 'OPTIONS'].join(', '));
  throw new DrayerError('METHOD_NOT_ALLOWED', message);
}

/**
 * Answers OPTIONS with what `Allow` says so far (RFC 9110 §9.3.7), and the preflight of a page of
 * another origin where that may read: only reading, with the headers of a conditional request.
 */
export function answerOptions(ctx: Context): void {
  const { res } = ctx;
  ctx.status = 204;
  const isRead = String(res.getHeader('Allow')).startsWith('GET');
  if (!isRead || !res.hasHeader('Access-Control-Allow-Origin')) return;
  ctx.set({
    'Access-Control-Allow-Methods': READING.join(', '),
    'Access-Control-Allow-Headers': READING_HEADERS,
    'Access-Control-Max-Age': '86400',
  });
}
