/** One key, two writers: a restored backup, a second machine, a retried CI job (T035). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SignedRecord } from '../../src/core/record.ts';
import { randomBatch } from '../helpers/histories.ts';
import { ModelMirror, sourceOf } from '../helpers/model-mirror.ts';
import { type KeyBatch, PlannedWriter } from '../helpers/model-writer.ts';
import { linesOf } from '../helpers/records.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';

const ROUNDS = scaled(150);
const seed = freshSeed();
const test = suite('core/two-histories');

test('two histories :: show at the first contact with both sides, whoever was first (R16, R22)', () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const where = `seed ${seed}, round ${round}`;
    const { one, other } = race(randomFrom(seed + round), { snapshots: true, generations: [1, 1] });

    for (const [first, second] of [
      [one, other],
      [other, one],
    ] as const) {
      const mirror = new ModelMirror();
      assert.ok(mirror.sync(sourceOf(first), { page: 3 }), where);
      mirror.sync(sourceOf(second), { page: 3 });
      assert.ok(mirror.hasProof, where);
      assert.is(state(mirror.visible), state(first), where);
    }
  }
});

test('two histories :: show also where the other side has gone on by one (R22)', () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const { one, other } = race(randomFrom(seed + round), { snapshots: true, generations: [1, 2] });
    const mirror = new ModelMirror();
    mirror.sync(sourceOf(one), { page: 3 });

    mirror.sync(sourceOf(other), { page: 3 });

    assert.ok(mirror.hasProof, `seed ${seed}, round ${round}`);
    assert.is(state(mirror.visible), state(one));
  }
});

test('two histories :: are never mixed in what is complete (R13, R22)', () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    assert.not(isMixed(seed + round, true), `seed ${seed}, round ${round}`);
  }
});

test('two histories :: can be mixed without snapshots (control for R22)', () => {
  const rounds = Array.from({ length: 200 }, (_, round) => round);

  assert.ok(rounds.some((round) => isMixed(round, false)));
});

test('two histories :: do not show where there is one (control)', () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const { common, one } = race(randomFrom(seed + round), {
      snapshots: true,
      generations: [1, 1],
    });
    const mirror = new ModelMirror();

    for (const records of [common, one, common, one]) mirror.sync(sourceOf(records), { page: 2 });

    assert.not(mirror.hasProof, `seed ${seed}, round ${round}`);
    assert.is(state(mirror.visible), state(one));
  }
});

// Whether a mirror that goes from one side to the other, interrupted now and then, ever shows a
// state that neither side was in.
function isMixed(from: number, snapshots: boolean): boolean {
  const random = randomFrom(from);
  const generations = [1 + random.below(3), 1 + random.below(3)] as const;
  const { one, other, states } = race(random, { snapshots, generations });
  const mirror = new ModelMirror();
  for (let contact = 0; contact < 6 && !mirror.hasProof; contact += 1) {
    const source = sourceOf(random.pick([one, other]));
    const stopAfter = random.oneIn(2) ? random.below(6) : undefined;
    mirror.sync(source, { page: 1 + random.below(3), stopAfter });
    if (!states.has(state(mirror.visible))) return true;
  }
  return false;
}

type Race = {
  readonly common: readonly SignedRecord[];
  readonly one: readonly SignedRecord[];
  readonly other: readonly SignedRecord[];
  /** Every state either side was ever in. */
  readonly states: ReadonlySet<string>;
};

// Both writers come from the same file; then each writes on its own, its clock before, at or after
// the other's.
function race(
  random: Random,
  { snapshots, generations }: { snapshots: boolean; generations: readonly [number, number] },
): Race {
  const [left, right] = [new PlannedWriter({ snapshots }), new PlannedWriter({ snapshots })];
  const states = new Set([state([])]);
  let now = 1_000;
  const both = (batch: KeyBatch): void => {
    now += random.below(50);
    for (const writer of [left, right]) {
      writer.commit(batch, now);
      states.add(state(writer.records()));
    }
  };
  both({ puts: ['a', 'b', 'c', 'd'], deletes: [] });
  for (let more = random.below(4); more > 0; more -= 1) both(randomBatch(left, random));
  const common = left.records();
  for (const [index, writer] of [left, right].entries()) {
    for (let made = 0; made < generations[index]!; made += 1) {
      // A key of its own in each batch: the two sides do differ.
      const batch = randomBatch(writer, random);
      const puts = [...batch.puts, `${index} ${made}`];
      writer.commit({ ...batch, puts }, now + 10 * random.below(4) + 100 * made);
      states.add(state(writer.records()));
    }
  }
  return { common, one: left.records(), other: right.records(), states };
}

function state(records: readonly SignedRecord[]): string {
  return linesOf(records).join('\n');
}

test.run();
