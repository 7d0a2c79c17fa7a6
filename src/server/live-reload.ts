/**
 * Live reload: a page that is open reloads itself when its site has a new generation. A script tag is
 * put at the end of what is sent of a page; what is stored and signed stays as it is.
 */
import { Readable } from 'node:stream';
import type { Context } from 'koa';
import type { Micros } from '../core/record.ts';
import type { ByteRange } from '../files/stored-gzip.ts';
import type { StreamReader } from '../store/reader.ts';
import { WELL_KNOWN_PATH } from '../wire/paths.ts';
import { liveEtag } from './etag.ts';
import type { EventHub } from './events.ts';
import type { Representation } from './reply.ts';

/** Path of the script within a site. */
export const LIVE_SCRIPT_PATH: string = `${WELL_KNOWN_PATH}/live.js`;

const EVENTS_PATH = `${WELL_KNOWN_PATH}/events`;

// A file and not a text in the page, which pages with a Content-Security-Policy of their own may
// forbid. Hidden pages do not listen: a browser has six connections for all pages of an origin. What
// they have missed the first event tells, which is of the present generation.
const SCRIPT = `(() => {
  const { events, tip } = document.currentScript.dataset;
  let source;
  const follow = () => {
    source?.close();
    if (document.hidden) return;
    source = new EventSource(events);
    source.addEventListener('generation', (event) => {
      if (JSON.parse(event.data).tip <= Number(tip)) return;
      source.close();
      location.reload();
    });
  };
  document.addEventListener('visibilitychange', follow);
  addEventListener('pageshow', (event) => event.persisted && follow());
  follow();
})();
`;

/** What live reload needs to know of a site. */
export type LiveSite = {
  readonly reader: StreamReader;
  /** What stands before its paths. */
  readonly base: string;
  readonly hub: EventHub;
};

/**
 * Answers for the script and, under the site's own path, for the events it follows: in its sandbox a
 * page may not ask elsewhere.
 *
 * @param path - within the site, without the leading slash
 * @returns whether the request was for one of the two
 */
export function sendLive(ctx: Context, { reader, hub }: LiveSite, path: string): boolean {
  if (`/${path}` === EVENTS_PATH) {
    hub.follow(ctx, reader);
    return true;
  }
  if (`/${path}` !== LIVE_SCRIPT_PATH) return false;
  ctx.set('Content-Type', 'text/javascript; charset=utf-8');
  ctx.body = SCRIPT;
  return true;
}

/** Tells whether what is asked for may be shown as a page of its own, and so should reload itself. */
export function isForPage(ctx: Context, type: string): boolean {
  if (!type.startsWith('text/html')) return false;
  ctx.vary('Sec-Fetch-Dest');
  // What a script fetches it puts into a page that has the tag already.
  return ['', 'document', 'iframe', 'frame'].includes(ctx.get('Sec-Fetch-Dest'));
}

/**
 * Puts the script tag at the end of a page, where browsers take it for the end of its body.
 *
 * @param page - not encoded
 * @param of - the page's value, and the generation it is sent from
 */
export function withLiveReload(
  page: Representation,
  { base }: LiveSite,
  of: { readonly hash: Uint8Array; readonly tip: Micros },
): Representation {
  const [script, events] = [base + LIVE_SCRIPT_PATH, base + EVENTS_PATH];
  const tag = Buffer.from(
    `\n<script src="${script}" data-events="${events}" data-tip="${of.tip}" async></script>\n`,
  );
  return {
    type: page.type,
    etag: liveEtag(of.hash, of.tip),
    size: page.size + tag.length,
    open: (range) => openBoth(page, tag, range),
  };
}

function openBoth(page: Representation, tag: Buffer, { start, end }: ByteRange): Buffer | Readable {
  const end1 = Math.min(end, page.size);
  const rest = tag.subarray(Math.max(0, start - page.size), Math.max(0, end - page.size));
  if (start >= page.size) return rest;
  const content = page.open({ start, end: end1 });
  if (!(content instanceof Readable)) return Buffer.concat([content, rest]);
  return Readable.from(inTurn(content, rest), { objectMode: false });
}

async function* inTurn(content: Readable, rest: Buffer): AsyncGenerator<Uint8Array> {
  yield* content;
  if (rest.length > 0) yield rest;
}
