/** A writer in memory: what store/ does around planBatch, without a file. */

import type { Step } from '../../src/core/chain.ts';
import { emptyView, OverlayView } from '../../src/core/overlay.ts';
import type { Batch, Mark } from '../../src/core/plan-batch.ts';
import { planBatch } from '../../src/core/plan-batch.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { emptyTrieSource, SnapshotTrie } from '../../src/core/trie.ts';
import { hashOf, recordsOf, TEST_KEYS } from './records.ts';

/** A batch by keys: `['a', 'b']` are put with a new value each, then deleted. */
export type KeyBatch = { puts: readonly string[]; deletes: readonly string[] };

/** What a model needs of a writer, whichever it is. */
export type Writer = {
  /** Commits a batch at this clock; tells whether anything changed. */
  commit(batch: KeyBatch, now: number): boolean;
  /** The live records, ascending in `modified`. */
  records(): readonly SignedRecord[];
};

/** The real planner on a stream in memory. */
export class PlannedWriter implements Writer {
  readonly view: OverlayView = new OverlayView(emptyView());
  readonly trie: SnapshotTrie = new SnapshotTrie(emptyTrieSource());
  snapshot: Snapshot | undefined;
  mark: Mark | undefined;
  /** The steps of the last batch. */
  steps: readonly Step[] = [];
  readonly #hasSnapshots: boolean;
  #generation = 0;

  constructor({ snapshots = true }: { snapshots?: boolean } = {}) {
    this.#hasSnapshots = snapshots;
  }

  commit(batch: KeyBatch, now: number): boolean {
    this.#generation += 1;
    const put = (key: string): Batch['puts'][number] => ({
      type: 'obj',
      key,
      hash: hashOf(`${key} ${this.#generation}`),
    });
    return this.commitBatch(
      {
        puts: batch.puts.map(put),
        deletes: batch.deletes.map((key) => ({ type: 'obj', key })),
      },
      now,
    );
  }

  /** Commits a batch as it is. */
  commitBatch(batch: Batch, now: number): boolean {
    const plan = planBatch(this.view, batch, {
      now,
      secretKey: TEST_KEYS.secretKey,
      mark: this.mark,
      snapshot: this.#hasSnapshots ? { trie: this.trie, previous: this.snapshot } : undefined,
    });
    this.steps = plan.steps;
    this.view.apply(plan.steps);
    this.mark = plan.mark;
    this.snapshot = plan.snapshot;
    return plan.steps.length > 0;
  }

  records(): readonly SignedRecord[] {
    return recordsOf(this.view);
  }
}
