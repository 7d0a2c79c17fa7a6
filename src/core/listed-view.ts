/**
 * A whole stream as a list, for going through it once: a mirror judges its first generation so. Nothing
 * of it can be changed; {@link OverlayView} is for that, and takes five times as long to fill and walk.
 */
import { type ChainView, comparePrecedence } from './chain.ts';
import type { Micros, SignedRecord } from './record.ts';

/** The view. A look at the place next above the last one looked at takes no search. */
export class ListedView implements ChainView {
  readonly #ids: Places;
  readonly #modifieds: Places;

  /** @param records - ascending by `modified`; of two with one id the later counts */
  constructor(records: Iterable<SignedRecord>) {
    const byId = new Map<number, SignedRecord>();
    for (const record of records) {
      // Taken out first, so that the order of the map is that of the list.
      if (byId.has(record.id)) byId.delete(record.id);
      byId.set(record.id, record);
    }
    const all = [...byId.values()];
    this.#modifieds = new Places(all, modifiedOf);
    this.#ids = new Places([...all].sort(byIdAscending), idOf);
  }

  idTip(): number {
    return this.#ids.tip();
  }

  modifiedTip(): Micros {
    return this.#modifieds.tip();
  }

  count(): number {
    return this.#ids.records.length;
  }

  byId(id: number): SignedRecord | undefined {
    return this.#ids.at(id);
  }

  byModified(modified: Micros): SignedRecord | undefined {
    return this.#modifieds.at(modified);
  }

  /** Looks at every record. */
  byKey(type: string, key: string): readonly SignedRecord[] {
    return this.#ids.records
      .filter((record) => record.type === type && record.key === key)
      .sort(comparePrecedence);
  }

  beforeId(id: number): SignedRecord | undefined {
    return this.#ids.before(id);
  }

  afterId(id: number): SignedRecord | undefined {
    return this.#ids.after(id);
  }

  beforeModified(modified: Micros): SignedRecord | undefined {
    return this.#modifieds.before(modified);
  }

  afterModified(modified: Micros): SignedRecord | undefined {
    return this.#modifieds.after(modified);
  }
}

type PlaceOf = (record: SignedRecord) => number;

/** Records ascending by their places, which are all different. */
class Places {
  readonly records: readonly SignedRecord[];
  readonly #placeOf: PlaceOf;
  /** Where the last look above a place ended. */
  #next = 0;

  constructor(records: readonly SignedRecord[], placeOf: PlaceOf) {
    this.records = records;
    this.#placeOf = placeOf;
  }

  tip(): number {
    return this.#placeAt(this.records.length - 1) ?? 0;
  }

  at(place: number): SignedRecord | undefined {
    const record = this.records[this.#countBelow(place)];
    return record !== undefined && this.#placeOf(record) === place ? record : undefined;
  }

  before(place: number): SignedRecord | undefined {
    return this.records[this.#countBelow(place) - 1];
  }

  after(place: number): SignedRecord | undefined {
    const isNext = this.#placeAt(this.#next) === place;
    // They are integers: the least one above is the first that is not below the next.
    this.#next = isNext ? this.#next + 1 : this.#countBelow(place + 1);
    return this.records[this.#next];
  }

  #placeAt(index: number): number | undefined {
    const record = this.records[index];
    return record && this.#placeOf(record);
  }

  #countBelow(place: number): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#placeAt(middle) as number) < place)
        low = middle + 1; // low < high: inside the list
      else high = middle;
    }
    return low;
  }
}

function byIdAscending(a: SignedRecord, b: SignedRecord): number {
  return a.id - b.id;
}

function idOf(record: SignedRecord): number {
  return record.id;
}

function modifiedOf(record: SignedRecord): Micros {
  return record.modified;
}
