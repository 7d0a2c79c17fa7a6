/** What this server hosts: `streams.json` for programs, the front page for people. */
import { formatStreamId } from '../core/stream-id.ts';
import { html, renderPage } from './page.ts';
import type { HostedStream, StreamSet } from './stream-set.ts';

/** One stream of `streams.json`. */
export type ListedStream = {
  /** Base64. */
  readonly id: string;
  readonly name?: string | undefined;
  /** Modified tip. */
  readonly tip: number;
  /** Live records. */
  readonly count: number;
  /** Of the newest snapshot; absent without one. */
  readonly seq?: number | undefined;
};

/** Makes the body of `streams.json`, for all hosted streams or some. */
export function streamsJson(streams: StreamSet, hosted: readonly HostedStream[]): string {
  const listed = hosted.flatMap(({ id, name, publicKey, isWithheld }): ListedStream[] => {
    if (isWithheld) return [];
    const generation = streams.find(publicKey)?.generation();
    if (generation === undefined) return [];
    const { tip, count, snapshot } = generation;
    return [{ id, name, tip, count, seq: snapshot?.seq }];
  });
  return JSON.stringify({ streams: listed });
}

/**
 * Makes the front page, with links to the sites it names.
 *
 * @param host - of the request, with its port: decides whether `<base32>.localhost` leads here
 * @param mount - prefix of every path, empty or `/prefix`
 */
export function frontPage(
  hosted: readonly HostedStream[],
  { host, mount }: { readonly host: string; readonly mount: string },
): string {
  const items = hosted.map((stream) => {
    const { id, name, publicKey } = stream;
    const link = html`<a href="${siteLink(publicKey, host, mount)}">${name ?? id}</a>`;
    return name === undefined
      ? html`<li>${link}</li>`
      : html`<li>${link}<br><small>${id}</small></li>`;
  });
  const list = items.length === 0 ? html`<p>No sites to show here.</p>` : html`<ul>${items}</ul>`;
  return renderPage('drayer', html`<h1>Sites on this server</h1>${list}`);
}

function siteLink(publicKey: Uint8Array, host: string, mount: string): string {
  const local = /^(?:localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.exec(host);
  // Only where the browser and this server are on one machine does the name lead here.
  if (local !== null)
    return `http://${formatStreamId(publicKey, 'base32')}.localhost${local[1] ?? ''}/`;
  return `${mount}/${formatStreamId(publicKey, 'base64url')}/webAccess/`;
}
