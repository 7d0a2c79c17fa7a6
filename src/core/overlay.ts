/**
 * Changes over a stream, held in memory: what the stream would be once they are stored.
 *
 * The planner works out a batch on one, a mirror takes in a page on one; over {@link emptyView} it
 * is a whole stream in memory. Appending at both tips is O(1) and reads nothing; anything else
 * costs O(log changes) and one or two look-ups in the base.
 */
import { type ChainView, comparePrecedence, nameOf, type Step } from './chain.ts';
import type { Micros, SignedRecord } from './record.ts';
import { SortedNumbers } from './sorted-numbers.ts';

/** Where chains were changed: whatever may have become broken is at one of these or next above. */
export type Places = {
  /** Ids that came, changed or went. */
  readonly ids: Iterable<number>;
  /** `modified`s that came, changed or went. */
  readonly modifieds: Iterable<Micros>;
};

/** What an overlay comes to, in all. */
export type Changes = {
  /** Ids of the base that are gone. */
  readonly removed: readonly number[];
  /**
   * The records that came or changed. Stored in this order, after the removals, from one complete
   * state to another, no two rows ever share a `modified` or a `prevChange`: first those with a new `modified`, the highest first,
   * then those that only had a link moved back.
   */
  readonly puts: readonly SignedRecord[];
};

/** A stream with changes over it that are nowhere stored. The base must not change meanwhile. */
export class OverlayView implements ChainView {
  readonly #base: ChainView;
  readonly #records = new Map<number, SignedRecord>();
  readonly #modified = new Map<Micros, SignedRecord>();
  readonly #idPlaces = new SortedNumbers();
  readonly #modifiedPlaces = new SortedNumbers();
  // Built when first asked for: taking in a stream never looks up a key.
  #keys: Map<string, Map<number, SignedRecord>> | undefined;

  // The base's records that are gone or replaced, and the tips of what is left of it.
  readonly #hidden = new Map<number, SignedRecord>();
  #baseIdTip: number;
  #baseModifiedTip: Micros;
  readonly #baseBeforeId: Neighbour;
  readonly #baseAfterId: Neighbour;
  readonly #baseBeforeModified: Neighbour;
  readonly #baseAfterModified: Neighbour;

  constructor(base: ChainView) {
    const isHidden = (record: SignedRecord): boolean => this.#hidden.has(record.id);
    this.#base = base;
    this.#baseIdTip = base.idTip();
    this.#baseModifiedTip = base.modifiedTip();
    this.#baseBeforeId = skipping((at) => base.beforeId(at), idOf, isHidden);
    this.#baseAfterId = skipping((at) => base.afterId(at), idOf, isHidden);
    this.#baseBeforeModified = skipping((at) => base.beforeModified(at), modifiedOf, isHidden);
    this.#baseAfterModified = skipping((at) => base.afterModified(at), modifiedOf, isHidden);
  }

  /** Puts a record in its id's place. No other record may have its `modified`. */
  put(record: SignedRecord): void {
    this.remove(record.id);
    this.#records.set(record.id, record);
    this.#modified.set(record.modified, record);
    this.#idPlaces.add(record.id);
    this.#modifiedPlaces.add(record.modified);
    if (this.#keys !== undefined) addKey(this.#keys, record);
  }

  /** Takes the record with this id out, if there is one. */
  remove(id: number): void {
    const own = this.#records.get(id);
    if (own !== undefined) this.#drop(own);
    else if (id <= this.#baseIdTip && !this.#hidden.has(id)) this.#hide(this.#base.byId(id));
  }

  /** Does what a plan says, in its order. */
  apply(steps: readonly Step[]): void {
    for (const step of steps) {
      if (step.kind === 'remove') this.remove(step.id);
      else this.put(step.record);
    }
  }

  /** What it comes to, for storing. */
  changed(): Changes {
    const removed = [...this.#hidden.keys()].filter((id) => !this.#records.has(id));
    const moved: SignedRecord[] = [];
    const relinked: SignedRecord[] = [];
    for (const record of this.#records.values()) {
      const isInPlace = this.#hidden.get(record.id)?.modified === record.modified;
      (isInPlace ? relinked : moved).push(record);
    }
    return { removed, puts: [...moved.sort((a, b) => b.modified - a.modified), ...relinked] };
  }

  /** Where it changed, for a check of those places alone. */
  places(): Places {
    const records = [...this.#hidden.values(), ...this.#records.values()];
    return { ids: new Set(records.map(idOf)), modifieds: new Set(records.map(modifiedOf)) };
  }

  idTip(): number {
    return Math.max(this.#idPlaces.last() ?? 0, this.#baseIdTip);
  }

  modifiedTip(): Micros {
    return Math.max(this.#modifiedPlaces.last() ?? 0, this.#baseModifiedTip);
  }

  count(): number {
    return this.#base.count() - this.#hidden.size + this.#records.size;
  }

  byId(id: number): SignedRecord | undefined {
    return this.#records.get(id) ?? this.#visible(this.#base.byId(id));
  }

  byModified(modified: Micros): SignedRecord | undefined {
    return this.#modified.get(modified) ?? this.#visible(this.#base.byModified(modified));
  }

  byKey(type: string, key: string): readonly SignedRecord[] {
    if (this.#keys === undefined) {
      this.#keys = new Map();
      for (const record of this.#records.values()) addKey(this.#keys, record);
    }
    const own = this.#keys.get(nameOf(type, key))?.values() ?? [];
    const base = this.#base.byKey(type, key).filter((record) => !this.#hidden.has(record.id));
    return [...own, ...base].sort(comparePrecedence);
  }

  beforeId(id: number): SignedRecord | undefined {
    const own = this.#atId(this.#idPlaces.below(id));
    return higher(own, this.#baseBeforeId(id), idOf);
  }

  afterId(id: number): SignedRecord | undefined {
    const own = this.#atId(this.#idPlaces.above(id));
    return lower(own, this.#baseAfterId(id), idOf);
  }

  beforeModified(modified: Micros): SignedRecord | undefined {
    const own = this.#atModified(this.#modifiedPlaces.below(modified));
    return higher(own, this.#baseBeforeModified(modified), modifiedOf);
  }

  afterModified(modified: Micros): SignedRecord | undefined {
    const own = this.#atModified(this.#modifiedPlaces.above(modified));
    return lower(own, this.#baseAfterModified(modified), modifiedOf);
  }

  #atId(id: number | undefined): SignedRecord | undefined {
    return id === undefined ? undefined : this.#records.get(id);
  }

  #atModified(modified: Micros | undefined): SignedRecord | undefined {
    return modified === undefined ? undefined : this.#modified.get(modified);
  }

  #visible(record: SignedRecord | undefined): SignedRecord | undefined {
    return record !== undefined && this.#hidden.has(record.id) ? undefined : record;
  }

  #drop(own: SignedRecord): void {
    this.#records.delete(own.id);
    this.#modified.delete(own.modified);
    this.#idPlaces.delete(own.id);
    this.#modifiedPlaces.delete(own.modified);
    this.#keys?.get(nameOf(own.type, own.key))?.delete(own.id);
  }

  #hide(record: SignedRecord | undefined): void {
    if (record === undefined) return;
    this.#hidden.set(record.id, record);
    if (record.id === this.#baseIdTip) this.#baseIdTip = this.#baseBeforeId(record.id)?.id ?? 0;
    if (record.modified === this.#baseModifiedTip) {
      this.#baseModifiedTip = this.#baseBeforeModified(record.modified)?.modified ?? 0;
    }
  }
}

/** Returns the view of a stream without records. */
export function emptyView(): ChainView {
  const none = (): undefined => undefined;
  return {
    idTip: () => 0,
    modifiedTip: () => 0,
    count: () => 0,
    byId: none,
    byModified: none,
    byKey: () => [],
    beforeId: none,
    afterId: none,
    beforeModified: none,
    afterModified: none,
  };
}

type Neighbour = (at: number) => SignedRecord | undefined;
type PlaceOf = (record: SignedRecord) => number;

// The neighbour that is not hidden. What is hidden stays hidden, so the way past it is remembered:
// a run of ten thousand hidden records is walked once and not once a question.
function skipping(
  step: Neighbour,
  placeOf: PlaceOf,
  isHidden: (record: SignedRecord) => boolean,
): Neighbour {
  const jumps = new Map<number, number>();
  return (from) => {
    const passed: number[] = [];
    let at = from;
    for (;;) {
      for (let jump = jumps.get(at); jump !== undefined; jump = jumps.get(at)) {
        passed.push(at);
        at = jump;
      }
      const record = step(at);
      if (record === undefined || !isHidden(record)) {
        for (const place of passed) jumps.set(place, at);
        return record;
      }
      passed.push(at);
      at = placeOf(record);
    }
  };
}

function higher(
  a: SignedRecord | undefined,
  b: SignedRecord | undefined,
  placeOf: PlaceOf,
): SignedRecord | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return placeOf(a) > placeOf(b) ? a : b;
}

function lower(
  a: SignedRecord | undefined,
  b: SignedRecord | undefined,
  placeOf: PlaceOf,
): SignedRecord | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return placeOf(a) < placeOf(b) ? a : b;
}

function idOf(record: SignedRecord): number {
  return record.id;
}

function modifiedOf(record: SignedRecord): Micros {
  return record.modified;
}

function addKey(keys: Map<string, Map<number, SignedRecord>>, record: SignedRecord): void {
  const key = nameOf(record.type, record.key);
  const held = keys.get(key);
  if (held === undefined) keys.set(key, new Map([[record.id, record]]));
  else held.set(record.id, record);
}
