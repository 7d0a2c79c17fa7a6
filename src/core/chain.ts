/**
 * The two chains of a stream (R3, R4) as the rest of core reads them, and the steps that change them.
 * A {@link ChainView} is all that core ever sees of a stream; a plan is a list of {@link Step}s.
 */
import {
  bytesEqual,
  type Micros,
  PROTOCOL_TYPE,
  type SignedRecord,
  SNAPSHOT_KEY,
} from './record.ts';

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

/** Tells whether this is the name of the snapshot record (R20). */
export function isSnapshot(name: { readonly type: string; readonly key: string }): boolean {
  return name.type === PROTOCOL_TYPE && name.key === SNAPSHOT_KEY;
}

/** Returns one string for a type and a key; two pairs never share one. */
export function nameOf(type: string, key: string): string {
  // The length keeps 'ab' + 'c' and 'a' + 'bc' apart.
  return `${type.length}:${type}${key}`;
}

/** Orders records of one type and key: the one that counts comes first (R10). */
export function comparePrecedence(a: SignedRecord, b: SignedRecord): number {
  return b.timestamp - a.timestamp || b.id - a.id;
}

/**
 * Tells whether two valid records with one `modified` prove that the key signed two histories
 * (R16). The same record with its `prevChange` moved back does not: that is a silent patch (R6).
 */
export function provesTwoHistories(a: SignedRecord, b: SignedRecord): boolean {
  return (
    a.modified === b.modified &&
    !(
      a.id === b.id &&
      a.timestamp === b.timestamp &&
      a.prev === b.prev &&
      a.type === b.type &&
      a.key === b.key &&
      bytesEqual(a.hash, b.hash)
    )
  );
}

/** A record and what its link in one of the chains has to be. */
export type Link = {
  readonly record: SignedRecord;
  /** Id, or `modified`, of the live record before it; 0 for the first. */
  readonly expected: number;
};

/**
 * Goes through the links of the id chain (R3), ascending.
 *
 * @param places - ids: only the records at these and next above them. Without it, all records
 */
export function idLinks(view: ChainView, places?: Iterable<number>): Generator<Link> {
  const order: Order = {
    at: (id) => view.byId(id),
    before: (id) => view.beforeId(id),
    after: (id) => view.afterId(id),
    placeOf: (record) => record.id,
  };
  return places === undefined ? allLinks(order) : linksAt(order, places);
}

/**
 * Goes through the links of the modified chain (R4), ascending.
 *
 * @param places - micros: only the records at these and next above them. Without it, all records
 */
export function modifiedLinks(view: ChainView, places?: Iterable<Micros>): Generator<Link> {
  const order: Order = {
    at: (modified) => view.byModified(modified),
    before: (modified) => view.beforeModified(modified),
    after: (modified) => view.afterModified(modified),
    placeOf: (record) => record.modified,
  };
  return places === undefined ? allLinks(order) : linksAt(order, places);
}

// One of the two chains, so that both are walked by the same code.
type Order = {
  readonly at: (place: number) => SignedRecord | undefined;
  readonly before: (place: number) => SignedRecord | undefined;
  readonly after: (place: number) => SignedRecord | undefined;
  readonly placeOf: (record: SignedRecord) => number;
};

function* allLinks(order: Order): Generator<Link> {
  let expected = 0;
  for (let record = order.after(0); record !== undefined; record = order.after(expected)) {
    yield { record, expected };
    expected = order.placeOf(record);
  }
}

function* linksAt(order: Order, places: Iterable<number>): Generator<Link> {
  const records = new Map<number, SignedRecord>();
  for (const place of places) {
    for (const record of [order.at(place), order.after(place)]) {
      if (record !== undefined) records.set(order.placeOf(record), record);
    }
  }
  for (const place of [...records.keys()].sort((a, b) => a - b)) {
    const record = records.get(place) as SignedRecord; // the key comes from this map
    const before = order.before(place);
    yield { record, expected: before === undefined ? 0 : order.placeOf(before) };
  }
}
