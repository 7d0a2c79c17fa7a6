/** What several routes do to a response before it is answered. */
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';

/** Sets these headers and no others. */
export function replaceHeaders(ctx: Context, headers: Readonly<Record<string, string>>): void {
  for (const name of ctx.res.getHeaderNames()) ctx.remove(name);
  ctx.set(headers);
}

/** Refuses what is no reading. @throws {DrayerError} METHOD_NOT_ALLOWED */
export function allowReading(ctx: Context): void {
  if (ctx.method === 'GET' || ctx.method === 'HEAD') return;
  ctx.set('Allow', 'GET, HEAD');
  throw new DrayerError('METHOD_NOT_ALLOWED', `expected GET or HEAD, got ${ctx.method}`);
}

/** Sends the client elsewhere; by default for good. */
export function redirect(ctx: Context, location: string, status = 308): void {
  ctx.status = status;
  ctx.set('Location', location);
}
