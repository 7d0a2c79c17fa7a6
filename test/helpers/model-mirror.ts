/** A mirror in memory: what mirror/ does around accept, repair and completeness, without a network. */
import { planAccept } from '../../src/core/accept.ts';
import { provesTwoHistories } from '../../src/core/chain.ts';
import {
  judgeGeneration,
  provesTwoGenerations,
  type Verdict,
} from '../../src/core/completeness.ts';
import type { OverlayView } from '../../src/core/overlay.ts';
import { MAX_INTEGER, type SignedRecord } from '../../src/core/record.ts';
import { findDangling, planRepair } from '../../src/core/repair.ts';
import { decodeSnapshot, type Snapshot } from '../../src/core/snapshot.ts';
import { recordsOf, viewOf } from './records.ts';
import { slowRootOf } from './slow-root.ts';

/** What a mirror asks. All records it is given are signed; whether they are the right ones is open. */
export type Source = {
  /** Records with a higher `modified`, ascending, at most `limit`. */
  newRecords(since: number, limit: number): readonly SignedRecord[];
  /** The record with the greatest prevChange up to `old`. */
  crdr(old: number): SignedRecord | undefined;
};

/** How a sync goes. */
export type SyncOptions = {
  /** Records a page. */
  readonly page: number;
  /** Breaks off after so many records; never by default. */
  readonly stopAfter?: number | undefined;
};

/** Which rules a mirror leaves out, to show what they are good for. */
export type Omissions = {
  /** R13: calls a state complete without having reached the goal. */
  readonly ignoresGoal?: boolean;
  /** R13: calls a state complete with broken links. */
  readonly ignoresLinks?: boolean;
};

const NOWHERE = { ids: [], modifieds: [] };
const NO_ROOT = new Uint8Array(0);

/** Serves a set of records honestly. */
export function sourceOf(records: readonly SignedRecord[]): Source {
  return {
    newRecords: (since, limit) =>
      records.filter(({ modified }) => modified > since).slice(0, limit),
    crdr: (old) => records.findLast(({ prevChange }) => prevChange <= old),
  };
}

/** One mirror: the generation it shows, and what it is fetching. */
export class ModelMirror {
  /** The newest complete generation, ascending in `modified`. */
  visible: readonly SignedRecord[] = [];
  staging: OverlayView = viewOf([]);
  /** How often what was staged led nowhere and was dropped. */
  restarts = 0;
  /** Whether a source has shown what proves two histories (R16). */
  hasProof = false;
  #goal = 0;
  #seen: Snapshot | undefined;
  readonly #omissions: Omissions;

  constructor(omissions: Omissions = {}) {
    this.#omissions = omissions;
  }

  /** Syncs with one source; tells whether there is a complete generation at the end. */
  sync(source: Source, options: SyncOptions): boolean {
    const tip = source.crdr(MAX_INTEGER);
    if (tip !== undefined && this.#isFork(tip)) return false;
    this.#raiseGoal(tip);
    // R16: on from what is staged, then from the visible generation, then from nothing.
    const starts = [this.staging, viewOf(this.visible), viewOf([])];
    for (const [index, start] of starts.entries()) {
      this.staging = start;
      if (index > 0) this.restarts += 1;
      const isWhole = this.#pull(source, options);
      const verdict = this.#judge();
      if (verdict.kind === 'fork') this.hasProof = true;
      if (this.hasProof) return false;
      if (verdict.kind === 'complete') return this.#show();
      // A source that was cut off, or is only behind, is no reason to drop anything.
      if (!isWhole || (verdict.kind === 'incomplete' && verdict.broken.length === 0)) return false;
    }
    return false;
  }

  #pull(source: Source, { page, stopAfter = Infinity }: SyncOptions): boolean {
    let left = stopAfter;
    for (;;) {
      const tip = this.staging.modifiedTip();
      for (const record of source.newRecords(tip, page)) {
        if (left === 0) return false;
        left -= 1;
        this.#raiseGoal(record);
        const acceptance = planAccept(this.staging, record);
        if (acceptance.kind === 'accepted') this.staging.apply(acceptance.steps);
        if (acceptance.kind === 'fork') this.hasProof = true;
        if (acceptance.kind === 'fork' || acceptance.kind === 'refused')
          return this.#repair(source);
      }
      // R19: a page that does not raise the tip ends the session.
      if (this.staging.modifiedTip() <= tip) return this.#repair(source);
    }
  }

  #repair(source: Source): boolean {
    for (const { record, expected } of findDangling(this.staging)) {
      const answer = source.crdr(expected);
      if (answer === undefined) continue;
      const repair = planRepair(this.staging, record, answer);
      if (repair.kind === 'accepted') this.staging.apply(repair.steps);
      if (repair.kind === 'fork') this.hasProof = true;
    }
    return true;
  }

  // What the tip alone says, before anything is fetched.
  #isFork(tip: SignedRecord): boolean {
    const held = viewOf(this.visible).byModified(tip.modified);
    const shown = snapshotOf(viewOf([tip]));
    this.hasProof =
      (held !== undefined && provesTwoHistories(held, tip)) ||
      (this.#seen !== undefined && shown !== undefined && provesTwoGenerations(this.#seen, shown));
    return this.hasProof;
  }

  #judge(): Verdict {
    const snapshot = snapshotOf(this.staging);
    return judgeGeneration(this.staging, {
      goal: this.#omissions.ignoresGoal === true ? 0 : this.#goal,
      snapshot,
      seen: this.#seen,
      root: () => rootOf(this.staging),
      changed: this.#omissions.ignoresLinks === true ? NOWHERE : undefined,
    });
  }

  #show(): true {
    this.#seen = snapshotOf(this.staging) ?? this.#seen;
    this.visible = recordsOf(this.staging);
    this.staging = viewOf(this.visible);
    return true;
  }

  #raiseGoal(record: SignedRecord | undefined): void {
    if (record !== undefined) this.#goal = Math.max(this.#goal, record.modified);
  }
}

/** What the snapshot record of a view says. */
export function snapshotOf(view: OverlayView): Snapshot | undefined {
  const [record] = view.byKey('drayer', 'snapshot');
  return record?.value && decodeSnapshot(record.value);
}

/** The root over all but the snapshot; no root where a type and key comes twice (R22). */
export function rootOf(view: OverlayView): Uint8Array {
  const covered = recordsOf(view).filter(({ type, key }) => `${type} ${key}` !== 'drayer snapshot');
  return slowRootOf(covered) ?? NO_ROOT;
}
