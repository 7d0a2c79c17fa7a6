/**
 * Taking in a record that somebody else signed (R12, R16).
 * One record at a time, in the order a source gives them; whether the result is a complete
 * generation is another question: see completeness.ts.
 */
import { type ChainView, provesTwoHistories, type Step } from './chain.ts';
import type { SignedRecord } from './record.ts';

/** What comes of a record that was shown to us. */
export type Acceptance =
  /** It belongs in the stream; run these steps in one transaction. */
  | { readonly kind: 'accepted'; readonly steps: readonly Step[] }
  /** Held already, or a newer version of it is. */
  | { readonly kind: 'duplicate' }
  /**
   * It does not fit what is held: `gap` when it follows a record we do not have, `skipped` when a
   * record we have says that it is gone. No proof of ill will (R16).
   */
  | { readonly kind: 'refused'; readonly reason: 'gap' | 'skipped'; readonly detail: string }
  /** Both are signed, both cannot be true: the key signed two histories (R16). */
  | { readonly kind: 'fork'; readonly held: SignedRecord; readonly shown: SignedRecord };

/**
 * Plans taking in a record that somebody else signed (R12). Changes nothing.
 *
 * Reads nothing but the tips when the record simply follows both of them, otherwise six records at
 * most, and each one that is dropped.
 *
 * @param view - what is held, complete or not
 * @param record - checked with {@link verifyRecord}
 */
export function planAccept(view: ChainView, record: SignedRecord): Acceptance {
  const { id, prev, modified, prevChange } = record;
  const idTip = view.idTip();
  if (id > idTip && prev === idTip && prevChange === view.modifiedTip()) {
    return { kind: 'accepted', steps: [{ kind: 'put', record }] };
  }

  const rival = view.byModified(modified);
  if (rival !== undefined && provesTwoHistories(rival, record)) {
    return { kind: 'fork', held: rival, shown: record };
  }
  const held = view.byId(id);
  if (held !== undefined && held.modified >= modified) return { kind: 'duplicate' };

  const refusal = refuse(view, record);
  if (refusal !== undefined) return refusal;

  const removals = [...skipped(view, record)].map((gone): Step => ({ kind: 'remove', id: gone }));
  return { kind: 'accepted', steps: [...removals, { kind: 'put', record }] };
}

function refuse(view: ChainView, record: SignedRecord): Acceptance | undefined {
  const { id, modified, prevChange } = record;
  if (prevChange !== 0 && view.byModified(prevChange) === undefined) {
    return refused('gap', `record ${id}: follows modified ${prevChange}, which is not held`);
  }
  const above = view.afterId(id);
  if (above !== undefined && above.prev < id) {
    return refused('skipped', `record ${id}: record ${above.id} says that it is deleted`);
  }
  // R12 says this of ids only. A link only ever moves back, so what a later record skips in the
  // modified chain is as dead; taking it in would leave two records with one prevChange.
  const later = view.afterModified(modified);
  if (later !== undefined && later.prevChange < modified) {
    return refused('skipped', `record ${id}: record ${later.id} says that it is deleted or newer`);
  }
  return undefined;
}

function refused(reason: 'gap' | 'skipped', detail: string): Acceptance {
  return { kind: 'refused', reason, detail };
}

// The ids of the records this one skips in either chain: they are deleted, or moved to the front.
function skipped(view: ChainView, record: SignedRecord): Set<number> {
  const ids = new Set<number>();
  let below = view.beforeId(record.id);
  while (below !== undefined && below.id > record.prev) {
    ids.add(below.id);
    below = view.beforeId(below.id);
  }
  let earlier = view.beforeModified(record.modified);
  while (earlier !== undefined && earlier.modified > record.prevChange) {
    if (earlier.id !== record.id) ids.add(earlier.id);
    earlier = view.beforeModified(earlier.modified);
  }
  return ids;
}
