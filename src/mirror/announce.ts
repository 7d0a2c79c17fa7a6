/**
 * Tells the primary servers of a stream that there is a new generation: `newRecordAvailable` over HTTP
 * and, to those that name a UDP address, a `record` datagram. A courtesy: who misses it finds out when it
 * looks next, so nothing waits for it for long and nothing fails with it.
 */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { isDrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import type { PrimaryServer } from '../files/values.ts';
import { encodeRecordDatagram, encodeRecordMessage, type Sender } from '../wire/datagram.ts';
import { LIMITS } from '../wire/limits.ts';
import { operationPath, WELL_KNOWN_PATH } from '../wire/paths.ts';
import { HttpClient } from './http-client.ts';
import { parsePeerUrl } from './peer-url.ts';

/** The newest record of a stream, and who has it. */
export type Announcement = Sender & { readonly record: SignedRecord };

/** A server that could not be told. */
export type Untold = { readonly url: string; readonly problem: string };

/** Options of {@link announceGeneration}. */
export type AnnounceOptions = {
  /** Longest time for all of it, ms. Default 2,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

const TIMEOUT_MS = 2_000;
/** As many as a stream should name. */
const MOST_SERVERS = 8;

/**
 * Tells servers of a new generation, all at once. What a server answers does not matter: one that does
 * not hold the stream, or does not know the request, is told all the same.
 *
 * @returns those that could not be reached; nothing is thrown for them
 */
export async function announceGeneration(
  servers: readonly PrimaryServer[],
  announcement: Announcement,
  { timeoutMs = TIMEOUT_MS, signal }: AnnounceOptions = {},
): Promise<readonly Untold[]> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeoutMs);
  const both = AbortSignal.any([stop.signal, ...(signal === undefined ? [] : [signal])]);
  const http = new HttpClient({ signal: both });
  try {
    const told = servers
      .slice(0, MOST_SERVERS)
      .flatMap(({ url, udp }) => [
        outcome(url, both, post(http, url, announcement)),
        ...(udp === undefined ? [] : [outcome(url, both, sendDatagram(udp, announcement))]),
      ]);
    return (await Promise.all(told)).flatMap((untold) => untold ?? []);
  } finally {
    clearTimeout(timer);
    http.close();
  }
}

/** What keeps a server from being told, in a sentence; a wait ends with the signal. */
async function outcome(
  url: string,
  signal: AbortSignal,
  telling: Promise<void>,
): Promise<Untold | undefined> {
  try {
    await Promise.race([telling, once(signal, 'abort').then(() => Promise.reject(signal.reason))]);
    return undefined;
  } catch (error) {
    if (signal.aborted) return { url, problem: 'has not answered in time' };
    // A name that is none, a datagram that cannot leave: the system's own errors.
    return { url, problem: error instanceof Error ? error.message : String(error) };
  }
}

async function post(http: HttpClient, text: string, announcement: Announcement): Promise<void> {
  const { record, publicKey } = announcement;
  const body = encodeRecordMessage(record, announcement);
  if (body.length > LIMITS.announceBytes) return;
  const { base, origin, site } = parsePeerUrl(text);
  const path = operationPath(publicKey, 'newRecordAvailable', {
    base: site ? WELL_KNOWN_PATH : undefined,
  });
  const headers = { 'content-type': 'application/octet-stream' };
  try {
    const answer = await http.upload((site ? origin : base) + path, {
      method: 'POST',
      headers,
      body,
    });
    answer.discard();
  } catch (error) {
    // It was told; what it makes of that is its own.
    if (!isDrayerError(error, 'PEER_MISBEHAVED')) throw error;
  }
}

async function sendDatagram(
  [host, port]: readonly [host: string, port: number],
  announcement: Announcement,
): Promise<void> {
  if (!(port > 0 && port <= 65_535)) throw new Error(`udp: expected a port, got ${port}`);
  const { address, family } = await lookup(host);
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  try {
    const datagram = encodeRecordDatagram(announcement.record, announcement);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.send(datagram, port, address, (error) => (error === null ? resolve() : reject(error)));
    });
  } finally {
    socket.close();
  }
}
