/**
 * Planning a batch: one publish, one transaction, one generation (R5–R11, R20).
 * The final state is worked out first, then every record that changes is signed once. Costs
 * O(changes · log records), never O(records).
 */
import { hash } from '#crypto';
import { type Batch, type Changes, type SnapshotPolicy, settleBatch } from './batch.ts';
import { layOutBatch } from './batch-layout.ts';
import { type ChainView, isSnapshot, type Step } from './chain.ts';
import type { Draft, Micros, SignedRecord } from './record.ts';
import { type BeginSigning, beginDrafts, PlannedRecord, signDraft } from './signing.ts';
import { encodeSnapshot, type Snapshot } from './snapshot.ts';
import type { SnapshotTrie } from './trie.ts';
import { EMPTY_ROOT } from './trie-hash.ts';

export type { Batch } from './batch.ts';

/** High-water mark: what this key has given out at most (R11). Kept beside the key. */
export type Mark = {
  readonly id: number;
  readonly modified: Micros;
  /** Of the newest snapshot, 0 before the first. */
  readonly seq: number;
  /** Of the newest snapshot, 32 zero bytes before the first. */
  readonly root: Uint8Array;
};

/** What a stream with snapshots needs for the next one (R20). */
export type SnapshotOptions = {
  /** Holds every live record but the snapshot; is brought up to the new generation. */
  readonly trie: SnapshotTrie;
  /** The newest snapshot of the stream, undefined before the first. */
  readonly previous?: Snapshot | undefined;
  /** How long visitors may take the generation for fresh; for ever by default. */
  readonly lifetimeMicros?: number | undefined;
  /** Makes a new snapshot also when nothing else changes, to renew its lifetime. */
  readonly renew?: boolean | undefined;
};

/** What a plan depends on besides the stream and the batch. */
export type PlanOptions = {
  /** The clock, which may stand still or run backwards (R9). */
  readonly now: Micros;
  /** 64 bytes, seed then public key. */
  readonly secretKey: Uint8Array;
  /** Who signs the records; by default each is signed here, when all else about it is known. */
  readonly beginSigning?: BeginSigning | undefined;
  /** What was given out before; the stream's own tips by default. */
  readonly mark?: Mark | undefined;
  /** Left out for a stream without snapshots. */
  readonly snapshot?: SnapshotOptions | undefined;
  /**
   * Ids of the records that lose to another one of their type and key (R10). Those of the keys in
   * the batch are found here; a stream that another program wrote may have more, and has no root
   * until they are gone.
   */
  readonly losers?: Iterable<number> | undefined;
};

/** What a batch comes to. */
export type Plan = {
  /** To run in one transaction, in this order; empty when the batch changes nothing. */
  readonly steps: readonly Step[];
  /** To be written beside the key once the transaction is committed (R11). */
  readonly mark: Mark;
  /** The snapshot that covers the new generation; the newest one there is when nothing changes. */
  readonly snapshot: Snapshot | undefined;
};

/**
 * Plans a batch.
 *
 * Every record that changes is in exactly one step. The steps first take out what goes, then put
 * what moves to the front of the modified chain, the last one first, then the silent patches, so
 * that no two rows share a `modified` or a `prevChange` at any moment.
 *
 * @throws {DrayerError} USAGE when a type and key is named twice, or is the protocol's own
 * @throws {DrayerError} CHAIN_FULL when an id or a `modified` would pass 2^53−1
 * @throws {DrayerError} RECORD_INVALID when a put has no valid record (R2)
 */
export function planBatch(view: ChainView, batch: Batch, options: PlanOptions): Plan {
  const { now, secretKey, beginSigning, snapshot, losers = [] } = options;
  const before = currentMark(view, options);
  const changes = settleBatch(view, batch, { now, losers, snapshot: policyOf(snapshot) });
  if (changes.writes.length === 0 && changes.deleted.size === 0) {
    return { steps: [], mark: before, snapshot: snapshot?.previous };
  }

  const free = { id: before.id + 1, modified: Math.max(now, before.modified + 1) };
  const { moved, patched } = layOutBatch(view, changes, free);
  const created = changes.writes.filter((write) => write.held === undefined).length;
  const top = moved.at(-1);
  const covered = snapshot === undefined ? moved : moved.slice(0, -1);
  const drafts = [...covered, ...patched];
  const { signatureOf, positions } = beginDrafts(drafts, secretKey, beginSigning);

  // Nothing that the batch says can fail from here on: the trie is brought up to date with the rest
  // or not at all. Others may be signing meanwhile.
  const root = snapshot && updateTrie(snapshot.trie, view, { changes, covered, positions });
  const records: SignedRecord[] = covered.map(
    (draft, index) => new PlannedRecord(draft, index, signatureOf),
  );
  const silent = patched.map(
    (draft, index) => new PlannedRecord(draft, covered.length + index, signatureOf),
  );
  let made: Snapshot | undefined;
  if (snapshot !== undefined && root !== undefined && top !== undefined) {
    const count = view.count() - changes.deleted.size + created - 1;
    made = makeSnapshot(snapshot, { before, count, root, now });
    const value = encodeSnapshot(made);
    records.push({ ...signDraft({ ...top, hash: hash(value) }, secretKey), value });
  }
  const mark = {
    id: before.id + created,
    modified: free.modified + moved.length - 1,
    seq: made?.seq ?? before.seq,
    root: made?.root ?? before.root,
  };
  return { steps: stepsOf(changes, records, silent), mark, snapshot: made };
}

function policyOf(snapshot: SnapshotOptions | undefined): SnapshotPolicy {
  if (snapshot === undefined) return 'never';
  return snapshot.renew === true ? 'always' : 'on change';
}

// The stream's own tips count as well: the mark of a stream that a mirror brought is behind.
function currentMark(view: ChainView, { mark, snapshot }: PlanOptions): Mark {
  const seen = [mark, snapshot?.previous].filter((known) => known !== undefined);
  const newest = seen.sort((a, b) => b.seq - a.seq)[0];
  return {
    id: Math.max(view.idTip(), mark?.id ?? 0),
    modified: Math.max(view.modifiedTip(), mark?.modified ?? 0),
    seq: newest?.seq ?? 0,
    root: newest?.root ?? EMPTY_ROOT,
  };
}

type TrieUpdate = {
  readonly changes: Changes;
  readonly covered: readonly Draft[];
  /** Of these, and of what follows them. */
  readonly positions: Uint8Array;
};

/** Returns the new root. */
function updateTrie(
  trie: SnapshotTrie,
  view: ChainView,
  { changes, covered, positions }: TrieUpdate,
): Uint8Array {
  for (const gone of changes.deleted.values()) {
    if (isSnapshot(gone)) continue;
    trie.delete(gone.type, gone.key);
    // R10: where a duplicate went, the one that stays may be what the trie did not hold.
    const left = view.byKey(gone.type, gone.key).find(({ id }) => !changes.deleted.has(id));
    if (left !== undefined) trie.set(left);
  }
  trie.setAll(covered, positions);
  return trie.root();
}

function makeSnapshot(
  { lifetimeMicros }: SnapshotOptions,
  { before, count, root, now }: { before: Mark; count: number; root: Uint8Array; now: Micros },
): Snapshot {
  const time = Math.max(0, now);
  const exp = lifetimeMicros === undefined ? 0 : time + lifetimeMicros;
  return { seq: before.seq + 1, count, root, time, exp, previous: before.root };
}

function stepsOf(
  changes: Changes,
  records: readonly SignedRecord[],
  silent: readonly SignedRecord[],
): Step[] {
  const put = (record: SignedRecord): Step => ({ kind: 'put', record });
  const removed = [...changes.deleted.keys()].sort((a, b) => a - b);
  return [
    ...removed.map((id): Step => ({ kind: 'remove', id })),
    ...records.toReversed().map(put),
    ...silent.map(put),
  ];
}
