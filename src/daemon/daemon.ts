/**
 * The long-running process: a stream set, the app over it and the sockets, opened in this order and
 * closed in reverse. Generations that other processes commit to the same files (publish, mirror) are
 * noticed by the stream set, so nothing has to be restarted after them.
 */
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import type { NearbyStream } from '../discovery/discovery.ts';
import type { Listener } from '../server/listen.ts';
import type { PushOptions } from '../server/push.ts';
import {
  type GenerationEvent,
  type HostedStream,
  type HostedStreamFile,
  type OpenStreamSet,
  openStreamSet,
  type StreamSource,
} from '../server/stream-set.ts';
import type { Places } from './elsewhere.ts';
import type { KeptMirror } from './kept-mirrors.ts';
import type { HiddenStream, Lan, LanEvents } from './lan.ts';
import { openServer } from './open-server.ts';
import type { OperatorOptions } from './operator.ts';
import type { ServeWorkers } from './serve-workers.ts';
import { served, withNames } from './served-addresses.ts';
import { watchForMirrors } from './watch-for-mirrors.ts';
import { checkWorkers, type LocalHosts } from './worker-plan.ts';

/** Options of {@link startDaemon}. */
export type DaemonOptions = Pick<LanEvents, 'onNearby' | 'onNetworks'> & {
  /** The stream files to serve. */
  readonly streams: readonly StreamSource[];
  /** 0 for any free port. */
  readonly port: number;
  /** Address to listen on. Default: loopback, both families. */
  readonly host?: string | undefined;
  /** Listen on every interface, and tell the local networks what is served. Default: false. */
  readonly lan?: boolean | undefined;
  /** Public key of the stream to serve at `/`. */
  readonly site?: Uint8Array | undefined;
  /** Path the server stands under behind a proxy. */
  readonly mount?: string | undefined;
  /** Host names to answer to, besides this machine's own. */
  readonly allowHosts?: readonly string[] | undefined;
  /** Cross-origin reading of sync endpoints on loopback. Default: false. */
  readonly cors?: boolean | undefined;
  /** Whether `/streams.json` lists what is here. Default: true. */
  readonly listStreams?: boolean | undefined;
  /** Whether open pages reload themselves at a new generation. Default: false. */
  readonly live?: boolean | undefined;
  /** Mirrors that come into this folder while the daemon runs are served too. Default: none are. */
  readonly dataDir?: string | undefined;
  /** With `lan`: mirrors that are held, but not served. Default: there are none. */
  readonly hidden?: (() => readonly HiddenStream[]) | undefined;
  /** Mirrors that are kept: who asks for one of which nothing has come yet is led to its source. Default: none. */
  readonly kept?: (() => readonly KeptMirror[]) | undefined;
  /**
   * Told that a stream has a newer record elsewhere: over HTTP, signed and at most every 10 s; with `lan`
   * also by peers that {@link Daemon.lan} knows then. Default: nobody is.
   */
  readonly onAnnounced?: ((publicKey: Uint8Array) => void) | undefined;
  /** Takes pushes. Default: nobody may push. */
  readonly push?: Omit<PushOptions, 'onFile'> | undefined;
  /** What its operator asks for besides serving. Default: nothing. */
  readonly operator?: OperatorOptions | undefined;
  /**
   * Processes that serve, this one among them. Default: 1. With more nobody can push, and no metrics are
   * counted: both are of one process.
   */
  readonly workers?: number | undefined;
  /** Most bytes of answers kept in memory, by each process. Default 64 MiB. */
  readonly hotBytes?: number | undefined;
  /** Stream files of `dataDir` that are not to be served. */
  readonly except?: readonly string[] | undefined;
  /** Asked of each stream file that comes into `dataDir`. Default: all are served. */
  readonly mayServe?: ((path: string) => boolean) | undefined;
  /** Time between two looks at files and folder. */
  readonly pollMs?: number | undefined;
  /** Closes the daemon when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Told about every new generation. */
  readonly onGeneration?: ((event: GenerationEvent) => void) | undefined;
  /** Told about a stream that is served from now on. */
  readonly onStream?: ((stream: HostedStream) => void) | undefined;
  /** With `lan`: told that a site can be opened there by name, `http://blog.local:33125/`. */
  readonly onName?: ((id: string, address: string) => void) | undefined;
  /** Told what goes wrong with a stream file, or with a request, while all others go on. */
  readonly onError?: ((error: unknown, path?: string | undefined) => void) | undefined;
  /** Told once for each reason why requests are refused. */
  readonly onRefused?: ((reason: string) => void) | undefined;
};

/** A running daemon. */
export type Daemon = {
  /** What a person can click, the plainest first. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Where the operator's `/metrics` and `/health` are; undefined where nobody asked for them. */
  readonly metricsPort?: number | undefined;
  /** What is served when it starts; {@link Daemon.served} tells what is served now. */
  readonly streams: readonly ServedStream[];
  /** The streams that are served now, with the files; the same array until there are others. */
  hosted(): readonly HostedStreamFile[];
  /** What is served now, with the files and the addresses: dear where there are hundreds. */
  served(): readonly (ServedStream & { readonly path: string })[];
  /**
   * Serves one more stream file; nothing if it is served.
   *
   * @throws {DrayerError} STREAM_NOT_FOUND, STREAM_INVALID for a file that cannot be served
   */
  add(source: StreamSource): void;
  /** Serves a stream file no longer. The file stays. */
  remove(path: string): void;
  /** Process ids of those that serve beside this one at the moment. */
  workers(): readonly number[];
  /** Looks at a stream file now: somebody has just written to it. */
  look(path: string): void;
  /** Who else is on the local networks; undefined without `lan`. */
  readonly lan: Pick<Lan, 'finder' | 'nearby'> | undefined;
  /** Resolves when the daemon has been closed, by the signal or by {@link Daemon.close}. */
  readonly closed: Promise<void>;
  /** Closes sockets, app and files. Idempotent. */
  close(): Promise<void>;
};

/** A stream that a daemon serves. */
export type ServedStream = {
  /** Base64. */
  readonly id: string;
  readonly name: string | undefined;
  /** Addresses of {@link Daemon.addresses} that belong to this stream alone. */
  readonly addresses: readonly string[];
};

/**
 * Serves streams until it is closed.
 *
 * @throws {DrayerError} STREAM_NOT_FOUND, STREAM_INVALID for a file that cannot be served
 * @throws {DrayerError} ADDRESS_IN_USE when the port is taken
 * @throws {DrayerError} USAGE when `site` is none of the streams, or the host cannot be listened on
 *
 * @example
 * ```ts
 * const daemon = await startDaemon({ streams: [{ path: 'site.stream' }], port: 33125 });
 * console.log(daemon.addresses.join('\n'));
 * await daemon.close();
 * ```
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { lan, signal } = options;
  if (signal?.aborted) throw new DrayerError('ABORTED', 'stopped before it started');
  checkWorkers(options);
  const { onError, pollMs } = options;
  let workers: ServeWorkers | undefined;
  let presence: Lan | undefined;
  const names = new Map<string, Uint8Array>();
  const onSources = (): void => workers?.sync();
  const set = openStreamSet(options.streams, { onError, pollMs, onSources });
  const stopWatching = watchMirrors(set, options);
  const closeFiles = (): void => {
    stopWatching();
    set.close();
  };
  try {
    const hosted = set.list();
    checkSite(options.site, hosted);
    const nearby = (): readonly NearbyStream[] => presence?.nearby() ?? [];
    const opened = await openServer(set, { ...options, nearby, localNames: names });
    const listener = withNames(opened, names);
    if (options.onGeneration !== undefined) set.onGeneration(options.onGeneration);
    presence =
      lan === true
        ? await (await import('./presence.ts')).openPresence(set, listener, {
            ...options,
            names,
            onNames: onSources,
          })
        : undefined;
    const close = async (): Promise<void> => {
      await presence?.close();
      await Promise.all([listener.close(), workers?.close()]).finally(closeFiles);
    };
    workers = await beginWorkers(set, listener, { ...options, nearby, names });
    const closing = closeOnce(close, signal);
    return {
      addresses: listener.addresses,
      port: listener.port,
      metricsPort: listener.metricsPort,
      streams: hosted.map((stream) => served(stream, listener)),
      hosted: () => set.files(),
      served: () =>
        set.files().map(({ path, ...stream }) => ({ ...served(stream, listener), path })),
      add: (source) => addOne(set, source, options),
      remove: (path) => set.remove(path),
      look: (path) => set.look(path),
      workers: () => workers?.ready() ?? [],
      lan: presence,
      ...closing,
    };
  } catch (error) {
    await presence?.close();
    closeFiles();
    throw error;
  }
}

/** Loaded only where there are to be several. */
async function beginWorkers(
  set: OpenStreamSet,
  { sockets }: Listener,
  options: DaemonOptions & { readonly names: LocalHosts } & Pick<Places, 'nearby'>,
): Promise<ServeWorkers | undefined> {
  if ((options.workers ?? 1) === 1) return undefined;
  return (await import('./serve-workers.ts')).startWorkers(set, sockets, options);
}

/** Makes `close` idempotent and lets the signal call it. */
export function closeOnce(
  close: () => Promise<void>,
  signal: AbortSignal | undefined,
): Pick<Daemon, 'close' | 'closed'> {
  let closing: Promise<void> | undefined;
  let settle: (outcome: Promise<void>) => void = () => {};
  const closed = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const closeNow = (): Promise<void> => {
    closing ??= close();
    settle(closing);
    return closing;
  };
  // `closed` carries what goes wrong.
  const onAbort = (): void => void closeNow();
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return { close: closeNow, closed };
}

function addOne(set: OpenStreamSet, source: StreamSource, { onStream }: DaemonOptions): void {
  const before = set.list().length;
  set.add(source);
  const added = set.list()[before];
  if (added !== undefined) onStream?.(added);
}

/** Serves mirrors from the moment they are there; returns how to stop looking for them. */
function watchMirrors(set: OpenStreamSet, options: DaemonOptions): () => void {
  const { dataDir, onError } = options;
  if (dataDir === undefined) return () => {};
  const onMirror = (path: string): void => {
    try {
      if (options.mayServe?.(path) === false) return;
      addOne(set, { path }, options);
    } catch (error) {
      onError?.(error, path);
    }
  };
  const fail = (error: unknown): void => onError?.(error, dataDir);
  const known = [...options.streams.map(({ path }) => path), ...(options.except ?? [])];
  return watchForMirrors(dataDir, { known, onMirror, onError: fail, everyMs: options.pollMs });
}

function checkSite(
  site: Uint8Array | undefined,
  hosted: readonly { readonly publicKey: Uint8Array }[],
): void {
  if (site === undefined || hosted.some(({ publicKey }) => bytesEqual(publicKey, site))) return;
  throw new DrayerError(
    'USAGE',
    `the site ${formatStreamId(site)} is not among the streams served`,
  );
}
