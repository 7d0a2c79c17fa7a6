/** The list of what is in a folder of a site, for those whose operator wants one. */
import type { Context } from 'koa';
import type { StreamReader } from '../store/reader.ts';
import { compressed } from './compress.ts';
import { bodyEtag } from './etag.ts';
import { html, renderPage } from './page.ts';
import { sendMade } from './reply.ts';

/** One line of a list. */
export type Listed = {
  /** Within the folder; a folder's ends with a slash. */
  readonly name: string;
  /** Publishing time, in micros; of a file. */
  readonly timestamp?: number | undefined;
};

/** Most lines of one list. */
export const MOST_LISTED = 1000;

// No file can stand between a folder's slash and what comes right after all that is in it.
const AFTER_SLASH = '0';

/**
 * Lists what is in a folder, in the order of keys. Of a folder in it only the first record is read,
 * however many there are.
 *
 * @param prefix - of the keys: empty, or with a slash at the end
 * @param most - lines to return at most
 */
export function listFolder(reader: StreamReader, prefix: string, most: number): Listed[] {
  const listed: Listed[] = [];
  let from: string | undefined = prefix;
  while (from !== undefined && listed.length < most) {
    from = listUpToFolder(reader, { prefix, from, most }, listed);
  }
  return listed;
}

/** Sends the list of a folder; what is not there is no folder. */
export async function sendFolder(
  ctx: Context,
  reader: StreamReader,
  prefix: string,
): Promise<void> {
  const listed = listFolder(reader, prefix, MOST_LISTED + 1);
  const before = ctx.response.headers['content-security-policy'];
  const policy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  ctx.set(
    'Content-Security-Policy',
    before === undefined ? policy : `${String(before)}, ${policy}`,
  );
  await compressed(ctx, async () => {
    const body = Buffer.from(pageOf(prefix, listed));
    sendMade(ctx, { type: 'text/html; charset=utf-8', etag: bodyEtag(body), make: () => body });
  });
}

/** Lists files, and the first folder that comes; returns where to go on after it. */
function listUpToFolder(
  reader: StreamReader,
  { prefix, from, most }: { readonly prefix: string; readonly from: string; readonly most: number },
  listed: Listed[],
): string | undefined {
  for (const { key, timestamp } of reader.entries({ type: 'file', from })) {
    if (!key.startsWith(prefix) || listed.length >= most) return undefined;
    const name = key.slice(prefix.length);
    const slash = name.indexOf('/');
    // A key with an empty segment has no address in a list.
    if (slash > 0) listed.push({ name: name.slice(0, slash + 1) });
    else if (slash === -1 && name !== '') listed.push({ name, timestamp });
    if (slash !== -1) return prefix + name.slice(0, slash) + AFTER_SLASH;
  }
  return undefined;
}

function pageOf(prefix: string, listed: readonly Listed[]): string {
  const up = prefix === '' ? [] : [html`<li><a href="../">../</a></li>`];
  const lines = listed.slice(0, MOST_LISTED).map(({ name, timestamp }) => {
    const date =
      timestamp === undefined ? '' : new Date(timestamp / 1000).toISOString().slice(0, 10);
    return html`<li><a href="${hrefOf(name)}">${name}</a> <small>${date}</small></li>`;
  });
  const more = listed.length > MOST_LISTED ? html`<p>There is more.</p>` : html``;
  const title = `/${prefix}`;
  return renderPage(title, html`<h1>${title}</h1><ul>${[...up, ...lines]}</ul>${more}`);
}

// With `./` before it, a name with a colon is no scheme and one with slashes no host.
function hrefOf(name: string): string {
  const isFolder = name.endsWith('/');
  return `./${encodeURIComponent(isFolder ? name.slice(0, -1) : name)}${isFolder ? '/' : ''}`;
}
