/**
 * `drayer mirror`: brings a copy of a stream to the newest complete generation a source has (R13), in
 * one run. A mirror is a stream file without the private key.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { keyPathOf } from '../store/key-file.ts';
import { openMirrorStore } from '../store/mirror-store.ts';
import type { ValueMode } from '../store/value-mode.ts';
import { defaultDataDir, makeDataDir, mirrorPathOf } from './data-dir.ts';
import { HttpClient, type HttpLimits } from './http-client.ts';
import type { PeerFinder } from './peer-finder.ts';
import { type PeerUrl, parsePeerUrls } from './peer-url.ts';
import { askStreams, type RemoteStream } from './remote-streams.ts';
import type { MirrorProgress, Quota } from './session.ts';
import { type MirrorReport, syncStore } from './sync-store.ts';

export type { MirrorReport, SourceFailure } from './sync-store.ts';

/** What {@link mirrorStream} is told. */
export type MirrorOptions = {
  /** Address of a server, of a site on it, or of a stream's sync endpoints. */
  readonly url?: string | undefined;
  /** More of them: all are asked, and where one fails or lies the next goes on. */
  readonly urls?: readonly string[] | undefined;
  /** The stream, where the URL does not say it. */
  readonly publicKey?: Uint8Array | undefined;
  /** The mirror's file; by default one named after the stream in `dataDir`. */
  readonly path?: string | undefined;
  /** Default `$XDG_DATA_HOME/drayer`. */
  readonly dataDir?: string | undefined;
  /** Which values to hold (R18). Default: what was chosen last, for a new mirror all of them. */
  readonly values?: ValueMode | undefined;
  /** The most to take; without it there is no limit. */
  readonly quota?: Quota | undefined;
  readonly limits?: HttpLimits | undefined;
  /** Hand in more sources, in every run. */
  readonly finders?: readonly PeerFinder[] | undefined;
  /**
   * Ask also the servers the stream itself names (R26) and the sources that were good in earlier runs.
   * Default: only where no address is given.
   */
  readonly others?: boolean | undefined;
  /** Leave also a given address alone for a while after it failed. Default: it is asked every time. */
  readonly restsGiven?: boolean | undefined;
  /**
   * The process ends with this run: the event loop may be held up for some tenths of a second, and of a first
   * generation that a snapshot proves the signatures may be left to whoever first serves it.
   */
  readonly oneShot?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called while pages and values arrive. */
  readonly onProgress?: ((progress: MirrorProgress) => void) | undefined;
};

/**
 * Mirrors a stream. Where there are several sources all are asked, the newest state is followed, and
 * where one fails or lies the next goes on in the same run. What is visible changes in one step, to a
 * complete generation, or not at all; what was fetched until a failure is gone on with by the next run.
 *
 * @throws {DrayerError} UNREACHABLE, NOT_FOUND, PEER_MISBEHAVED, PEER_INCOMPLETE about the source
 * @throws {DrayerError} TWO_HISTORIES when the key has signed two (R16); the proof is kept
 * @throws {DrayerError} INPUT_NEEDED when the server has several streams and none is named
 * @throws {DrayerError} KEY_MISMATCH when the file at `path` is another stream
 * @throws {DrayerError} STREAM_BUSY when another process mirrors into the same file
 * @example
 * const report = await mirrorStream({ url: 'http://192.168.1.20:33125/<stream id>' });
 * console.log(report.path, report.generation.count);
 */
export async function mirrorStream(options: MirrorOptions): Promise<MirrorReport> {
  const { url, urls = [] } = options;
  const peers = [...(url === undefined ? [] : [url]), ...urls].flatMap(parsePeerUrls);
  const publicKey = options.publicKey ?? namedBy(peers) ?? (await onlyStream(peers, options));
  for (const peer of peers) checkSameKey(peer, publicKey);
  const path = options.path ?? mirrorPathOf(publicKey, options.dataDir ?? defaultDataDir());
  refuseOwnStream(path);
  makeDataDir(dirname(path));
  const store = openMirrorStore(path, publicKey, { mode: options.values });
  try {
    return await syncStore(store, { ...options, peers, remembers: true });
  } finally {
    store.close();
  }
}

function namedBy(peers: readonly PeerUrl[]): Uint8Array | undefined {
  return peers.find(({ publicKey }) => publicKey !== undefined)?.publicKey;
}

/** The stream that the first server to answer means, when nobody says which. */
async function onlyStream(
  peers: readonly PeerUrl[],
  { limits, signal }: MirrorOptions,
): Promise<Uint8Array> {
  const http = new HttpClient({ limits, signal });
  let fault: unknown = new DrayerError('USAGE', 'expected a source, got none', {
    hint: 'give the URL of a server that has the stream',
  });
  try {
    for (const peer of peers) {
      const offered = await askStreams(http, peer).catch((error: unknown) => {
        if (signal?.aborted) throw error;
        fault = error;
      });
      if (offered !== undefined) return chooseOnly(peer, offered);
    }
    throw fault;
  } finally {
    http.close();
  }
}

function chooseOnly(peer: PeerUrl, offered: readonly RemoteStream[]): Uint8Array {
  const [only] = offered;
  if (only !== undefined && offered.length === 1) return parseStreamId(only.id);
  throw new DrayerError('INPUT_NEEDED', `${peer.text}: offers ${offered.length} streams`, {
    hint: `name the one to mirror: ${offered.map(({ id }) => id).join(', ') || 'its stream id'}`,
  });
}

function checkSameKey(peer: PeerUrl, publicKey: Uint8Array): void {
  if (peer.publicKey === undefined || bytesEqual(peer.publicKey, publicKey)) return;
  const named = formatStreamId(peer.publicKey);
  const message = `${peer.text}: names stream ${named}, asked for ${formatStreamId(publicKey)}`;
  throw new DrayerError('USAGE', message, { hint: 'give the stream id once' });
}

function refuseOwnStream(path: string): void {
  if (!existsSync(keyPathOf(path))) return;
  throw new DrayerError('KEY_MISMATCH', `${path}: is your own stream, its key is beside it`, {
    hint: 'to bring it back to a newer state: drayer recover --from URL; to mirror, give another path',
  });
}
