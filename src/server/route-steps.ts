/** What several routes do to a response before it is answered. */
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';
import { checkMethod, READING } from './methods.ts';

/** Sets these headers and no others. */
export function replaceHeaders(ctx: Context, headers: Readonly<Record<string, string>>): void {
  for (const name of ctx.res.getHeaderNames()) ctx.remove(name);
  ctx.set(headers);
}

/** Refuses what is no reading. @throws {DrayerError} METHOD_NOT_ALLOWED, NOT_SUPPORTED */
export function allowReading(ctx: Context): void {
  checkMethod(ctx, READING);
}

/**
 * The server itself is asked: what it takes, of nothing in particular, and nothing else.
 *
 * @throws {DrayerError} METHOD_NOT_ALLOWED for OPTIONS, PATH_INVALID otherwise
 */
export function refuseAsterisk(ctx: Context): never {
  if (ctx.method === 'OPTIONS') checkMethod(ctx, READING);
  throw new DrayerError('PATH_INVALID', 'expected a path that begins with /');
}

/** Sends the client elsewhere; by default for good. */
export function redirect(ctx: Context, location: string, status = 308): void {
  ctx.status = status;
  ctx.set('Location', location);
}
