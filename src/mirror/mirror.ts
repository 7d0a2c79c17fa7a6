/**
 * `drayer mirror`: brings a copy of a stream to the newest complete generation a source has (R13), in
 * one run. A mirror is a stream file without the private key.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { provesTwoHistories } from '../core/chain.ts';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual, type SignedRecord } from '../core/record.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { keyPathOf } from '../store/key-file.ts';
import { type MirrorStore, openMirrorStore } from '../store/mirror-store.ts';
import type { Generation } from '../store/reader.ts';
import { Background } from './background.ts';
import { connectSource } from './connect-source.ts';
import { defaultDataDir, makeDataDir, mirrorPathOf } from './data-dir.ts';
import { followSource } from './follow-source.ts';
import { areForked, snapshotIn, twoHistories } from './fork.ts';
import { HttpClient, type HttpLimits } from './http-client.ts';
import { blame } from './peer-errors.ts';
import { type PeerUrl, parsePeerUrl } from './peer-url.ts';
import { askStreams } from './remote-streams.ts';
import type { MirrorProgress, Quota, Session, SessionState } from './session.ts';
import { Verifier } from './verifier.ts';

/** What {@link mirrorStream} is told. */
export type MirrorOptions = {
  /** Address of a server, of a site on it, or of a stream's sync endpoints. */
  readonly url: string;
  /** The stream, where the URL does not say it. */
  readonly publicKey?: Uint8Array | undefined;
  /** The mirror's file; by default one named after the stream in `dataDir`. */
  readonly path?: string | undefined;
  /** Default `$XDG_DATA_HOME/drayer`. */
  readonly dataDir?: string | undefined;
  /** The most to take; without it there is no limit. */
  readonly quota?: Quota | undefined;
  readonly limits?: HttpLimits | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called while pages and values arrive. */
  readonly onProgress?: ((progress: MirrorProgress) => void) | undefined;
};

/** What a run came to. */
export type MirrorReport = {
  /** The mirror's file. */
  readonly path: string;
  /** The stream id, base64. */
  readonly id: string;
  /** The generation that is visible now. */
  readonly generation: Generation;
  /** Whether this run made it visible. */
  readonly changed: boolean;
  /** Whether a snapshot proves it whole (R22); false for streams of programs that make none. */
  readonly snapshotProved: boolean;
  /**
   * `current`: it is what the source has. `behind`: the source has an older one. `uncovered`: the
   * source has records after its newest snapshot, which are not shown (R22).
   */
  readonly source: 'current' | 'behind' | 'uncovered';
  readonly fetchedRecords: number;
  readonly fetchedValues: number;
  /** Bytes received. */
  readonly bytes: number;
};

/**
 * Mirrors a stream from one source. What is visible changes in one step, to a complete generation, or
 * not at all; what was fetched until a failure is gone on with by the next run.
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
  const peer = parsePeerUrl(options.url);
  const http = new HttpClient({ limits: options.limits, signal: options.signal });
  try {
    const publicKey = options.publicKey ?? peer.publicKey ?? (await onlyStream(http, peer));
    checkSameKey(peer, publicKey);
    const path = options.path ?? mirrorPathOf(publicKey, options.dataDir ?? defaultDataDir());
    refuseOwnStream(path);
    makeDataDir(dirname(path));
    const store = openMirrorStore(path, publicKey);
    try {
      return await syncStore(store, { http, peer, ...options });
    } finally {
      store.close();
    }
  } finally {
    http.close();
  }
}

/** What {@link syncStore} works with besides the store. */
export type SyncOptions = Pick<MirrorOptions, 'quota' | 'onProgress'> & {
  readonly http: HttpClient;
  readonly peer: PeerUrl;
};

/** Brings an open store up to date with one peer. */
export async function syncStore(store: MirrorStore, options: SyncOptions): Promise<MirrorReport> {
  const { source, tip } = await connectSource(options.http, options.peer, store.publicKey);
  const background = new Background();
  const verifier = new Verifier(store.publicKey, background);
  const state: SessionState = {
    goal: 0,
    peerTip: undefined,
    records: 0,
    values: 0,
    valuesLeft: 0,
    bytes: 0,
  };
  const { quota = {}, onProgress } = options;
  const session: Session = {
    store,
    source,
    sources: [source],
    excluded: new Map(),
    verifier,
    background,
    quota,
    onProgress,
    state,
  };
  try {
    const standing = compareTips(session, tip);
    if (standing !== 'ahead') return report(session, standing, false);
    const followed = await followSource(session);
    const isChanged = followed.kind === 'complete';
    return report(session, isChanged ? 'current' : 'uncovered', isChanged);
  } finally {
    await background.close();
  }
}

/** Where the source stands, by the record at its tip (R13), which is checked here. */
function compareTips(
  session: Session,
  tip: SignedRecord | undefined,
): 'current' | 'behind' | 'ahead' {
  const { store, state } = session;
  const visible = store.visible?.view;
  const known = Math.max(visible?.modifiedTip() ?? 0, store.trust?.tip ?? 0);
  state.goal = Math.max(known, tip?.modified ?? 0);
  if (tip !== undefined) checkTip(session, tip);
  if ((tip?.modified ?? 0) < known) return 'behind';
  return visible?.modifiedTip() === state.goal ? 'current' : 'ahead';
}

function checkTip({ store, source, verifier }: Session, tip: SignedRecord): void {
  try {
    verifier.one(tip);
  } catch (error) {
    throw blame(source.url, error);
  }
  const held = store.visible?.view.byModified(tip.modified);
  if (held !== undefined && provesTwoHistories(held, tip)) throw twoHistories(store, held, tip);
  const own = store.visible?.generation();
  const shown = snapshotIn(tip);
  if (own?.snapshot === undefined || own.snapshotRecord === undefined || !shown) return;
  // Also the order tells: whoever signs on from one history has the later time and the higher number.
  const byTime = tip.modified - own.snapshotRecord.modified;
  const isTurnedRound = byTime * (shown.seq - own.snapshot.seq) < 0;
  if (isTurnedRound || areForked(own.snapshot, shown))
    throw twoHistories(store, own.snapshotRecord, tip);
}

function report(session: Session, source: MirrorReport['source'], changed: boolean): MirrorReport {
  const { store, state } = session;
  if (store.visible === undefined) {
    const message = `${session.source.url}: has an older state than this mirror has seen complete`;
    throw new DrayerError('PEER_INCOMPLETE', message, {
      hint: 'ask another peer; or remove the .trust file beside the mirror to accept the older state',
    });
  }
  const generation = store.visible.generation();
  return {
    path: store.path,
    id: store.visible.id,
    generation,
    changed,
    snapshotProved: generation.covered,
    source,
    fetchedRecords: state.records,
    fetchedValues: state.values,
    bytes: state.bytes,
  };
}

/** The stream a server means when nobody says which. */
async function onlyStream(http: HttpClient, peer: PeerUrl): Promise<Uint8Array> {
  const offered = await askStreams(http, peer);
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
