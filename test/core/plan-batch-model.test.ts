/** Random histories: the planner against a writer that recomputes everything from lists. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Step } from '../../src/core/chain.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { runHistory } from '../helpers/histories.ts';
import { PlannedWriter } from '../helpers/model-writer.ts';
import { NaiveWriter } from '../helpers/naive-writer.ts';
import { linesOf } from '../helpers/records.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { slowRoot } from '../helpers/slow-root.ts';

const seed = freshSeed();
const test = suite('core/plan-batch-model');

for (const snapshots of [true, false]) {
  const name = snapshots ? 'with snapshots' : 'without snapshots';

  test(`planBatch :: makes the very stream the slow writer makes, ${name} (R5–R9, R20)`, () => {
    for (let round = 0; round < scaled(150); round += 1) {
      const planned = new PlannedWriter({ snapshots });
      const naive = new NaiveWriter({ snapshot: snapshots ? 'first' : 'none' });
      const both = {
        records: () => planned.records(),
        commit: (...args: Parameters<PlannedWriter['commit']>) => {
          assert.is(planned.commit(...args), naive.commit(...args), `seed ${seed}`);
          return true;
        },
      };

      runHistory(both, randomFrom(seed + round), {
        batches: 12,
        after: (batch) => {
          const where = `seed ${seed}, round ${round}: ${JSON.stringify(batch)}`;
          assert.equal(linesOf(planned.records()), linesOf(naive.records()), where);
        },
      });
    }
  });

  test(`planBatch :: keeps both columns unique after each single step, ${name}`, () => {
    for (let round = 0; round < scaled(150); round += 1) {
      const writer = new PlannedWriter({ snapshots });
      let rows: readonly SignedRecord[] = [];

      runHistory(writer, randomFrom(seed + round), {
        batches: 15,
        after: () => {
          runOneByOne(rows, writer.steps, `seed ${seed}, round ${round}`);
          rows = writer.records();
        },
      });
    }
  });
}

test('planBatch :: touches each record once in a batch (R9)', () => {
  for (let round = 0; round < scaled(100); round += 1) {
    const writer = new PlannedWriter();

    runHistory(writer, randomFrom(seed + round), {
      batches: 15,
      after: () => {
        const ids = writer.steps.map((step) => (step.kind === 'put' ? step.record.id : step.id));
        assert.is(new Set(ids).size, ids.length, `seed ${seed}, round ${round}`);
      },
    });
  }
});

test('planBatch :: keeps the trie at the root of the live records (R21)', () => {
  for (let round = 0; round < scaled(60); round += 1) {
    const writer = new PlannedWriter();

    runHistory(writer, randomFrom(seed + round), {
      batches: 15,
      after: () => {
        const covered = writer.records().filter(({ key }) => key !== 'snapshot');
        assert.equal(writer.snapshot?.root, slowRoot(covered), `seed ${seed}, round ${round}`);
        assert.is(writer.snapshot?.count, covered.length);
      },
    });
  }
});

// What the table's two UNIQUE constraints see.
function runOneByOne(before: readonly SignedRecord[], steps: readonly Step[], where: string): void {
  const rows = new Map(before.map((row) => [row.id, row]));
  for (const step of steps) {
    if (step.kind === 'remove') rows.delete(step.id);
    else rows.set(step.record.id, step.record);
    const all = [...rows.values()];
    assert.is(new Set(all.map((row) => row.modified)).size, all.length, where);
    assert.is(new Set(all.map((row) => row.prevChange)).size, all.length, where);
  }
}

test.run();
