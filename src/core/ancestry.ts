/**
 * Whether a later generation can come from an earlier one (R22): a key that signed on from somewhere
 * else, an old backup say, has another history, whatever its numbers say.
 */
import type { ChainView } from './chain.ts';
import { bytesEqual, type SignedRecord } from './record.ts';

/** What shows that a generation does not come from the one that is held. */
export type Foreign = {
  /** The record of the later generation. */
  readonly shown: SignedRecord;
  /** The one held in its place, where there is one. */
  readonly held: SignedRecord | undefined;
  readonly detail: string;
};

/**
 * Looks for a record that the later generation could not have if it came from `held`. Whatever is
 * signed after a generation has a higher `modified` than its tip (R5), and an id is one record's for
 * ever: so each record up to that tip is one of those held, at its very place, and each one above it has
 * either a held id, under its own name, or an id above all that were ever given (R8).
 *
 * @param held - the earlier generation, all of it, as a snapshot covered it
 * @param puts - the records in which the later one differs, at least
 */
export function findForeign(held: ChainView, puts: Iterable<SignedRecord>): Foreign | undefined {
  const [tip, idTip] = [held.modifiedTip(), held.idTip()];
  for (const shown of puts) {
    const own = held.byId(shown.id);
    const isNew = own === undefined && shown.id > idTip;
    const isLater = shown.modified > tip;
    if (own === undefined ? isNew && isLater : isSuccessor(own, shown, isLater)) continue;
    return { shown, held: own, detail: describe(shown, own, tip) };
  }
  return undefined;
}

function isSuccessor(own: SignedRecord, shown: SignedRecord, isLater: boolean): boolean {
  if (own.type !== shown.type || own.key !== shown.key) return false;
  const isSame = own.modified === shown.modified && own.timestamp === shown.timestamp;
  return isLater || (isSame && bytesEqual(own.hash, shown.hash));
}

function describe(
  { id, modified }: SignedRecord,
  own: SignedRecord | undefined,
  tip: number,
): string {
  if (own === undefined) return `record ${id} at ${modified}: its id was used up before ${tip}`;
  return `record ${id} at ${modified}: is another one here, at ${own.modified}`;
}
