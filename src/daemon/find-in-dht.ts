/** Looking for one stream in the mainline DHT, once: who is named there, and shows what its key has signed. */
import type { DhtConfig } from '../config/dht-config.ts';
import { DhtDiscovery } from '../discovery/dht-discovery.ts';
import { EventQueue } from '../discovery/event-queue.ts';
import { readNodes, writeNodes } from './dht-nodes.ts';
import { whoHas } from './who-has.ts';

/** What {@link findInDht} is told. */
export type FindInDhtOptions = Omit<DhtConfig, 'httpPort' | 'everyMs'> & {
  /** Where the nodes are that were there the last time. */
  readonly dataDir: string;
  /** Longest time to look, ms. Default: 60,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** How the search has ended. */
export type FoundInDht = {
  /** Of a server that has shown a record with the signature of the key; undefined where none has. */
  readonly url: string | undefined;
  /** Nodes that answered, in the look with the most. */
  readonly replies: number;
  /** Servers that were named and asked. */
  readonly named: number;
  /** Why the DHT could not be asked, where that is known. */
  readonly reason?: string | undefined;
};

const TIMEOUT_MS = 60_000;
/** A node may be away just now; who is not there after so many looks is not there. */
const MOST_LOOKS = 3;
/** Two seconds between looks where servers are named, a quarter of one where none are. */
const EVERY_MS = 2_000;

/**
 * Asks the DHT who has a stream, and each of these for the stream. From then on everybody can learn that
 * this address looks for it.
 */
export async function findInDht(
  publicKey: Uint8Array,
  { dataDir, timeoutMs = TIMEOUT_MS, signal: outer, ...config }: FindInDhtOptions,
): Promise<FoundInDht> {
  const late = AbortSignal.timeout(timeoutMs);
  const signal = outer === undefined ? late : AbortSignal.any([late, outer]);
  const looks = new EventQueue<number>();
  const end = (): void => looks.close();
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  let [count, replies, named] = [0, 0, 0];
  let reason: string | undefined;
  const dht = new DhtDiscovery({
    ...config,
    everyMs: EVERY_MS,
    remembered: readNodes(dataDir),
    onNodes: (nodes) => writeNodes(dataDir, nodes),
    onLook: (_, answered) => looks.push(answered),
    onState: (state) => {
      reason = state.is === 'down' ? state.reason : undefined;
    },
  });
  dht.open();
  dht.put({ publicKey, port: 0 });
  try {
    for await (const answered of looks) {
      count += 1;
      replies = Math.max(replies, answered);
      const urls = dht.peersOf(publicKey);
      named += urls.length;
      const onlyGlobal = config.anyAddress !== true;
      const url = await whoHas(publicKey, { urls, onlyGlobal, signal });
      if (url !== undefined) return { url, replies, named };
      if (count === MOST_LOOKS) break;
    }
    return { url: undefined, replies, named, reason };
  } finally {
    signal.removeEventListener('abort', end);
    await dht.stop();
  }
}
