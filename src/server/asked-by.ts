/** What a request tells about who asks: a person at this machine, or a page. */
import type { Context } from 'koa';

/** A person who typed `localhost` gets the site on an origin of its own, where all of it works. */
export function isLocalNavigation(ctx: Context, host: string): boolean {
  if (ctx.get('Sec-Fetch-Mode') !== 'navigate' || ctx.get('Sec-Fetch-Dest') !== 'document') {
    return false;
  }
  return /^localhost(?::\d+)?$/i.test(host);
}

/**
 * Whether a page of the same origin asks. Where one site stands at `/` of a name that others have
 * paths on, its pages are not to find out what else is held here, and cannot read it.
 */
export function isAskedBySite(ctx: Context): boolean {
  return ctx.get('Sec-Fetch-Site') === 'same-origin';
}

/** Whether an address of this end of a connection is one that only this machine reaches. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::ffff:)?127\.|^::1$/.test(address);
}
