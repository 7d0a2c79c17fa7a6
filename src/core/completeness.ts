/**
 * When what is held is a generation that existed: both chains whole (R3, R4), the goal reached
 * (R13) and, where the stream has snapshots, exactly what the newest one covers (R22).
 */
import { type ChainView, idLinks, modifiedLinks } from './chain.ts';
import type { Places } from './overlay.ts';
import { bytesEqual, type Micros, PROTOCOL_TYPE, SNAPSHOT_KEY } from './record.ts';

/** A link that does not name the live record before its own. */
export type BrokenLink = {
  /** Id of the record that has the link. */
  readonly id: number;
  /** Which of its two links: `prev` or `prevChange`. */
  readonly chain: 'id' | 'modified';
  /** Id, or `modified`, of the live record before it; 0 for the first. */
  readonly expected: number;
  /** What the record says. */
  readonly actual: number;
};

/** A snapshot as far as it tells generations apart. */
export type SnapshotMark = {
  readonly seq: number;
  readonly root: Uint8Array;
  /** Root of the generation before, where it is known. */
  readonly previous?: Uint8Array | undefined;
};

/** What is known of a stream besides the records held. */
export type Evidence = {
  /** The highest `modified` of a verified record that any source has shown (R13). */
  readonly goal: Micros;
  /** What the snapshot held says; undefined when none is held. */
  readonly snapshot?: (SnapshotMark & { readonly count: number }) | undefined;
  /** The newest snapshot this mirror has ever called complete; kept outside the stream file. */
  readonly seen?: SnapshotMark | undefined;
  /** Works out the root over the records held (R21); asked only when all else is right. */
  readonly root: () => Uint8Array;
  /** Where the chains changed since they were whole; see {@link findBrokenLinks}. */
  readonly changed?: Places | undefined;
};

/** What a mirror may do with what it holds. */
export type Verdict =
  /** A generation: show it, serve it. `unproved` when the stream has no snapshots. */
  | { readonly kind: 'complete'; readonly proof: 'snapshot' | 'unproved' }
  /** Go on fetching and repairing: the tip is below the goal, or links are broken. */
  | { readonly kind: 'incomplete'; readonly broken: readonly BrokenLink[] }
  /** Records were written after the newest snapshot by a program that makes none (R22). */
  | { readonly kind: 'uncovered' }
  /** Not what the snapshot covers, or older than what was seen, or without one where one was seen. */
  | { readonly kind: 'mismatch'; readonly detail: string }
  /** The snapshot held and the one seen prove two histories (R16, R22). */
  | { readonly kind: 'fork'; readonly detail: string };

/**
 * Finds every link of both chains that is not exact (R3, R4).
 *
 * @param changed - look only where the chains changed ({@link OverlayView.places}); enough when
 *   every link was exact before. Without it the whole stream is walked
 */
export function findBrokenLinks(view: ChainView, changed?: Places): BrokenLink[] {
  const broken: BrokenLink[] = [];
  for (const { record, expected } of idLinks(view, changed?.ids)) {
    if (record.prev === expected) continue;
    broken.push({ id: record.id, chain: 'id', expected, actual: record.prev });
  }
  for (const { record, expected } of modifiedLinks(view, changed?.modifieds)) {
    if (record.prevChange === expected) continue;
    broken.push({ id: record.id, chain: 'modified', expected, actual: record.prevChange });
  }
  return broken;
}

/**
 * Tells whether two signed snapshots prove that the key signed two histories (R16, R22): one seq
 * with two roots, or one that follows the other by its seq but not by the root it names. Worth
 * asking of any snapshot a source shows, before anything else is fetched from it.
 */
export function provesTwoGenerations(a: SnapshotMark, b: SnapshotMark): boolean {
  if (a.seq === b.seq) return !bytesEqual(a.root, b.root);
  const [older, newer] = a.seq < b.seq ? [a, b] : [b, a];
  if (newer.seq !== older.seq + 1 || newer.previous === undefined) return false;
  return !bytesEqual(newer.previous, older.root);
}

/**
 * Judges what is held (R13, R22). That no value is wanted is for the caller to know.
 *
 * @param view - the records held, each one checked with {@link verifyRecord}, or to be so before
 *   anything is shown
 */
export function judgeGeneration(view: ChainView, evidence: Evidence): Verdict {
  const { goal, snapshot, seen } = evidence;
  const broken = findBrokenLinks(view, evidence.changed);
  if (broken.length > 0 || view.modifiedTip() < goal) return { kind: 'incomplete', broken };
  if (snapshot === undefined) {
    if (seen === undefined) return { kind: 'complete', proof: 'unproved' };
    return mismatch(`expected a snapshot: this stream had one with seq ${seen.seq}`);
  }

  if (seen !== undefined && provesTwoGenerations(seen, snapshot)) {
    return { kind: 'fork', detail: `snapshots ${seen.seq} and ${snapshot.seq} contradict` };
  }
  if (seen !== undefined && snapshot.seq < seen.seq) {
    return mismatch(`expected a snapshot from seq ${seen.seq} on, got seq ${snapshot.seq}`);
  }
  const tip = view.byModified(view.modifiedTip());
  if (tip?.type !== PROTOCOL_TYPE || tip.key !== SNAPSHOT_KEY) return { kind: 'uncovered' };
  const covered = view.count() - 1;
  if (covered !== snapshot.count) {
    return mismatch(`expected ${snapshot.count} records below the snapshot, got ${covered}`);
  }
  if (!bytesEqual(evidence.root(), snapshot.root)) {
    return mismatch(`the records are not those of snapshot ${snapshot.seq}`);
  }
  return { kind: 'complete', proof: 'snapshot' };
}

function mismatch(detail: string): Verdict {
  return { kind: 'mismatch', detail };
}
