/** Looking for one stream on the local networks, once. */
import { LanDiscovery, type LanDiscoveryOptions } from './lan-discovery.ts';

/** Options of {@link findOnLan}. */
export type FindOnLanOptions = Pick<LanDiscoveryOptions, 'lookMs' | 'port' | 'interfaces'> & {
  /** Longest time to look, ms. Default 4,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

const TIMEOUT_MS = 4_000;
/** A datagram may be lost; nobody answers more often than every 2 s. */
const AGAIN_MS = 1_100;
/** Whoever cannot show a signature is taken where nobody does. */
const HINT_MS = 500;
/** Who answers at all answers within this time. */
const MORE_MS = 200;

/**
 * Asks everybody on the local networks for a stream, and so shows that this machine wants it.
 *
 * @returns where it is, `http://ADDRESS:PORT`; undefined where nobody has it
 */
export async function findOnLan(
  publicKey: Uint8Array,
  options: FindOnLanOptions = {},
): Promise<string | undefined> {
  const [first] = await search(publicKey, options, 0);
  return first;
}

/**
 * Asks as {@link findOnLan} does, and listens a moment longer: anybody can say that he has it, quicker
 * than whoever really has.
 *
 * @returns who says so, 8 at most; those who show that its key has signed it, where there are any
 */
export async function findAllOnLan(
  publicKey: Uint8Array,
  options: FindOnLanOptions = {},
): Promise<readonly string[]> {
  return await search(publicKey, options, MORE_MS);
}

async function search(
  publicKey: Uint8Array,
  { timeoutMs = TIMEOUT_MS, signal, ...options }: FindOnLanOptions,
  moreMs: number,
): Promise<readonly string[]> {
  if (signal?.aborted) return [];
  const discovery = new LanDiscovery({ ...options, httpPort: 0 });
  const stop = (): void => void discovery.stop();
  const ask = (): void => discovery.ask(publicKey);
  const timers = [setTimeout(stop, timeoutMs), setInterval(ask, AGAIN_MS)];
  signal?.addEventListener('abort', stop, { once: true });
  try {
    // Not shown: it is looked for here, and not offered.
    discovery.put({ publicKey, isShown: false });
    await discovery.open();
    ask();
    let first: string | undefined;
    for await (const event of discovery) {
      if (event.kind !== 'newer') continue;
      if (event.isSigned && moreMs === 0) return [event.url];
      timers.push(setTimeout(stop, event.isSigned ? moreMs : HINT_MS));
      first ??= event.url;
    }
    if (moreMs === 0 || first === undefined) return first === undefined ? [] : [first];
    return discovery.peersOf(publicKey);
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    await discovery.stop();
  }
}
