/** What a server offers: its `/streams.json` (PROTOCOL.md §6). */

import { DrayerError, isDrayerError } from '../core/errors.ts';
import { isObject, parseJson } from '../core/json.ts';
import type { Micros } from '../core/record.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { STREAMS_PATH, WELL_KNOWN_PATH } from '../wire/paths.ts';
import { collectBody } from './http-body.ts';
import { HttpClient, type HttpLimits } from './http-client.ts';
import { type PeerUrl, parsePeerUrl } from './peer-url.ts';

/** One stream a server offers. Only the id is worth trusting; the rest is what the server says. */
export type RemoteStream = {
  /** Base64. */
  readonly id: string;
  readonly name?: string | undefined;
  /** Modified tip. */
  readonly tip?: Micros | undefined;
  /** Live records. */
  readonly count?: number | undefined;
  /** Of the newest snapshot. */
  readonly seq?: number | undefined;
};

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Asks a server which streams it offers.
 *
 * @throws {DrayerError} NOT_FOUND when it does not tell
 * @throws {DrayerError} UNREACHABLE, PEER_MISBEHAVED
 */
export async function listRemoteStreams(
  url: string,
  { signal, limits }: { signal?: AbortSignal | undefined; limits?: HttpLimits | undefined } = {},
): Promise<RemoteStream[]> {
  const peer = parsePeerUrl(url);
  const http = new HttpClient({ signal, limits });
  try {
    return await askStreams(http, peer);
  } finally {
    http.close();
  }
}

/** The same, with a client and a URL that are there already. */
export async function askStreams(http: HttpClient, peer: PeerUrl): Promise<RemoteStream[]> {
  const places = [`${peer.base}${STREAMS_PATH}`, `${peer.origin}${WELL_KNOWN_PATH}${STREAMS_PATH}`];
  for (const url of peer.site ? places.reverse() : places) {
    const answer = await http.get(url);
    // A site may have a file of this name, and it may be anything.
    const isJson = answer.header('content-type')?.startsWith('application/json') === true;
    if (answer.status !== 200 || !isJson) {
      answer.discard();
      continue;
    }
    const body = await collectBody(answer.body(MAX_BYTES));
    const streams = readStreams(Buffer.from(body).toString());
    if (streams !== undefined) return streams;
  }
  throw new DrayerError('NOT_FOUND', `${peer.text}: does not tell which streams it has`, {
    hint: 'ask its operator for the stream id, then: drayer mirror URL ID',
  });
}

function readStreams(text: string): RemoteStream[] | undefined {
  const body = parseJson(text);
  const listed = isObject(body) ? body['streams'] : undefined;
  if (!Array.isArray(listed)) return undefined;
  return listed.filter(isObject).flatMap(readStream);
}

function readStream({ id, name, tip, count, seq }: { [name: string]: unknown }): RemoteStream[] {
  const known = typeof id === 'string' ? canonicalId(id) : undefined;
  if (known === undefined) return [];
  return [
    {
      id: known,
      name: typeof name === 'string' ? name : undefined,
      tip: numberOf(tip),
      count: numberOf(count),
      seq: numberOf(seq),
    },
  ];
}

function canonicalId(text: string): string | undefined {
  try {
    return formatStreamId(parseStreamId(text));
  } catch (error) {
    if (isDrayerError(error, 'STREAM_ID_INVALID')) return undefined;
    throw error;
  }
}

function numberOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? Number(value) : undefined;
}
