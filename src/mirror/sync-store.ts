/** Bringing an open mirror up to date: who is asked, the round itself, and what is remembered of it. */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { MirrorStore } from '../store/mirror-store.ts';
import type { Generation } from '../store/reader.ts';
import { type SignatureState, signatureStateOf } from '../store/unchecked.ts';
import type { ValueMode } from '../store/value-mode.ts';
import type { RoundOptions } from './attempt.ts';
import { gatherCandidates } from './gather.ts';
import type { HttpLimits } from './http-client.ts';
import type { PeerFinder } from './peer-finder.ts';
import type { PeerUrl } from './peer-url.ts';
import { isOverQuota } from './quota.ts';
import { runRound } from './round.ts';
import type { RoundOutcome } from './round-outcome.ts';
import { type FallenSource, fallenSources, noteRound } from './score.ts';
import { readMemory, type SourceMemory, writeMemory } from './source-memory.ts';

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
   * Of its records, each by itself. `unchecked`: the snapshot proves the contents, and the signatures are
   * checked by whoever first serves the mirror or looks again. `wrong`: one is not right, and no source gave
   * better. Until it is `checked` no peer is given any of it.
   */
  readonly signatures: SignatureState;
  /**
   * `current`: it is the newest that any source shows. `behind`: all have an older one. `uncovered`:
   * there are records after the newest snapshot, which are not shown (R22). `withheld`: a source shows a
   * newer record, signed, and none gives the generation it belongs to.
   */
  readonly source: RoundOutcome['standing'];
  /** The sources that were of no use, and why. */
  readonly failures: readonly SourceFailure[];
  /** The sources that show less than they have shown before: rolled back, or restored from a backup. */
  readonly fallen: readonly FallenSource[];
  /** Sources that are known and were not asked this time, because there are too many; they have their turn. */
  readonly leftOut: number;
  /** Why what was learnt of the sources could not be kept, as where the disk is full. It costs time only. */
  readonly unremembered: string | undefined;
  /** Which values are wanted (R18). */
  readonly values: ValueMode;
  /** Values that are wanted and could not be had: no source asked holds them. */
  readonly wantedValues: number;
  /** Values that were erased because they are not wanted any more. */
  readonly droppedValues: number;
  readonly fetchedRecords: number;
  readonly fetchedValues: number;
  /** Bytes received. */
  readonly bytes: number;
};

/** A source that could not be worked with. */
export type SourceFailure = { readonly url: string; readonly error: DrayerError };

/** What {@link syncStore} works with besides the store. */
export type SyncOptions = Omit<RoundOptions, 'candidates'> & {
  readonly peers: readonly PeerUrl[];
  readonly finders?: readonly PeerFinder[] | undefined;
  /** As in `MirrorOptions`. */
  readonly others?: boolean | undefined;
  /** Whether a source given by hand is left alone for a while after it failed. Default: it is not. */
  readonly restsGiven?: boolean | undefined;
  /** Whether what comes of it is remembered beside the stream file. Default: it is not. */
  readonly remembers?: boolean | undefined;
};

/** While there are others to ask. */
const IMPATIENT: HttpLimits = { connectMs: 2_000, firstByteMs: 3_000, idleMs: 2_500 };

/**
 * Brings an open store up to date with some peers.
 *
 * @throws {DrayerError} what the sources failed with, where none was of use
 */
export async function syncStore(store: MirrorStore, options: SyncOptions): Promise<MirrorReport> {
  const { peers, finders = [], remembers = false, limits, signal } = options;
  const before = remembers ? readMemory(store.path) : NOTHING;
  const nowMs = Date.now();
  const { candidates, turn, leftOut } = await gatherCandidates(store.visible, store.publicKey, {
    given: peers,
    finders,
    withOthers: options.others ?? peers.length === 0,
    restsGiven: options.restsGiven ?? false,
    memory: before,
    nowMs,
    random: Math.random,
    signal,
  });
  const round = { ...options, candidates };
  const isOne = candidates.length === 1 || limits !== undefined;
  let outcome = await runIn(store, isOne ? round : { ...round, limits: IMPATIENT });
  // None is quick: then any will do.
  const isSlow = !isOne && isDrayerError(outcome.error, 'UNREACHABLE');
  if (isSlow) outcome = await runIn(store, round);
  const noted = noteRound(before, outcome, { nowMs, random: Math.random });
  const after = turn === undefined ? noted : { ...noted, turn, leftOut };
  const unremembered = remembers ? keepMemory(store.path, before, after) : undefined;
  // What goes beyond the quota is not kept in the hope of more (R19); a later state may be smaller.
  const isOver = outcome.failures.some(({ error }) => isOverQuota(error));
  if (isOver && !outcome.changed && store.isStaging) {
    store.discard();
    store.parts.keepOnly(() => false);
  }
  const fallen = fallenSources(outcome, before, after);
  return reportOf(store, outcome, { fallen, unremembered, leftOut });
}

async function runIn(store: MirrorStore, round: RoundOptions): Promise<RoundOutcome> {
  try {
    return await runRound(store, round);
  } catch (error) {
    // For want of room, most often: what came only in part gives way to what is whole.
    if (isDrayerError(error, 'STORAGE_FAILED')) store.parts.giveUp();
    throw error;
  }
}

/** Returns why it cannot be kept: that is no reason for a run to come to nothing. */
function keepMemory(path: string, before: SourceMemory, after: SourceMemory): string | undefined {
  try {
    writeMemory(path, before, after);
    return undefined;
  } catch (error) {
    if (isDrayerError(error, 'STORAGE_FAILED')) return error.message;
    throw error;
  }
}

const NOTHING: SourceMemory = { sources: [], changedAt: 0 };

function reportOf(
  store: MirrorStore,
  { changed, standing, state, error, ...outcome }: RoundOutcome,
  learnt: Pick<MirrorReport, 'fallen' | 'unremembered' | 'leftOut'>,
): MirrorReport {
  if (error !== undefined) throw error;
  if (store.visible === undefined) {
    const [one] = outcome.contacts;
    const who = outcome.contacts.length === 1 ? one?.source.url : 'every source';
    const message = `${who}: has an older state than this mirror has seen complete`;
    throw new DrayerError('PEER_INCOMPLETE', message, {
      hint: 'ask another peer; or remove the .trust file beside the mirror to accept the older state',
    });
  }
  const generation = store.visible.generation();
  const failures = outcome.failures.map(({ candidate, error: why }) => ({
    url: candidate.peer.text,
    error: why,
  }));
  return {
    path: store.path,
    id: store.visible.id,
    generation,
    changed,
    snapshotProved: generation.covered,
    signatures: signatureStateOf(store.visible),
    source: standing,
    failures,
    ...learnt,
    values: store.values.mode,
    wantedValues: outcome.settled.wanted,
    droppedValues: outcome.settled.dropped,
    fetchedRecords: state.records,
    fetchedValues: state.values,
    bytes: state.bytes,
  };
}
