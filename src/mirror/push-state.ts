/**
 * What a server has of a stream, for who is to write to it: all metadata, in memory, without a stream
 * file. With a snapshot one signature proves all of it: the root covers every field but the links and
 * the signatures, and the links are exact or nothing is believed (R22).
 */
import { hash } from '#crypto';
import { comparePrecedence, nameOf } from '../core/chain.ts';
import { judgeGeneration } from '../core/completeness.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { emptyView, OverlayView } from '../core/overlay.ts';
import {
  bytesEqual,
  checkRecord,
  PROTOCOL_TYPE,
  type SignedRecord,
  SNAPSHOT_KEY,
} from '../core/record.ts';
import { verifyRecord } from '../core/signing.ts';
import { decodeSnapshot } from '../core/snapshot.ts';
import type { SnapshotTrie } from '../core/trie.ts';
import type { Generation } from '../store/reader.ts';
import { buildTrie } from '../store/trie-store.ts';
import { LIMITS } from '../wire/limits.ts';
import { Background } from './background.ts';
import { downloadValue } from './download-value.ts';
import { blame } from './peer-errors.ts';
import type { Source } from './source.ts';
import { Verifier } from './verifier.ts';

/** A server's state of a stream, verified. */
export type PushState = {
  /** Records without their values. */
  readonly view: OverlayView;
  readonly generation: Generation;
  /** By id, the first 256 bytes of each value, where the server gave them. */
  readonly heads: ReadonlyMap<number, Uint8Array>;
  /** Every live record but the snapshot; good for one plan. */
  readonly trie: SnapshotTrie;
  /** Ids of records that lose to another one of their type and key (R10). */
  readonly losers: readonly number[];
};

const ATTEMPTS = 3;

/** The state of a stream that no server has yet. */
export function emptyState(): PushState {
  const view = new OverlayView(emptyView());
  return stateOf(view, new Map(), undefined);
}

/**
 * Fetches the state of a stream; again where it changes meanwhile.
 *
 * @param tip - what the server has shown as its newest record
 * @throws {DrayerError} PEER_MISBEHAVED when what it shows is not signed, or not what its snapshot
 *   covers; UNREACHABLE
 */
export async function fetchPushState(
  source: Source,
  tip: SignedRecord | undefined,
): Promise<PushState> {
  let newest = tip;
  for (let attempt = 1; ; attempt += 1) {
    if (newest === undefined) return emptyState();
    const found = await fetchOnce(source, newest);
    if (typeof found !== 'string') return found;
    if (attempt >= ATTEMPTS) {
      throw new DrayerError('PEER_MISBEHAVED', `${source.url}: ${found}`, {
        hint: 'nothing was signed; run `drayer verify` on the server, or restore it from a mirror',
      });
    }
    newest = await source.tipRecord();
  }
}

/** Returns what is wrong where it is no complete generation; it may have changed meanwhile. */
async function fetchOnce(source: Source, tip: SignedRecord): Promise<PushState | string> {
  verifyFrom(source, tip);
  const view = new OverlayView(emptyView());
  const heads = new Map<number, Uint8Array>();
  const wanted = { since: 0, inlineBytes: 0, headBytes: LIMITS.headBytes };
  for await (const batch of source.batches(wanted)) {
    for (const record of batch.records) {
      checkFrom(source, record);
      const { value: _, ...bare } = record;
      view.put(bare);
    }
    for (const [id, head] of batch.heads) heads.set(id, head);
  }
  const snapshotRecord = await findSnapshot(source, view, heads);
  const state = stateOf(view, heads, snapshotRecord);
  const snapshot = state.generation.snapshot;
  const root = (): Uint8Array => state.trie.root();
  const verdict = judgeGeneration(view, { goal: tip.modified, snapshot, root });
  if (verdict.kind === 'complete' && verdict.proof === 'snapshot') return state;
  if (verdict.kind === 'mismatch' || verdict.kind === 'fork') return verdict.detail;
  if (verdict.kind === 'incomplete') return 'its records are not a complete generation';
  // Written by a program that makes no snapshots: each signature counts.
  await verifyAll(source, view);
  return state;
}

function stateOf(
  view: OverlayView,
  heads: ReadonlyMap<number, Uint8Array>,
  snapshotRecord: SignedRecord | undefined,
): PushState {
  const records = [...recordsOf(view)];
  const { winners, losers } = settleNames(records);
  const snapshot = snapshotRecord?.value && decodeSnapshot(snapshotRecord.value);
  const tip = view.modifiedTip();
  const covered = snapshotRecord !== undefined && snapshotRecord.modified === tip;
  const generation = {
    tip,
    idTip: view.idTip(),
    count: view.count(),
    snapshot,
    snapshotRecord,
    covered,
  };
  return { view, heads, generation, losers, trie: buildTrie(winners) };
}

/** The records of a state in the order of their ids. */
export function* recordsOf(view: PushState['view']): Generator<SignedRecord, void, undefined> {
  for (let at = view.afterId(0); at !== undefined; at = view.afterId(at.id)) yield at;
}

// R10: the newest timestamp wins, then the higher id.
function settleNames(records: readonly SignedRecord[]): {
  winners: Iterable<SignedRecord>;
  losers: number[];
} {
  const winners = new Map<string, SignedRecord>();
  const losers: number[] = [];
  for (const record of records) {
    const name = nameOf(record.type, record.key);
    const other = winners.get(name);
    if (other === undefined) winners.set(name, record);
    else {
      const [first, second] = [record, other].sort(comparePrecedence);
      if (first !== undefined) winners.set(name, first);
      if (second !== undefined) losers.push(second.id);
    }
  }
  return { winners: winners.values(), losers };
}

async function findSnapshot(
  source: Source,
  view: OverlayView,
  heads: ReadonlyMap<number, Uint8Array>,
): Promise<SignedRecord | undefined> {
  const [record] = view.byKey(PROTOCOL_TYPE, SNAPSHOT_KEY);
  if (record === undefined) return undefined;
  const head: Uint8Array | undefined = heads.get(record.id);
  // As long as a snapshot is, its first bytes are all of it.
  const isWhole = head !== undefined && bytesEqual(hash(head), record.hash);
  const value: Uint8Array | undefined = isWhole ? head : await downloadValue(source, record.hash);
  if (value === undefined) {
    throw new DrayerError('PEER_INCOMPLETE', `${source.url}: has no value of its own snapshot`, {
      hint: 'it may be a partial mirror; publish to a server that has the whole stream',
    });
  }
  const snapshot = { ...record, value };
  verifyFrom(source, snapshot);
  try {
    decodeSnapshot(value);
  } catch (error) {
    throw blame(source.url, error);
  }
  return snapshot;
}

function verifyFrom(source: Source, record: SignedRecord): void {
  try {
    verifyRecord(record, source.publicKey);
  } catch (error) {
    throw blame(source.url, error);
  }
}

function checkFrom(source: Source, record: SignedRecord): void {
  try {
    checkRecord(record);
  } catch (error) {
    throw blame(source.url, error);
  }
}

async function verifyAll(source: Source, view: OverlayView): Promise<void> {
  const background = new Background();
  try {
    await new Verifier(source.publicKey, background).all([...recordsOf(view)]);
  } catch (error) {
    throw isDrayerError(error) ? blame(source.url, error) : error;
  } finally {
    await background.close();
  }
}
