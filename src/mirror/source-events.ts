/** The live events of a source (PROTOCOL.md §6): each says that there is a generation, and its tip. */
import { DrayerError } from '../core/errors.ts';
import type { Micros } from '../core/record.ts';
import { operationPath, WELL_KNOWN_PATH } from '../wire/paths.ts';
import type { HttpClient, HttpResponse } from './http-client.ts';
import type { PeerUrl } from './peer-url.ts';

/** A source sends something every 15 s; who says nothing for longer is gone. */
export const IDLE_MS = 45_000;
/** Of one connection; years of events, or somebody who never ends a line. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Of one event; ours have some sixty. */
const MAX_EVENT_CHARS = 4096;

/**
 * Yields the tip of the source's generation, the present one first, then each that comes. Nothing of
 * it is proved: it says when to ask.
 *
 * @param firstMs - so long the present one may take to come; a proxy that holds events back never lets it
 * @throws {DrayerError} NOT_SUPPORTED where the source sends no events, as originals, or none arrives
 * @throws {DrayerError} UNREACHABLE, PEER_MISBEHAVED, TOO_LARGE when the connection breaks or misbehaves
 */
export async function* sourceEvents(
  http: HttpClient,
  peer: PeerUrl,
  { publicKey, firstMs }: { readonly publicKey: Uint8Array; readonly firstMs: number },
): AsyncGenerator<Micros, void, void> {
  const answer = await openEvents(http, peer, publicKey);
  let isLate = false;
  const patience = setTimeout(() => {
    isLate = true;
    answer.abandon();
  }, firstMs);
  try {
    for await (const tip of tipsIn(answer)) {
      clearTimeout(patience);
      yield tip;
    }
  } catch (error) {
    if (!isLate) throw error;
    const message = `${answer.url}: no event came within ${firstMs} ms`;
    throw new DrayerError('NOT_SUPPORTED', message, { cause: error });
  } finally {
    clearTimeout(patience);
  }
}

async function* tipsIn(answer: HttpResponse): AsyncGenerator<Micros, void, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const piece of answer.slowBody(MAX_BYTES, IDLE_MS)) {
    const events = (rest + decoder.decode(piece, { stream: true })).split('\n\n');
    rest = events.pop() ?? '';
    if (rest.length > MAX_EVENT_CHARS) {
      throw new DrayerError('PEER_MISBEHAVED', `${answer.url}: sends an event without an end`);
    }
    for (const event of events) {
      const tip = tipOf(event);
      if (tip !== undefined) yield tip;
    }
  }
}

async function openEvents(
  http: HttpClient,
  peer: PeerUrl,
  publicKey: Uint8Array,
): Promise<HttpResponse> {
  const shared = peer.base + operationPath(publicKey, 'events');
  const own = peer.origin + operationPath(publicKey, 'events', { base: WELL_KNOWN_PATH });
  for (const url of peer.site ? [own, shared] : [shared, own]) {
    const answer = await http.get(url);
    const isEvents = answer.header('content-type')?.startsWith('text/event-stream') === true;
    if (answer.status === 200 && isEvents) return answer;
    answer.discard();
  }
  throw new DrayerError('NOT_SUPPORTED', `${peer.text}: sends no live events`);
}

function tipOf(event: string): Micros | undefined {
  if (!/^event: ?generation$/m.test(event)) return undefined;
  const tip = Number(/^data: ?.*"tip": ?(\d{1,16})\b/m.exec(event)?.[1]);
  return Number.isSafeInteger(tip) ? tip : undefined;
}
