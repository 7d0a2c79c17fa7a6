/**
 * Repair: replacing a link that the writer has silently moved back (R6, R14).
 * A mirror that missed a change holds records whose `prevChange` names a record that is gone; the
 * patched version has the same `modified`, so no page brings it: it must be asked for by place.
 */
import { type ChainView, modifiedLinks, provesTwoHistories, type Step } from './chain.ts';
import type { Places } from './overlay.ts';
import type { Micros, SignedRecord } from './record.ts';

/** A record to ask a peer for: `crdr/<expected>`. */
export type Dangling = {
  /** What is held, with the stale link. */
  readonly record: SignedRecord;
  /** `modified` of the record before it, 0 for the first: what its `prevChange` must become. */
  readonly expected: Micros;
};

/** What comes of a peer's answer to a request for repair. */
export type Repair =
  /** The link is right now; run these steps. */
  | { readonly kind: 'accepted'; readonly steps: readonly Step[] }
  /** Another record, or not the link that is missing: ask somebody else. */
  | { readonly kind: 'refused'; readonly detail: string }
  /** The answer proves that the key signed two histories (R16). */
  | { readonly kind: 'fork'; readonly held: SignedRecord; readonly shown: SignedRecord };

/**
 * Finds the records whose `prevChange` is not the `modified` of the record before them (R14),
 * ascending in `modified`.
 *
 * @param changed - look only where the chains changed ({@link OverlayView.places}); enough when
 *   every link was right before. Without it the whole stream is walked
 */
export function findDangling(view: ChainView, changed?: Places): Dangling[] {
  return [...modifiedLinks(view, changed?.modifieds)].filter(
    ({ record, expected }) => record.prevChange !== expected,
  );
}

/**
 * Plans putting a peer's answer in the place of a dangling record (R14): the same record with
 * exactly the link that is missing, smaller than the one it has. An older silent patch has a
 * greater link and is refused.
 *
 * @param held - the dangling record; if it has changed meanwhile the answer is refused
 * @param answer - checked with {@link verifyRecord}
 */
export function planRepair(view: ChainView, held: SignedRecord, answer: SignedRecord): Repair {
  if (provesTwoHistories(held, answer)) return { kind: 'fork', held, shown: answer };
  if (answer.modified !== held.modified) {
    return refused(`asked for record ${held.id} at ${held.modified}, got ${describe(answer)}`);
  }

  const current = view.byId(held.id);
  if (current?.modified !== held.modified)
    return refused(`record ${held.id} has changed meanwhile`);
  const expected = view.beforeModified(held.modified)?.modified ?? 0;
  if (answer.prevChange !== expected || expected >= current.prevChange) {
    const wanted = `expected prevChange ${expected} instead of ${current.prevChange}`;
    return refused(`record ${held.id}: ${wanted}, got ${answer.prevChange}`);
  }
  return { kind: 'accepted', steps: [{ kind: 'put', record: answer }] };
}

function refused(detail: string): Repair {
  return { kind: 'refused', detail };
}

function describe(record: SignedRecord): string {
  return `record ${record.id} at ${record.modified}`;
}
