/**
 * How the original program takes in records as a mirror, its bugs included: B4 (collects the wrong
 * row, and one only), B5 (asks for one repair where two are needed), B6. Written from its
 * behaviour, checked against what it really did (test/vectors/sync-traces).
 *
 * The signature checks are left out: everything it is given here is signed.
 */
import type { SignedRecord } from '../../src/core/record.ts';

/** What the original asks of a server. */
export type OriginalServer = {
  /** All records with a higher `modified`, ascending. */
  newRecords(since: number): readonly SignedRecord[];
  /** The record with the greatest prevchange up to `old`; undefined is its 500. */
  crdr(old: number): SignedRecord | undefined;
};

/** A mirror of the original; its error messages are those of the original, shortened. */
export class OriginalMirror {
  rows: ReadonlyMap<number, SignedRecord>;

  constructor(rows: Iterable<SignedRecord> = []) {
    this.rows = new Map([...rows].map((row) => [row.id, row]));
  }

  /** One sync; returns the error that ended it, if one did. What came before it is kept. */
  sync(server: OriginalServer): string | undefined {
    for (const record of server.newRecords(this.#last('modified'))) {
      const before = this.rows;
      try {
        this.#insert(record, server);
      } catch (error) {
        this.rows = before;
        return (error as Error).message;
      }
    }
    return undefined;
  }

  /** What it answers to newRecords/0: undefined is its 500, when any row does not validate. */
  serve(): readonly SignedRecord[] | undefined {
    const before = this.rows;
    try {
      for (const { id } of [...before.values()]) this.#validate(id);
      return [...before.values()].sort((a, b) => a.modified - b.modified);
    } catch {
      this.rows = before;
      return undefined;
    }
  }

  #insert(record: SignedRecord, server: OriginalServer): void {
    const { id, modified, prev, prevChange } = record;
    const oldPrev = this.rows.get(id)?.prev ?? 0;
    const tip = this.#last('modified');
    if (modified <= tip) {
      if (modified === tip && this.#byModified(modified)?.id === id) return;
      throw new Error('modified cannot be before the tip');
    }
    if (prevChange !== 0 && this.#byModified(prevChange) === undefined) {
      throw new Error('must connect to an existing value');
    }
    if (prevChange !== tip) this.#deleteWhere((row) => row.modified > prevChange);

    if (prev !== this.#last('id')) {
      const before = this.rows.get(prev);
      const after = this.#next('id', id);
      if (before !== undefined) {
        if (modified <= before.modified) throw new Error('cannot connect to newer with older');
        this.#collect(id, prev, server);
      } else if (after !== undefined && after.prev < id) {
        throw new Error('already deleted');
      }
    }

    const old = this.rows.get(id);
    if (old !== undefined) {
      const pointing = this.#pointingTo(old.modified);
      this.#deleteWhere((row) => row.id === id);
      if (pointing !== undefined) this.#repair(old.prevChange, pointing, server);
    }
    this.#put(record);
    this.#validate(id);
    if (oldPrev !== 0 && oldPrev !== prev) this.#deleteIfSkipped(oldPrev);
  }

  // B4: looks at one of the rows between, then deletes the row that is being written.
  #collect(id: number, prev: number, server: OriginalServer | undefined): void {
    const between = [...this.rows.values()].filter((row) => row.id > prev && row.id < id);
    const newest = between.sort((a, b) => b.modified - a.modified)[0];
    if (newest === undefined) return;
    const pointing = this.#pointingTo(newest.modified);
    if (pointing !== undefined) this.#repair(newest.prevChange, pointing, server);
    this.#deleteWhere((row) => row.id === id);
  }

  #repair(expected: number, dangling: SignedRecord, server: OriginalServer | undefined): void {
    const answer = server?.crdr(expected);
    if (answer === undefined) throw new Error('no answer to crdr');
    if (answer.prevChange >= dangling.prevChange) throw new Error('impossible pointer value');
    const replaced = this.rows.get(answer.id);
    if (replaced === undefined) throw new Error('does not replace an existing record');
    if (answer.prevChange >= replaced.prevChange) throw new Error('sanity check fail');
    if (answer.modified < replaced.modified) throw new Error('refusing to replace with older');
    if (answer.prevChange > expected) throw new Error('would not repair chain');
    // It hands on no address here: a repair within the repair fails.
    if (answer.prev !== replaced.prev) this.#collect(replaced.prev, answer.prev, undefined);
    const { prevChange, modified } = answer;
    this.#deleteWhere((row) => row.modified > prevChange && row.modified < modified);
    this.#put(answer);
    this.#validate(answer.id);
  }

  #validate(id: number): void {
    const row = this.rows.get(id);
    if (row === undefined || this.#deleteIfSkipped(id))
      throw new Error('deleted by a later change');
    if (row.prevChange !== 0 && this.#byModified(row.prevChange) === undefined) {
      throw new Error('does not fit onto mchain');
    }
  }

  #deleteIfSkipped(id: number): boolean {
    const row = this.rows.get(id);
    if (row === undefined) return true;
    const above = this.#next('id', id);
    const later = this.#next('modified', row.modified);
    const isSkipped =
      (above !== undefined && above.prev < id) ||
      (later !== undefined && later.prevChange < row.modified);
    if (isSkipped) this.#deleteWhere((one) => one.id === id);
    return isSkipped;
  }

  #put(record: SignedRecord): void {
    this.#deleteWhere((row) => row.id === record.id);
    for (const row of this.rows.values()) {
      if (row.modified === record.modified) throw new Error('UNIQUE modified');
      if (row.prevChange === record.prevChange) throw new Error('UNIQUE prevchange');
    }
    this.rows = new Map(this.rows).set(record.id, record);
  }

  #deleteWhere(isGone: (row: SignedRecord) => boolean): void {
    this.rows = new Map([...this.rows].filter(([, row]) => !isGone(row)));
  }

  #byModified(modified: number): SignedRecord | undefined {
    return [...this.rows.values()].find((row) => row.modified === modified);
  }

  #pointingTo(modified: number): SignedRecord | undefined {
    return [...this.rows.values()].find((row) => row.prevChange === modified);
  }

  #last(field: 'id' | 'modified'): number {
    return Math.max(0, ...[...this.rows.values()].map((row) => row[field]));
  }

  #next(field: 'id' | 'modified', above: number): SignedRecord | undefined {
    const later = [...this.rows.values()].filter((row) => row[field] > above);
    return later.sort((a, b) => a[field] - b[field])[0];
  }
}
