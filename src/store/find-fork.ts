/** Whether a whole, proved generation comes from the visible one, or from another history (R16, R22). */
import { findForeign } from '../core/ancestry.ts';
import type { OverlayView } from '../core/overlay.ts';
import type { SignedRecord } from '../core/record.ts';
import type { StreamReader } from './reader.ts';

/** Two histories, and the two records that prove them. */
export type ProvedFork = {
  readonly kind: 'fork';
  readonly detail: string;
  readonly records: readonly [held: SignedRecord, shown: SignedRecord];
};

/**
 * Compares the visible generation with what is to follow it.
 *
 * @returns undefined where nothing speaks against it
 */
export function findFork(visible: StreamReader, next: OverlayView): ProvedFork | undefined {
  const { covered, snapshotRecord } = visible.generation();
  // What no snapshot covers was written by a program with rules of its own.
  if (!covered || snapshotRecord === undefined) return undefined;
  const foreign = findForeign(visible.view, next.changed().puts);
  if (foreign === undefined) return undefined;
  const { shown, held = snapshotRecord, detail } = foreign;
  return { kind: 'fork', detail, records: [held, shown] };
}
