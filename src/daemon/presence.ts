/** What the local networks hear of a daemon: which streams are there, and under which names. */
import { formatStreamId } from '../core/stream-id.ts';
import { withoutDenied } from '../server/denied-streams.ts';
import type { Listener } from '../server/listen.ts';
import type { OpenStreamSet } from '../server/stream-set.ts';
import { denyListOf, watchKeyList } from '../store/key-list.ts';
import type { DaemonOptions } from './daemon.ts';
import { type Lan, openLan } from './lan.ts';
import { type LocalNames, openNames } from './names.ts';

/** Names on the local network, and who is told that they have changed. */
type Spoken = { readonly names: Map<string, Uint8Array>; readonly onNames: () => void };

/** Between two looks at what is here, ms; a new generation is told at once. */
const LOOK_MS = 1_000;
/** The networks are looked at every so many looks. */
const NETWORKS_EVERY = 2;

/** Lets the local networks know, and listens to them. */
export async function openPresence(
  set: OpenStreamSet,
  listener: Listener,
  options: DaemonOptions & Spoken,
): Promise<Lan> {
  const parts = await openParts(set, listener, options);
  const [lan] = parts;
  let turn = 0;
  // One timer for all: to wake up costs more than to look.
  const timer = setInterval(() => {
    turn += 1;
    for (const part of parts) {
      part.look();
      if (turn % NETWORKS_EVERY === 0) part.lookAtNetworks();
    }
  }, LOOK_MS);
  timer.unref();
  return {
    finder: lan.finder,
    nearby: () => lan.nearby(),
    look: () => lan.look(),
    lookAtNetworks: () => lan.lookAtNetworks(),
    close: async () => {
      clearInterval(timer);
      await Promise.all(parts.map((part) => part.close()));
    },
  };
}

/** Streams, and names where there are any. */
async function openParts(
  set: OpenStreamSet,
  { port: httpPort }: Listener,
  options: DaemonOptions & Spoken,
): Promise<readonly [Lan, ...LocalNames[]]> {
  const { hidden, operator, onAnnounced, onNearby, onNetworks, onError } = options;
  // What is not served is not spoken of, and what is not listed is told to who knows its key.
  const isDenied = operator && watchKeyList(denyListOf(operator.dataDir), []);
  const shown = isDenied === undefined ? set : withoutDenied(set, isDenied);
  const lan = await openLan(shown, {
    httpPort,
    announces: options.listStreams,
    hidden,
    onNews: onAnnounced,
    onNearby,
    onNetworks,
    onProblem: onError,
  });
  // A certificate is for other names; and what is not listed is not told.
  if (options.listStreams === false || operator?.certificate !== undefined) return [lan];
  try {
    const spoken = await openNames(shown, {
      httpPort,
      hosts: options.names,
      chosen: operator?.names,
      dataDir: operator?.dataDir,
      onAddress: (publicKey, address) => {
        options.onNames();
        if (address !== undefined) options.onName?.(formatStreamId(publicKey), address);
      },
      onProblem: onError,
    });
    return [lan, spoken];
  } catch (error) {
    // Names are a convenience: all else goes on.
    onError?.(error);
    return [lan];
  }
}
