/** Serving as the daemon of a data folder, for the commands that do: with a log, mirrors and orders. */
import type { AutoLimits } from '../daemon/auto-mirror.ts';
import { type Daemon, startDaemon } from '../daemon/daemon.ts';
import type { KeeperEvents } from '../daemon/mirror-keeper.ts';
import { type RunningDaemon, runDaemon } from '../daemon/run-daemon.ts';
import { bytes, duration } from './format.ts';
import { type Log, type LogFlags, levelOf, openLog } from './log.ts';
import type { ServingWay } from './serving.ts';
import type { Session } from './session.ts';
import { readVersion } from './version.ts';

/** A way to serve, and its log. */
export type DaemonWay = ServingWay<RunningDaemon> & { readonly log: Log };

/** Options of {@link daemonWay}. */
export type DaemonWayOptions = LogFlags & {
  /** Whether mirrors that come into the folder by other ways are served too. */
  readonly servesAll: boolean;
  /** What is mirrored unasked of what is heard nearby. Default: nothing. */
  readonly autoMirror?: AutoLimits | undefined;
  /** What is printed besides the log; a generation that is printed is not logged. */
  readonly events?: Pick<KeeperEvents, 'onMirrored' | 'onProblem'> | undefined;
};

/** What happens after a problem. */
export const NEXT = 'the newest generation that came stays; it is tried again and again';

/** Prepares to serve as the daemon of `dataDir`. */
export async function daemonWay(
  { terminal }: Session,
  dataDir: string,
  { servesAll, autoMirror, events = {}, ...flags }: DaemonWayOptions,
): Promise<DaemonWay> {
  const log = await openLog(terminal, levelOf(flags));
  const onAuto = autoMirror && (await import('./auto-mirror.ts')).autoEvents(log);
  return {
    log,
    tell: log,
    start: (options) =>
      runDaemon({
        ...options,
        ...eventsOf(log, events),
        dataDir,
        servesAll,
        autoMirror,
        onAuto,
        version: readVersion(),
        onSecond: (reason) => log.warn({ event: 'second' }, reason),
        onOrder: (order, ms) => {
          log.debug({ event: 'order', ...order, ms }, `${order.do}: done in ${duration(ms)}`);
        },
      }),
  };
}

/** A way to serve these streams and no more: with a log. */
export async function logWay({ terminal }: Session, flags: LogFlags): Promise<ServingWay<Daemon>> {
  return { tell: await openLog(terminal, levelOf(flags)), start: startDaemon };
}

function eventsOf(log: Log, printed: KeeperEvents): KeeperEvents {
  return {
    onMirrored: (report) => {
      if (printed.onMirrored !== undefined) return printed.onMirrored(report);
      const { id, generation, bytes: fetched } = report;
      const { snapshot, tip } = generation;
      const seq = snapshot === undefined ? '' : `, generation ${snapshot.seq}`;
      const line = `${id}: ${bytes(fetched)} fetched${seq}`;
      log.info({ event: 'mirrored', id, seq: snapshot?.seq, tip, bytes: fetched }, line);
    },
    onProblem: (kept, problem) => {
      const { id, urls } = kept;
      const { code, message, hint } = problem;
      log.warn({ event: 'problem', id, urls, code, hint }, `${message}; ${NEXT}`);
      printed.onProblem?.(kept, problem);
    },
    onMended: ({ id, urls: [url] }) => {
      log.info({ event: 'mended', id, url }, `${url} is followed again`);
    },
    onKept: ({ id, urls: [url], isHidden }) => {
      const how = isHidden ? 'held, not served; following' : 'following';
      log.info({ event: 'kept', id, url, isHidden }, `${how} ${url}`);
    },
    onRemoved: ({ id }) => log.info({ event: 'removed', id }, `${id} is mirrored no longer`),
  };
}
