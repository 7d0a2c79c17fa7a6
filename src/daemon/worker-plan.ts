/** What the first process tells the others that serve beside it, and what they tell it. */
import { DrayerError } from '../core/errors.ts';
import type { StreamSource } from '../server/stream-set.ts';
import type { DaemonOptions } from './daemon.ts';
import type { KnownPlaces } from './elsewhere.ts';
import type { OperatorOptions } from './operator.ts';

/** How to serve: of the daemon's options those that are values. */
export type WorkerPlan = Pick<
  DaemonOptions,
  | 'host'
  | 'port'
  | 'lan'
  | 'site'
  | 'mount'
  | 'allowHosts'
  | 'cors'
  | 'listStreams'
  | 'live'
  | 'pollMs'
  | 'hotBytes'
> & {
  readonly streams: readonly StreamSource[];
  readonly operator: Omit<OperatorOptions, 'onAccess'> | undefined;
  /** Whether news of streams is wanted. */
  readonly takesNews: boolean;
};

/** Host names on the local network to public key. */
export type LocalHosts = ReadonlyMap<string, Uint8Array>;

/** To a process that serves. */
export type Order =
  /** Comes with a listening socket. */
  | { readonly do: 'listen' }
  | { readonly do: 'start'; readonly plan: WorkerPlan }
  /** These files and no others. */
  | { readonly do: 'serve'; readonly streams: readonly StreamSource[]; readonly names: LocalHosts }
  /** Who else has streams, for who asks for one that is not here. */
  | { readonly do: 'places'; readonly places: KnownPlaces }
  | { readonly do: 'close' };

/** From a process that serves. */
export type Report =
  | { readonly told: 'ready' }
  | { readonly told: 'news'; readonly publicKey: Uint8Array }
  | { readonly told: 'access'; readonly line: string }
  | { readonly told: 'refused'; readonly reason: string }
  | { readonly told: 'error'; readonly message: string; readonly path?: string | undefined };

/** Most processes; more than any machine has use for. */
const MOST_WORKERS = 64;

/** @throws {DrayerError} USAGE when there cannot be so many, or something is asked for that takes one */
export function checkWorkers({ workers = 1, push, operator }: DaemonOptions): void {
  if (!Number.isInteger(workers) || workers < 1 || workers > MOST_WORKERS) {
    throw new DrayerError('USAGE', `workers: expected 1 to ${MOST_WORKERS}, got ${workers}`);
  }
  if (workers === 1) return;
  if (push !== undefined) {
    const hint = 'leave --workers out, or let a second drayer take the pushes';
    throw new DrayerError('USAGE', 'pushes are taken by one process, not by several', { hint });
  }
  if (operator?.metricsPort !== undefined) {
    const hint = 'leave --workers or --metrics-port out, or count with --access-log';
    throw new DrayerError('USAGE', 'metrics are counted by one process, not by several', { hint });
  }
}

/** Takes out of the daemon's options what can be told to another process. */
export function planOf(options: DaemonOptions): Omit<WorkerPlan, 'streams'> {
  const { host, port, lan, site, mount, allowHosts, cors, listStreams, live, pollMs } = options;
  const { onAccess: _, ...operator } = options.operator ?? {};
  return {
    ...{ host, port, lan, site, mount, allowHosts, cors, listStreams, live, pollMs },
    hotBytes: options.hotBytes,
    // A port of its own is served by the first process.
    operator: options.operator && {
      ...operator,
      dataDir: options.operator.dataDir,
      sitePorts: undefined,
    },
    takesNews: options.onAnnounced !== undefined,
  };
}
