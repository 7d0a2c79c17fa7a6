/**
 * From an error to a response: the only place where it happens. Sync endpoints answer problem+json
 * (RFC 9457), sites a small page. What a client may not know stays here: an error that is not ours, or
 * one of ours about this machine, becomes a bare 500.
 */
import type { Context } from 'koa';
import { DrayerError, type ErrorCode, isDrayerError, statusOf } from '../core/errors.ts';
import { answerOptions } from './methods.ts';
import { html, renderPage } from './page.ts';

/** What a client is told. */
export type Problem = {
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly hint?: string | undefined;
};

// Messages written for a client. Those of other codes may name paths of this machine.
const EXPOSED: ReadonlySet<ErrorCode> = new Set([
  'USAGE',
  'STREAM_ID_INVALID',
  'PATH_INVALID',
  'NOT_FOUND',
  'GONE',
  'RECORD_NOT_FOUND',
  'VALUE_NOT_HELD',
  'SNAPSHOT_MISMATCH',
  'FILE_RECORD_INVALID',
  'PRECONDITION_FAILED',
  'METHOD_NOT_ALLOWED',
  'NOT_SUPPORTED',
  'CROSS_SITE',
  'AUTH_INVALID',
  'CLOCK_OFF',
  'PUSH_NOT_ALLOWED',
  'OVER_QUOTA',
  'LEASE_HELD',
  'LEASE_LOST',
  'TIP_MOVED',
  'BATCH_REFUSED',
  'TWO_HISTORIES',
  'RECORD_INVALID',
  'SIGNATURE_INVALID',
  'SIGNATURES_UNCHECKED',
  'MALFORMED',
  'TOO_LARGE',
]);

/** What is said of a file, by us or by its site, is not true of the answer in its place. */
const OF_BODIES = [
  ...['ETag', 'Last-Modified', 'Content-Encoding', 'Content-Range'],
  ...['Content-Disposition', 'Content-Language'],
];

/** Turns whatever was thrown into what the client is told. */
export function problemOf(error: unknown): Problem {
  if (!isDrayerError(error)) return internal(500);
  const status = statusOf(error.code);
  if (!EXPOSED.has(error.code)) return internal(status);
  return { status, code: error.code, detail: error.message, hint: error.hint };
}

/** Answers with a problem, as JSON or as a page; headers set so far stay, except those of the body. */
export function sendProblem(ctx: Context, error: unknown, form: 'json' | 'page'): Problem {
  const problem = problemOf(error);
  for (const name of OF_BODIES) ctx.remove(name);
  ctx.set('Cache-Control', 'no-cache');
  if (ctx.method === 'OPTIONS' && problem.code === 'METHOD_NOT_ALLOWED') {
    answerOptions(ctx);
    return problem;
  }
  if (problem.status === 503 || problem.status === 423) ctx.set('Retry-After', retryAfter(error));
  ctx.status = problem.status;
  if (form === 'json') {
    const { status, code, detail, hint } = problem;
    ctx.body = JSON.stringify({ status, code, detail, hint });
    ctx.set('Content-Type', 'application/problem+json');
    return problem;
  }
  ctx.body = renderPage(
    titleOf(problem.status),
    html`<h1>${titleOf(problem.status)}</h1><p>${problem.detail}</p><p>${problem.hint ?? ''}</p>`,
  );
  ctx.set('Content-Type', 'text/html; charset=utf-8');
  return problem;
}

/** The error for what is not there. */
export function notFound(what: string, hint?: string): DrayerError {
  return new DrayerError('NOT_FOUND', what, { hint });
}

/** Seconds. */
function retryAfter(error: unknown): string {
  const seconds = isDrayerError(error) ? error.details?.['retryAfter'] : undefined;
  return typeof seconds === 'number' ? String(seconds) : '5';
}

function internal(status: number): Problem {
  return { status, code: 'INTERNAL', detail: 'something went wrong on this server' };
}

function titleOf(status: number): string {
  if (status === 404) return 'Not found';
  if (status === 410) return 'Gone';
  return status < 500 ? 'Bad request' : 'This did not work';
}
