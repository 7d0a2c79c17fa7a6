/** Serving with the mainline DHT: what becomes public, said before it does; then how it goes. */
import type { Settings } from '../config/settings.ts';
import type { Daemon } from '../daemon/daemon.ts';
import { withDht } from '../daemon/dht.ts';
import { duration } from './format.ts';
import type { ServingWay } from './serving.ts';

/** What `--dht` makes public, in a sentence. */
const PUBLIC =
  '--dht: everybody on the Internet can learn which streams are served here and at which address, and ' +
  'that this address looks for the streams it mirrors';

/** The same way to serve, with the DHT; says first what becomes public by it. */
export function dhtWay<Started extends Daemon>(
  { start, tell }: ServingWay<Started>,
  { dht, dataDir }: Pick<Settings, 'dht' | 'dataDir'>,
): ServingWay<Started> {
  if (dht === false) return { start, tell };
  tell.info({ event: 'dht-public' }, PUBLIC);
  return {
    tell,
    start: withDht(
      start,
      { ...dht, dataDir },
      {
        onState: (state) => {
          if (state.is === 'up') {
            const line = `looking in the DHT from UDP port ${state.port}`;
            tell.info({ event: 'dht-up', port: state.port }, line);
            return;
          }
          const { reason, againMs } = state;
          const again = againMs > 0 ? `; again in ${duration(againMs)}` : '';
          tell.warn({ event: 'dht-down', reason, againMs }, `the DHT is away: ${reason}${again}`);
        },
        onBehind: (id, signed, here) => {
          const line = `${id}: its key has signed generation ${signed}, here is ${here}`;
          tell.info({ event: 'dht-behind', id, signed, here }, line);
        },
        onDisagree: (id) => {
          const line = `${id}: the DHT disagrees: it shows an older generation, or another, than the key has signed`;
          tell.warn({ event: 'dht-disagree', id }, line);
        },
        onProblem: ({ code, message }) => {
          tell.warn({ event: 'dht-problem', code }, `nothing is signed for the DHT: ${message}`);
        },
      },
    ),
  };
}
