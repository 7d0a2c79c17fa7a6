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

/**
 * Asks everybody on the local networks for a stream, and so shows that this machine wants it.
 *
 * @returns where it is, `http://ADDRESS:PORT`; undefined where nobody has it
 */
export async function findOnLan(
  publicKey: Uint8Array,
  { timeoutMs = TIMEOUT_MS, signal, ...options }: FindOnLanOptions = {},
): Promise<string | undefined> {
  if (signal?.aborted) return undefined;
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
    let hint: string | undefined;
    for await (const event of discovery) {
      if (event.kind !== 'newer') continue;
      if (event.isSigned) return event.url;
      hint ??= event.url;
      timers.push(setTimeout(stop, HINT_MS));
    }
    return hint;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    await discovery.stop();
  }
}
