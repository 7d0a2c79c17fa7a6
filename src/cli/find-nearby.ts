/**
 * `drayer mirror KEY`: with nothing but the key, the stream is looked for on the local networks,
 * and with --dht in the DHT.
 */
import type { Settings } from '../config/settings.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import type { FoundInDht } from '../daemon/find-in-dht.ts';
import { readKept } from '../daemon/kept-mirrors.ts';
import { findAllOnLan } from '../discovery/find-on-lan.ts';
import { abortedError } from '../mirror/peer-errors.ts';
import { count } from './format.ts';
import type { Session } from './session.ts';

/** The key, where somebody has typed a key in the place of an address. */
export function keyIn(text: string): Uint8Array | undefined {
  try {
    return parseStreamId(text);
  } catch (error) {
    if (isDrayerError(error, 'STREAM_ID_INVALID')) return undefined;
    throw error;
  }
}

/** Where a stream is looked for. */
export type FindNearby = {
  /** Where the mirror would be: a daemon's note beside it names servers too. */
  readonly mirrorPath: string;
  /** Also in the DHT, where nobody on the network has it; `false` keeps it here. */
  readonly settings: Pick<Settings, 'dht' | 'dataDir'>;
};

/** Where a stream was found. */
export type Near = {
  readonly url: string;
  /** Who says that he has it, if there are several: any of them may be lying. */
  readonly others: readonly string[];
};

/**
 * Returns an address of the stream on the local networks, and otherwise one out of the DHT where that is
 * asked too; where nobody has it, from where the mirror that is here came.
 *
 * @throws {DrayerError} NOT_FOUND where there is none of these
 */
export async function findNearby(
  session: Session,
  publicKey: Uint8Array,
  { mirrorPath, settings }: FindNearby,
): Promise<Near> {
  const { terminal, signal } = session;
  const id = formatStreamId(publicKey);
  terminal.say(`asking everybody on this network for ${id}`);
  const others = await findAllOnLan(publicKey, { signal });
  if (signal.aborted) throw abortedError(signal);
  // The only one is asked for the stream itself anyway.
  const mayTrust = others.length === 1 && settings.dht === false;
  const near = mayTrust ? others[0] : await honestOf(publicKey, others, signal);
  if (signal.aborted) throw abortedError(signal);
  const far = near === undefined ? await searchDht(session, publicKey, settings) : undefined;
  const url = near ?? far?.url;
  if (url !== undefined) {
    terminal.say(`${url} has it`);
    return { url, others };
  }
  const [known] = readKept(mirrorPath)?.urls ?? [];
  if (known !== undefined) return { url: known, others };
  throw new DrayerError('NOT_FOUND', `${id}: ${nobodyHasIt(far)}`, {
    hint: 'start drayer serve --lan where it is, or give the address of a server: drayer mirror URL ID',
  });
}

/** The first that shows what the key has signed. */
async function honestOf(
  publicKey: Uint8Array,
  urls: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (urls.length === 0) return undefined;
  const { whoHas } = await import('../daemon/who-has.ts');
  return await whoHas(publicKey, { urls, onlyGlobal: false, signal });
}

async function searchDht(
  { terminal, signal }: Session,
  publicKey: Uint8Array,
  { dht, dataDir }: FindNearby['settings'],
): Promise<FoundInDht | undefined> {
  if (dht === false) return undefined;
  const id = formatStreamId(publicKey);
  terminal.say(
    `--dht: asking the DHT, for a minute at most: everybody on the Internet can learn that this address looks for ${id}`,
  );
  const { findInDht } = await import('../daemon/find-in-dht.ts');
  const found = await findInDht(publicKey, { ...dht, dataDir, signal });
  if (signal.aborted) throw abortedError(signal);
  return found;
}

function nobodyHasIt(dht: FoundInDht | undefined): string {
  if (dht === undefined) return 'nobody on this network has it';
  const { replies, named, reason } = dht;
  if (replies === 0) {
    const why = reason === undefined ? 'no node answered' : reason;
    return `nobody on this network has it, and the DHT could not be asked: ${why}`;
  }
  const nobody = `nobody on this network has it, and of ${count(replies, 'node')} of the DHT that were asked`;
  if (named === 0) return `${nobody} none knows who has`;
  return `${nobody} some named ${count(named, 'server')}, of which none has it now`;
}
