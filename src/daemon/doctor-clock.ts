/** The clock: against those who serve what is mirrored here, and against times that keys have signed. */
import { isDrayerError } from '../core/errors.ts';
import { HttpClient } from '../mirror/http-client.ts';
import { parsePeerUrl } from '../mirror/peer-url.ts';
import { readMemory } from '../mirror/source-memory.ts';
import { STREAMS_PATH } from '../wire/paths.ts';
import { AUTH_SECONDS } from '../wire/push-auth.ts';
import type { Finding } from './doctor.ts';
import { readKept } from './kept-mirrors.ts';
import type { KnownStream } from './known-streams.ts';
import { withReader } from './stream-facts.ts';

const MOST_PEERS = 5;
const MOST_MS = 5_000;
const MOST_STREAMS = 256;
/** Times on the wire are whole seconds. */
const WARN_S = 10;
const REMEDY = 'let the clock be set by the network: timedatectl set-ntp true';

type Peer = {
  readonly origin: string;
  /** Seconds that this clock is ahead of it. */
  readonly aheadS: number;
};

/** Compares this clock with those of up to five servers that mirrors here come from. */
export async function checkClock(
  known: readonly KnownStream[],
  { signal: outer }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Finding> {
  const late = AbortSignal.timeout(MOST_MS);
  const signal = outer === undefined ? late : AbortSignal.any([late, outer]);
  const all = await Promise.all(originsOf(known).map((origin) => compareWith(origin, signal)));
  outer?.throwIfAborted();
  const peers = all.filter((peer) => peer !== undefined).sort((a, b) => a.aheadS - b.aheadS);
  const check = 'clock';
  // The one in the middle: one server with a wrong clock says nothing where there are others.
  const middle = peers[Math.floor(peers.length / 2)];
  if (middle === undefined) {
    const message = 'there is nobody to compare the clock with: no server of a mirror here answers';
    return { check, verdict: 'ok', message };
  }
  const { origin, aheadS } = middle;
  const off = Math.abs(aheadS);
  const others = peers.length === 1 ? '' : `, as with most of ${peers.length} servers`;
  if (off <= WARN_S) {
    const message = `the clock agrees with ${origin} to the second or few${others}`;
    return { check, verdict: 'ok', message };
  }
  const where = aheadS > 0 ? 'ahead of' : 'behind';
  const message = `the clock is ${off} s ${where} ${origin}${others}`;
  return { check, verdict: off > AUTH_SECONDS ? 'wrong' : 'warning', message, remedy: REMEDY };
}

/** Tells of streams whose newest change was signed at a time that is still to come. */
export function* checkSignedTimes(known: readonly KnownStream[]): Generator<Finding> {
  const nowMs = Date.now();
  for (const { path, name } of known.slice(0, MOST_STREAMS)) {
    const tip = tipOf(path);
    const aheadS = Math.round((tip / 1000 - nowMs) / 1000);
    if (aheadS <= AUTH_SECONDS) continue;
    const what = name ?? path;
    const message = `the newest change of ${what} was signed ${aheadS} s in the future: this clock is behind, or that of the publisher was ahead`;
    yield { check: 'signed-times', verdict: 'warning', message, remedy: REMEDY };
  }
}

/** 0 where there is none, or it cannot be read. */
function tipOf(path: string): number {
  try {
    return withReader(path, (reader) => reader.view.modifiedTip());
  } catch (error) {
    if (isDrayerError(error)) return 0;
    throw error;
  }
}

/** Of those that were given by hand or named by a stream, and so are asked anyway. */
function originsOf(known: readonly KnownStream[]): string[] {
  const addresses = known.flatMap(({ path }) => {
    try {
      const { sources } = readMemory(path);
      const asked = sources.filter(({ kind }) => kind !== 'found').map(({ address }) => address);
      return [...(readKept(path)?.urls ?? []), ...asked];
    } catch (error) {
      if (isDrayerError(error)) return [];
      throw error;
    }
  });
  const origins = addresses.flatMap((address) => {
    try {
      return [parsePeerUrl(address).origin];
    } catch (error) {
      if (isDrayerError(error)) return [];
      throw error;
    }
  });
  return [...new Set(origins)].slice(0, MOST_PEERS);
}

/** Undefined where it does not answer, or says no time. */
async function compareWith(origin: string, signal: AbortSignal): Promise<Peer | undefined> {
  const http = new HttpClient({ signal });
  const askedMs = Date.now();
  try {
    const answer = await http.get(`${origin}${STREAMS_PATH}`);
    const theirMs = Date.parse(answer.header('date') ?? '');
    answer.abandon();
    const hereMs = (askedMs + Date.now()) / 2;
    // Half a second later on average than what it says.
    const aheadS = Math.round((hereMs - theirMs - 500) / 1000);
    return Number.isNaN(aheadS) ? undefined : { origin, aheadS };
  } catch (error) {
    if (isDrayerError(error)) return undefined;
    throw error;
  } finally {
    http.close();
  }
}
