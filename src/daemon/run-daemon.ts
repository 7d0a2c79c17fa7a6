/**
 * The daemon of a data folder: serves, keeps its mirrors up to date, and takes orders from the commands.
 * One at a time for each folder; a second server over the same folder serves and does no more.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { makeDataDir } from '../mirror/data-dir.ts';
import type { PeerFinder } from '../mirror/peer-finder.ts';
import { denyListOf, unwantedListOf, watchKeyList } from '../store/key-list.ts';
import { type ProcessLock, takeProcessLock } from '../store/process-lock.ts';
import type { AutoEvents, AutoLimits, AutoMirror } from './auto-mirror.ts';
import { findDaemon } from './control-client.ts';
import { type Control, type OrderHandler, openControl } from './control-server.ts';
import { daemonLockPathOf } from './control-socket.ts';
import { CONTROL_VERSION, type Order, type Results, toWireError } from './control-wire.ts';
import { closeOnce, type Daemon, type DaemonOptions, startDaemon } from './daemon.ts';
import { type KeptMirror, listKept, readKept } from './kept-mirrors.ts';
import { changeKeys } from './key-lists.ts';
import { type KeeperEvents, type KeeperOptions, MirrorKeeper } from './mirror-keeper.ts';
import { heardStream } from './nearby.ts';
import { isReachable } from './reach.ts';

/** Options of {@link runDaemon}. */
export type RunOptions = Omit<DaemonOptions, 'dataDir'> &
  KeeperEvents & {
    readonly dataDir: string;
    /** Of the program, for whoever gives orders. */
    readonly version: string;
    /** Serves mirrors that come into the data folder by other ways too. Default: true. */
    readonly servesAll?: boolean | undefined;
    /** Told of each order that was done. */
    readonly onOrder?: ((order: Order, ms: number) => void) | undefined;
    /** Told why this process serves and no more: another one is the daemon of the folder. */
    readonly onSecond?: ((reason: string) => void) | undefined;
    /** Time between two looks at a source that sends no events, ms. */
    readonly sourcePollMs?: number | undefined;
    /** Know more sources than the mirrors themselves. */
    readonly finders?: KeeperOptions['finders'];
    /** Ids, base64, of streams of which the DHT shows something older, or something else. */
    readonly disputed?: (() => readonly string[]) | undefined;
    /** With `lan`: mirrors what is heard nearby, as far as there is room. Default: nothing is taken unasked. */
    readonly autoMirror?: AutoLimits | undefined;
    readonly onAuto?: AutoEvents | undefined;
    /** After so long a mirror that is over its quota is tried again, ms. */
    readonly overQuotaMs?: number | undefined;
  };

/** A daemon that runs. */
export type RunningDaemon = Daemon & {
  /** The mirrors it keeps; undefined where another process is the daemon of the folder. */
  readonly keeper: MirrorKeeper | undefined;
};

/**
 * Starts the daemon of a data folder, which is made if it is not there.
 *
 * @throws {DrayerError} what {@link startDaemon} throws
 */
export async function runDaemon(options: RunOptions): Promise<RunningDaemon> {
  const { dataDir, onError, signal } = options;
  if (signal?.aborted) throw new DrayerError('ABORTED', 'stopped before it started');
  const lock = await takeLock(options);
  try {
    const unclear: string[] = [];
    const kept = await listKept(dataDir, (error, path) => {
      unclear.push(path);
      onError?.(error, path);
    });
    return await start(options, { lock, kept, unclear });
  } catch (error) {
    lock?.close();
    throw error;
  }
}

type Found = {
  readonly lock: ProcessLock | undefined;
  readonly kept: readonly KeptMirror[];
  /** Stream files of which it cannot be read whether they may be shown. */
  readonly unclear: readonly string[];
};

async function start(options: RunOptions, { lock, kept, unclear }: Found): Promise<RunningDaemon> {
  const { dataDir, servesAll = true, signal, sourcePollMs: pollMs } = options;
  const shown = kept.filter(({ isHidden }) => !isHidden);
  const hidden = new Set([
    ...unclear,
    ...kept.filter(({ isHidden }) => isHidden).map(({ path }) => path),
  ]);
  const found: PeerFinder = {
    name: 'lan',
    find: (publicKey, how) => daemon.lan?.finder.find(publicKey, how) ?? [],
  };
  const finders = [...(options.lan === true ? [found] : []), ...(options.finders ?? [])];
  const keeper =
    lock &&
    new MirrorKeeper({
      ...options,
      pollMs,
      finders,
      onMirrored: (report) => {
        // It would be noticed by itself, a moment later.
        daemon.look(report.path);
        options.onMirrored?.(report);
      },
      httpPort: () => daemon.port,
      isReachable: isReachable(options),
    });
  let auto: AutoMirror | undefined;
  const daemon: Daemon = await startDaemon({
    ...options,
    onNearby: (stream) => {
      options.onNearby?.(stream);
      auto?.look();
    },
    streams: [
      ...options.streams.filter(({ path }) => !hidden.has(path)),
      ...shown.map(({ path }) => ({ path, optional: true })),
    ],
    except: [...(options.except ?? []), ...hidden],
    mayServe: (path) => readKept(path)?.isHidden !== true,
    dataDir: servesAll ? dataDir : undefined,
    hidden: () => keeper?.hidden() ?? [],
    kept: () => keeper?.list() ?? [],
    onAnnounced: (publicKey) => {
      keeper?.pull(publicKey);
      options.onAnnounced?.(publicKey);
    },
    signal: undefined,
  });
  let control: Control | undefined;
  const close = async (): Promise<void> => {
    // No more orders, then no more fetching and no more answers; what is committed is on disk anyway.
    await control?.close();
    await auto?.close();
    await Promise.all([keeper?.close(), daemon.close()]);
    lock?.close();
  };
  try {
    if (keeper !== undefined) control = await takeOrders(options, daemon, keeper);
    for (const mirror of kept) keeper?.add(mirror);
    auto = await beginAuto(options, daemon, keeper);
    return { ...daemon, keeper, ...closeOnce(close, signal) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Loaded only where it is wished for. */
async function beginAuto(
  { autoMirror: limits, onAuto: events, dataDir, onError }: RunOptions,
  daemon: Daemon,
  keeper: MirrorKeeper | undefined,
): Promise<AutoMirror | undefined> {
  if (limits === undefined || keeper === undefined) return undefined;
  const { AutoMirror: Auto } = await import('./auto-mirror.ts');
  const isDenied = watchKeyList(denyListOf(dataDir), []);
  const isUnwanted = watchKeyList(unwantedListOf(dataDir), []);
  return new Auto({
    ...{ dataDir, limits, events, keeper },
    nearby: () => daemon.lan?.nearby() ?? [],
    isDenied: (publicKey) => isDenied(publicKey) || isUnwanted(publicKey),
    onPath: (path) => daemon.add({ path }),
    onGone: (path) => daemon.remove(path),
    onError: (error) => onError?.(error, dataDir),
  });
}

async function takeLock({
  dataDir,
  onSecond,
  onError,
}: RunOptions): Promise<ProcessLock | undefined> {
  try {
    makeDataDir(dataDir);
    return takeProcessLock(daemonLockPathOf(dataDir), 'is the daemon of this folder');
  } catch (error) {
    if (!isDrayerError(error)) throw error;
    if (isDrayerError(error, 'STREAM_BUSY')) onSecond?.(await describeFirst(dataDir));
    else onError?.(error);
    return undefined;
  }
}

async function describeFirst(dataDir: string): Promise<string> {
  const link = await findDaemon(dataDir).catch((error: unknown) => {
    if (isDrayerError(error)) return undefined;
    throw error;
  });
  link?.close();
  const who = link === undefined ? 'another process' : `process ${link.pid} (port ${link.port})`;
  return `${who} is the daemon of ${dataDir}: this one serves, but follows no source and takes no orders`;
}

/** Opens the socket; without one the daemon does the rest of its work. */
async function takeOrders(
  options: RunOptions,
  daemon: Daemon,
  keeper: MirrorKeeper,
): Promise<Control | undefined> {
  const { dataDir, version, onOrder, onError } = options;
  const handle = handlerOf(daemon, keeper, options);
  const greeting = { drayer: CONTROL_VERSION, version, pid: process.pid, port: daemon.port };
  try {
    return await openControl({
      dataDir,
      greeting,
      handle: async (order, context) => {
        const started = performance.now();
        const result = await handle(order, context);
        onOrder?.(order, performance.now() - started);
        return result;
      },
      onError: (error) => onError?.(error),
    });
  } catch (error) {
    if (!isDrayerError(error)) throw error;
    onError?.(error);
    return undefined;
  }
}

function handlerOf(
  daemon: Daemon,
  keeper: MirrorKeeper,
  { dataDir, disputed }: RunOptions,
): OrderHandler {
  const addressesOf = (path: string): readonly string[] =>
    daemon.served().find((stream) => stream.path === path)?.addresses ?? [];
  return async (order, { signal, progress }): Promise<Results[Order['do']]> => {
    switch (order.do) {
      case 'list':
        return { streams: daemon.served(), kept: keeper.list(), disputed: disputed?.() };
      case 'nearby':
        return { streams: daemon.lan?.nearby().map(heardStream) };
      case 'mirror': {
        const { report, kept } = await keeper.mirror(order, { signal, onProgress: progress });
        if (kept.isHidden) daemon.remove(kept.path);
        else daemon.add({ path: kept.path });
        const { generation: _, ...rest } = report;
        const failures = report.failures.map(({ url, error }) => ({
          url,
          error: toWireError(error),
        }));
        return { ...rest, failures, addresses: addressesOf(kept.path) };
      }
      case 'unmirror': {
        const isAuto = keeper.list().some(({ id, isAuto: is }) => id === order.id && is === true);
        // It would be back the next time it is heard of.
        if (isAuto) changeKeys(dataDir, 'unwanted', { key: order.id, wish: 'add' });
        return await keeper.remove(order.id, (path) => daemon.remove(path));
      }
      case 'serve': {
        daemon.add({ path: order.path, name: order.name });
        const { id = '', addresses = [] } =
          daemon.served().find(({ path }) => path === order.path) ?? {};
        return { id, addresses };
      }
      case 'changed':
        daemon.look(order.path);
        return { addresses: addressesOf(order.path) };
    }
  };
}
