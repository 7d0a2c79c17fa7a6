/** What others on the local networks have, ready to be shown: ids as text, titles where they are asked for. */
import { isDrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import type { NearbyStream } from '../discovery/discovery.ts';
import { eachAtOnce } from '../mirror/each-at-once.ts';
import { fetchFile } from '../mirror/fetch-file.ts';

/** A stream that others have, and that is not here. */
export type HeardStream = {
  /** Base64. */
  readonly id: string;
  /** Who has it, `http://ADDRESS:PORT`, the one heard last in front. */
  readonly urls: readonly string[];
  /** Its newest state that was heard of, and whether its key has signed that. */
  readonly tip: Micros;
  readonly signed: boolean;
  /** ms since 1970. */
  readonly firstHeardMs: number;
  readonly lastHeardMs: number;
  /** Of its first page, signed by its key; undefined where nobody has asked, or it has none. */
  readonly title?: string | undefined;
};

const AT_ONCE = 4;
const PATIENCE_MS = 4_000;
const MOST_PAGE_BYTES = 1024 * 1024;
const MOST_TITLE = 120;

/** Makes a stream ready to be shown. */
export function heardStream(stream: NearbyStream): HeardStream {
  const { publicKey, modified, urls, isSigned, firstHeardMs, lastHeardMs } = stream;
  const id = formatStreamId(publicKey);
  return { id, urls, tip: modified, signed: isSigned, firstHeardMs, lastHeardMs };
}

/**
 * Asks whoever has them for the first page of some streams, and adds its title. One that gives none, or
 * not what the key has signed, stays without.
 */
export async function withTitles(
  streams: readonly HeardStream[],
  signal: AbortSignal,
): Promise<HeardStream[]> {
  const titles = new Map<string, string>();
  await eachAtOnce(streams, AT_ONCE, async ({ id, urls: [url] }) => {
    const title = url === undefined ? undefined : await titleAt(url, id, signal);
    if (title !== undefined) titles.set(id, title);
  });
  return streams.map((stream) => ({ ...stream, title: titles.get(stream.id) }));
}

async function titleAt(url: string, id: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { content } = await fetchFile(url, parseStreamId(id), '', {
      maxBytes: MOST_PAGE_BYTES,
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
    return titleOf(Buffer.from(content).toString('utf8'));
  } catch (error) {
    // What is wrong there is of no interest before somebody wants the stream.
    if (isDrayerError(error) && !signal.aborted) return undefined;
    throw error;
  }
}

/** Returns the title of a page, on one line; undefined where it has none. */
export function titleOf(page: string): string | undefined {
  const [, inside = ''] = /<title[^>]*>([^<]{1,1000})/i.exec(page) ?? [];
  const text = inside.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name] ?? '');
  const title = text.replace(/\s+/g, ' ').trim().slice(0, MOST_TITLE);
  return title === '' ? undefined : title;
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#39': "'",
};
