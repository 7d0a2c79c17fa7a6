/** What a request tells about who asks: a person at this machine, or a page. */
import type { Context } from 'koa';
import { formatStreamId } from '../core/stream-id.ts';
import { clientOf, type TrustedProxies } from './client.ts';

/** What of a server's options decides how a client is treated. */
export type AskedOptions = {
  /** Lets pages of other origins read sync endpoints on loopback too. */
  readonly cors: boolean;
  /** Leads people from the path form on `localhost` to the site's own origin. */
  readonly redirects: boolean;
  /** Proxies that are believed. */
  readonly proxies?: TrustedProxies | undefined;
};

/**
 * The site's own origin, for a person who typed `localhost`: there all of it works.
 *
 * @returns undefined for programs, for parts of pages, on other hosts, and where that is not wished
 */
export function ownOriginFor(
  ctx: Context,
  { redirects, proxies }: AskedOptions,
  { host, publicKey }: { readonly host: string; readonly publicKey: Uint8Array },
): string | undefined {
  const isTyped = ctx.get('Sec-Fetch-Mode') === 'navigate';
  if (!redirects || !isTyped || ctx.get('Sec-Fetch-Dest') !== 'document') return undefined;
  const [, port] = /^localhost(:\d+)?$/i.exec(host) ?? [undefined, undefined];
  if (port === undefined && !/^localhost$/i.test(host)) return undefined;
  const scheme = clientOf(ctx.req, proxies).isSecure ? 'https' : 'http';
  return `${scheme}://${formatStreamId(publicKey, 'base32')}.localhost${port ?? ''}`;
}

/**
 * Whether pages of other origins may read sync endpoints here. Not where only this machine asks: they
 * could find out what its owner follows. A trusted proxy on this machine brings in all the world.
 */
export function isOpenToPages(ctx: Context, { cors, proxies }: AskedOptions): boolean {
  return cors || !isLoopback(ctx.req.socket.localAddress) || clientOf(ctx.req, proxies).isForwarded;
}

/**
 * Whether a page of the same origin asks. Where one site stands at `/` of a name that others have
 * paths on, its pages are not to find out what else is held here, and cannot read it.
 */
export function isAskedBySite(ctx: Context): boolean {
  return ctx.get('Sec-Fetch-Site') === 'same-origin';
}

/** Whether an address of this end of a connection is one that only this machine reaches. */
function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::ffff:)?127\.|^::1$/.test(address);
}
