/**
 * The two chains of a stream (R3, R4) as the rest of core reads them, and the steps that change them.
 * A {@link ChainView} is all that core ever sees of a stream; a plan is a list of {@link Step}s.
 */
import type { Micros, SignedRecord } from './record.ts';

/**
 * The live records of one stream, read by their places in both chains.
 * Records come without their values. Every method is one or two index look-ups.
 */
export interface ChainView {
  /** Highest live id, 0 for an empty stream. */
  idTip(): number;
  /** Highest live `modified`, 0 for an empty stream. */
  modifiedTip(): Micros;
  /** Number of live records. */
  count(): number;
  /** The record with this id. */
  byId(id: number): SignedRecord | undefined;
  /** The record with this `modified`. */
  byModified(modified: Micros): SignedRecord | undefined;
  /** Every record of this type and key, the one that counts first (R10): newest timestamp, then higher id. */
  byKey(type: string, key: string): readonly SignedRecord[];
  /** The record with the highest id below `id`. */
  beforeId(id: number): SignedRecord | undefined;
  /** The record with the lowest id above `id`. */
  afterId(id: number): SignedRecord | undefined;
  /** The record with the highest `modified` below the given one. */
  beforeModified(modified: Micros): SignedRecord | undefined;
  /** The record with the lowest `modified` above the given one. */
  afterModified(modified: Micros): SignedRecord | undefined;
}

/**
 * One change of the stored set. The order of a plan's steps is such that at no moment two rows
 * share a `modified` or a `prevChange` (the table's UNIQUE constraints hold after each statement).
 */
export type Step =
  /** Take the record with this id out, leaving no trace. */
  | { readonly kind: 'remove'; readonly id: number }
  /**
   * Put this record in its id's place. Without `record.value` the row keeps the value it has when
   * the hash is the same; otherwise the store takes the value from what was handed in for that hash.
   */
  | { readonly kind: 'put'; readonly record: SignedRecord };
