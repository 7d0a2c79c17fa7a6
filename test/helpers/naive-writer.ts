/**
 * The writer's rules (R5–R9, R20) done the slow way: everything is recomputed from lists, nothing
 * is shared with the planner. The oracle for it, and the place of the switches that show what a
 * rule is good for. Its records carry no signatures.
 */

import { hash } from '#crypto';
import type { SignedRecord } from '../../src/core/record.ts';
import { encodeSnapshot } from '../../src/core/snapshot.ts';
import type { KeyBatch, Writer } from './model-writer.ts';
import { hashOf } from './records.ts';
import { slowRoot } from './slow-root.ts';

/** Which rules hold. */
export type Variant = {
  /** R20: `first` has the snapshot as record 1, `late` in the first free place. */
  readonly snapshot?: 'first' | 'late' | 'none';
  /** R8: whether an anchor is appended where the id tip is deleted; else it is just skipped. */
  readonly hasAnchor?: boolean;
  /** R7: whether what followed a deleted record and its successor is re-signed too. */
  readonly touchesFollowers?: boolean;
};

const SIGNATURE = new Uint8Array(64);
type Write = { type: string; key: string; hash: Uint8Array; value?: Uint8Array };

/** A writer that recomputes the whole stream for each batch. */
export class NaiveWriter implements Writer {
  readonly #variant: Required<Variant>;
  #records: SignedRecord[] = [];
  #lastId = 0;
  #lastModified = 0;
  #generation = 0;
  #seq = 0;
  #root: Uint8Array = new Uint8Array(32);

  constructor(variant: Variant = {}) {
    this.#variant = { snapshot: 'first', hasAnchor: true, touchesFollowers: true, ...variant };
  }

  records(): readonly SignedRecord[] {
    return this.#records;
  }

  commit(batch: KeyBatch, now: number): boolean {
    this.#generation += 1;
    const writes: Write[] = batch.puts.map((key) => ({
      type: 'obj',
      key,
      hash: hashOf(`${key} ${this.#generation}`),
    }));
    const dead = new Set(
      this.#records.filter((one) => batch.deletes.includes(one.key)).map((one) => one.id),
    );
    if (writes.length === 0 && dead.size === 0) return false;

    if (this.#variant.hasAnchor && this.#needsAnchor(writes, dead)) {
      for (const one of this.#records) if (one.key === 'anchor') dead.add(one.id);
      writes.push({ type: 'drayer', key: 'anchor', hash: hash(new Uint8Array()) });
    }
    this.#rebuild(writes, dead, now);
    return true;
  }

  #needsAnchor(writes: readonly Write[], dead: ReadonlySet<number>): boolean {
    const isAppending = writes.some((write) => find(this.#records, write) === undefined);
    const isFirstSnapshot = this.#variant.snapshot !== 'none' && this.#seq === 0;
    const tip = Math.max(...this.#records.map((one) => one.id));
    return !isAppending && !isFirstSnapshot && dead.has(tip);
  }

  #rebuild(writes: Write[], dead: ReadonlySet<number>, now: number): void {
    const survivors = this.#records.filter((one) => !dead.has(one.id));
    const touched = this.#touched(survivors, dead);
    const hasSnapshot = this.#variant.snapshot !== 'none';
    const snapshot: Write = { type: 'drayer', key: 'snapshot', hash: new Uint8Array(32) };
    const all = hasSnapshot ? [...writes, snapshot] : writes;

    // Content and place in the id chain: survivors as they are, then the writes over them.
    const ids = new Map(all.map((write) => [write, find(survivors, write)?.id]));
    const order = [...all];
    if (this.#variant.snapshot === 'first' && this.#lastId === 0) order.unshift(order.pop()!);
    for (const write of order) {
      if (ids.get(write) !== undefined) continue;
      this.#lastId += 1;
      ids.set(write, this.#lastId);
    }
    const written = new Set(ids.values());
    const still = survivors.filter((one) => !written.has(one.id) && !touched.has(one.id));
    const moved = survivors.filter((one) => !written.has(one.id) && touched.has(one.id));
    let modified = Math.max(now, this.#lastModified + 1);
    const fresh = all.map((write) => ({ ...write, id: ids.get(write)!, timestamp: now }));
    const front = [...moved, ...fresh].map((one) => ({ ...one, modified: modified++ }));
    this.#lastModified = modified - 1;
    this.#link([...still, ...front]);
    if (hasSnapshot) this.#sealWith(now);
  }

  #sealWith(now: number): void {
    const covered = this.#records.filter((one) => one.key !== 'snapshot');
    const root = slowRoot(covered);
    this.#seq += 1;
    const value = encodeSnapshot({
      seq: this.#seq,
      count: covered.length,
      root,
      time: now,
      exp: 0,
      previous: this.#root,
    });
    this.#root = root;
    this.#records = this.#records.map((one) =>
      one.key === 'snapshot' ? { ...one, value, hash: hash(value) } : one,
    );
  }

  // R3, R4: both links of every record follow from the set.
  #link(records: Omit<SignedRecord, 'prev' | 'prevChange' | 'signature'>[]): void {
    const ids = records.map((one) => one.id).sort((a, b) => a - b);
    const byModified = [...records].sort((a, b) => a.modified - b.modified);
    this.#records = byModified.map((one, index) => ({
      ...one,
      prev: ids[ids.indexOf(one.id) - 1] ?? 0,
      prevChange: byModified[index - 1]?.modified ?? 0,
      signature: SIGNATURE,
    }));
  }

  #touched(survivors: readonly SignedRecord[], dead: ReadonlySet<number>): Set<number> {
    const touched = new Set<number>();
    const follow = (record: SignedRecord): void => {
      const next = survivors.find((one) => one.modified > record.modified);
      if (next !== undefined && this.#variant.touchesFollowers) touched.add(next.id);
    };
    for (const gone of this.#records.filter((one) => dead.has(one.id))) {
      const above = survivors.filter((one) => one.id > gone.id).sort((a, b) => a.id - b.id)[0];
      // Without an anchor the id tip is only skipped in the modified chain, by a silent patch.
      if (above === undefined && !this.#variant.hasAnchor) continue;
      follow(gone);
      if (above === undefined) continue;
      touched.add(above.id);
      follow(above);
    }
    return touched;
  }
}

function find(
  records: readonly SignedRecord[],
  write: { type: string; key: string },
): SignedRecord | undefined {
  return records.find((one) => one.type === write.type && one.key === write.key);
}
