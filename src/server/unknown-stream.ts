/**
 * What is said of a stream that is not here, to whom. To programs a problem, as ever. To people a page with
 * the way to get it, so that a printed link is good for something wherever it leads. Where somebody here has
 * said who has it, they are led there; who has merely been heard to have it is only named, for anybody on a
 * network can say so, and what a browser is sent somewhere is not checked by the key.
 */
import type { Context } from 'koa';
import { formatStreamId } from '../core/stream-id.ts';
import { streamPath } from '../wire/paths.ts';
import { isOpenToPages } from './asked-by.ts';
import { clientOf, type TrustedProxies } from './client.ts';
import { PAGE_HEADERS } from './media-headers.ts';
import { type Html, html, renderPage } from './page.ts';
import { notFound } from './problem.ts';
import { redirect, replaceHeaders } from './route-steps.ts';

/** Who else has a stream, as addresses under which it stands: `https://example.org`, no slash at the end. */
export type Elsewhere = {
  /** Said by who runs this server: people are led to the first. */
  readonly known: readonly string[];
  /** Heard on a network, from anybody: people are told. */
  readonly heard: readonly string[];
};

/**
 * Tells who else has a stream.
 *
 * @param address - of who asks: what is on a network is for who is on it
 */
export type FindElsewhere = (publicKey: Uint8Array, address: string | undefined) => Elsewhere;

/** What of a server decides what is said. */
export type UnknownOptions = {
  readonly elsewhere?: FindElsewhere | undefined;
  readonly proxies?: TrustedProxies | undefined;
};

/** What was asked for. */
export type UnknownStream = {
  readonly publicKey: Uint8Array;
  /** Path in the site, percent-encoded, with its slash in front. */
  readonly path: string;
  readonly search: string;
};

const NOBODY: Elsewhere = { known: [], heard: [] };

/** Says that a stream is not here, and how to get it. @throws {DrayerError} NOT_FOUND to who wants no page */
export function sendUnknown(
  { ctx, form }: { readonly ctx: Context; readonly form: 'json' | 'page' },
  server: UnknownOptions,
  { publicKey, path, search }: UnknownStream,
): void {
  if (form === 'json' || !isRead(ctx)) throw unknownStream(publicKey);
  const { address } = clientOf(ctx.req, server.proxies);
  const { known, heard } = mayTell(ctx, server)
    ? (server.elsewhere?.(publicKey, address) ?? NOBODY)
    : NOBODY;
  replaceHeaders(ctx, PAGE_HEADERS);
  // Tomorrow it may be here.
  ctx.set('Cache-Control', 'no-store');
  const rest = `/webAccess${path === '' ? '/' : path}${search}`;
  const at = (base: string): string => `${streamPath(publicKey, base)}${rest}`;
  const [first] = known;
  if (first !== undefined) {
    redirect(ctx, at(first), 307);
    return;
  }
  ctx.status = 404;
  ctx.set('Content-Type', 'text/html; charset=utf-8');
  ctx.body = unknownPage(publicKey, heard.map(at));
}

/** The error for a stream that is not here. */
export function unknownStream(publicKey: Uint8Array): Error {
  const id = formatStreamId(publicKey);
  return notFound(
    `this server does not host ${id}`,
    `to copy it from who has it: drayer mirror ${id}`,
  );
}

function unknownPage(publicKey: Uint8Array, heard: readonly string[]): string {
  const id = formatStreamId(publicKey);
  const title = 'This site is not on this server';
  return renderPage(
    title,
    html`<main>
<h1>${title}</h1>
<p>The address names a site by its key, and there is no copy of it here. Whoever has one can show it; the
key proves that it is the right one.</p>
${heardList(heard)}<h2>How to get it</h2>
<p>With drayer, on a machine on the same network as somebody who has it:</p>
<pre><code>drayer mirror ${id} --serve</code></pre>
<p>From a server that you know of, wherever it is:</p>
<pre><code>drayer mirror https://SERVER/ ${id} --serve</code></pre>
<p>Or open it in a program that knows such links: <a href="drayer:/${streamPath(publicKey)}/">drayer:/${streamPath(publicKey)}/</a></p>
</main>`,
  );
}

function heardList(heard: readonly string[]): Html {
  if (heard.length === 0) return html``;
  const items = heard.map(
    (url) => html`<li><a href="${url}" rel="noreferrer nofollow">${url}</a></li>
`,
  );
  return html`<h2>On this network</h2>
<p>These machines say that they have it. A browser cannot check what they show; drayer can.</p>
<ul>
${items}</ul>
`;
}

function isRead(ctx: Context): boolean {
  if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return false;
  return ctx.get('Service-Worker') !== 'script';
}

/**
 * Whether a person asks, and no page for them: a page in the operator's own browser could find out what is
 * followed here, or on this network. On loopback only what was typed, or followed from here, counts.
 */
function mayTell(ctx: Context, { proxies }: UnknownOptions): boolean {
  const destination = ctx.get('Sec-Fetch-Dest');
  if (isOpenToPages(ctx, { cors: false, redirects: false, proxies })) {
    return destination === '' || destination === 'document';
  }
  const from = ctx.get('Sec-Fetch-Site');
  return destination === 'document' && (from === 'none' || from === 'same-origin');
}
