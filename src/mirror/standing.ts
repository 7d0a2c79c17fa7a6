/** Where a source stands, by the one record at its tip, before anything else is fetched from it. */
import { provesTwoHistories } from '../core/chain.ts';
import type { DrayerError } from '../core/errors.ts';
import type { Micros, SignedRecord } from '../core/record.ts';
import type { MirrorStore } from '../store/mirror-store.ts';
import { areForked, snapshotIn, twoHistories } from './fork.ts';

/** `current`: what is visible here. `behind`: less than was seen here complete. `ahead`: more. */
export type Standing = 'current' | 'behind' | 'ahead';

/** The highest `modified` that was seen complete here, also where the file is lost. */
export function knownTip(store: MirrorStore): Micros {
  return Math.max(store.visible?.view.modifiedTip() ?? 0, store.trust?.tip ?? 0);
}

/** Compares a source's tip with what is here (R13). */
export function standingOf(store: MirrorStore, tip: SignedRecord | undefined): Standing {
  const known = knownTip(store);
  const shown = tip?.modified ?? 0;
  if (shown < known) return 'behind';
  const isShown = store.visible?.view.modifiedTip() === shown;
  return isShown ? 'current' : 'ahead';
}

/** How many more records a source's tip says there are than are here; 0 where it says nothing of it. */
export function countAhead(store: MirrorStore, tip: SignedRecord | undefined): number {
  const count = tip === undefined ? 0 : (snapshotIn(tip)?.count ?? 0);
  return Math.max(0, count - (store.visible?.view.count() ?? 0));
}

/** The evidence that a source's tip and what is visible are of two histories (R16), if it is any. */
export function contradictsVisible(store: MirrorStore, tip: SignedRecord): DrayerError | undefined {
  const held = store.visible?.view.byModified(tip.modified);
  if (held !== undefined && provesTwoHistories(held, tip)) return twoHistories(store, held, tip);
  const own = store.visible?.generation().snapshotRecord;
  return own && contradicts(store, own, tip);
}

/** The same of any two records, as far as they are snapshots. */
export function contradicts(
  store: MirrorStore,
  a: SignedRecord,
  b: SignedRecord,
): DrayerError | undefined {
  const [shown, other] = [snapshotIn(a), snapshotIn(b)];
  const isProved = provesTwoHistories(a, b);
  if (isProved) return twoHistories(store, a, b);
  if (shown === undefined || other === undefined) return undefined;
  // Also the order tells: whoever signs on from one history has the later time and the higher number.
  const isTurnedRound = (a.modified - b.modified) * (shown.seq - other.seq) < 0;
  return isTurnedRound || areForked(shown, other) ? twoHistories(store, a, b) : undefined;
}
