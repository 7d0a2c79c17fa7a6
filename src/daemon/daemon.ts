/**
 * The long-running process: a stream set, the app over it and the sockets, opened in this order and
 * closed in reverse. Generations that other processes commit to the same files (publish, mirror) are
 * noticed by the stream set, so nothing has to be restarted after them.
 */
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { createApp } from '../server/app.ts';
import { listen } from '../server/listen.ts';
import { type GenerationEvent, openStreamSet, type StreamSource } from '../server/stream-set.ts';

/** Options of {@link startDaemon}. */
export type DaemonOptions = {
  /** The stream files to serve. */
  readonly streams: readonly StreamSource[];
  /** 0 for any free port. */
  readonly port: number;
  /** Address to listen on. Default: loopback, both families. */
  readonly host?: string | undefined;
  /** Listen on every interface. Default: false. */
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
  /** Closes the daemon when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Told about every new generation. */
  readonly onGeneration?: ((event: GenerationEvent) => void) | undefined;
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
  /** What is served. */
  readonly streams: readonly ServedStream[];
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
  const { streams, port, host, lan, signal, onGeneration, onError } = options;
  if (signal?.aborted) throw new DrayerError('ABORTED', 'stopped before it started');
  const set = openStreamSet(streams, { onError });
  try {
    const hosted = set.list();
    checkSite(options.site, hosted);
    const app = createApp({ ...options, streams: set, onError: (error) => onError?.(error) });
    const listener = await listen(app, { host, port, lan });
    if (onGeneration !== undefined) set.onGeneration(onGeneration);

    let closing: Promise<void> | undefined;
    let settle: (outcome: Promise<void>) => void = () => {};
    const closed = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const close = (): Promise<void> => {
      closing ??= listener.close().finally(() => set.close());
      settle(closing);
      return closing;
    };
    signal?.addEventListener('abort', () => void close(), { once: true });
    if (signal?.aborted) await close();
    return {
      addresses: listener.addresses,
      port: listener.port,
      streams: hosted.map(({ id, publicKey, name }) => ({
        id,
        name,
        addresses: ownAddresses(publicKey, listener.addresses),
      })),
      closed,
      close,
    };
  } catch (error) {
    set.close();
    throw error;
  }
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

function ownAddresses(publicKey: Uint8Array, addresses: readonly string[]): string[] {
  const spellings = [formatStreamId(publicKey, 'base32'), formatStreamId(publicKey, 'base64url')];
  return addresses.filter((address) => spellings.some((text) => address.includes(text)));
}
