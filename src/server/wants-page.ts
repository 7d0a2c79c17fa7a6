/**
 * Whether a request is for a page of an application whose pages are all one file, as opposed to a
 * file that is missing: a script that gets a page instead of 404 fails with an error nobody understands.
 */
import type { Context } from 'koa';
import { isPathOfFile } from '../files/site-redirects.ts';

/** What the browser shows by itself. */
const SHOWN: ReadonlySet<string> = new Set(['document', 'iframe', 'frame']);

/**
 * Tells whether a page is asked for, by the path, by what the browser wants it for, and where it says
 * nothing or a script asks, by `Accept`.
 *
 * @param key - decoded path, of no file
 */
export function wantsPage(ctx: Context, key: string): boolean {
  if (isPathOfFile(key)) return false;
  ctx.vary('Accept');
  ctx.vary('Sec-Fetch-Dest');
  const destination = ctx.get('Sec-Fetch-Dest').toLowerCase();
  if (SHOWN.has(destination)) return true;
  const accept = ctx.get('Accept').toLowerCase();
  if (destination === '') return accept === '' || /text\/html|\*\/\*/.test(accept);
  return destination === 'empty' && accept.includes('text/html');
}
