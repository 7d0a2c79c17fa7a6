/** Whether a later generation comes from an earlier one: always for a history's own, as far as can be told for another's. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findForeign } from '../../src/core/ancestry.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { randomBatch } from '../helpers/histories.ts';
import { PlannedWriter } from '../helpers/model-writer.ts';
import { record, viewOf } from '../helpers/records.ts';
import { type Random, randomFrom, scaled } from '../helpers/scale.ts';

const test = suite('core/ancestry');

const HELD = [record({ id: 1 }), record({ id: 2 }), record({ id: 4, prev: 2, prevChange: 20 })];

const CASES: readonly [name: string, shown: SignedRecord, isForeign: boolean][] = [
  ['the same record', record({ id: 2 }), false],
  ['a silent patch', record({ id: 4, prev: 2, prevChange: 10 }), false],
  ['a later version under its name', record({ id: 2, key: 'k2', modified: 50 }), false],
  ['a new id above all others', record({ id: 5, modified: 50 }), false],
  ['a held id under another name', record({ id: 2, key: 'other', modified: 50 }), true],
  ['an id that was used up', record({ id: 3, modified: 50 }), true],
  [
    'a new id that was signed before the tip',
    record({ id: 5, modified: 35, prevChange: 20 }),
    true,
  ],
  ['a held id at an earlier place', record({ id: 4, modified: 35, prevChange: 20 }), true],
  ['the same place with another value', record({ id: 2, hash: new Uint8Array(32) }), true],
  ['the same place with another timestamp', record({ id: 2, timestamp: 21 }), true],
];

for (const [name, shown, isForeign] of CASES) {
  test(`findForeign :: ${name} ${isForeign ? 'is of another history' : 'may follow'} (R22)`, () => {
    assert.is(findForeign(viewOf(HELD), [shown]) !== undefined, isForeign);
  });
}

test('findForeign :: names what shows it, and what is held in its place', () => {
  const shown = record({ id: 2, key: 'other', modified: 50 });

  const foreign = findForeign(viewOf(HELD), [shown]);

  assert.is(foreign?.shown, shown);
  assert.is(foreign?.held?.id, 2);
  assert.match(foreign?.detail ?? '', 'record 2 at 50');
});

test('findForeign :: no generation of a history is foreign to an earlier one, whatever is skipped', () => {
  for (let seed = 1; seed <= scaled(60); seed += 1) {
    const random = randomFrom(seed);
    const writer = new PlannedWriter();
    const states = [run(writer, random, { batches: 3, from: 1_000 })];
    for (let left = 6; left > 0; left -= 1) {
      states.push(run(writer, random, { batches: 1 + random.below(4), from: 1_000 }));
    }
    states.forEach((early, at) => {
      for (const late of states.slice(at)) assert.is(findForeign(viewOf(early), late), undefined);
    });
  }
});

test('findForeign :: another history goes by only where it has written over all that tells it apart', () => {
  let [found, passed] = [0, 0];
  for (let seed = 1; seed <= scaled(300); seed += 1) {
    const random = randomFrom(seed);
    const common = { seed, batches: 2 + random.below(4) };
    const [ours, theirs] = [history(common), history(common)];
    const held = run(ours, random, { batches: 1, from: 2_000 });
    // Signed later, and more often: by its number alone it is the newer one.
    const shown = run(theirs, random, { batches: 2 + random.below(3), from: 3_000 });
    const isToldApart = difference(held, shown, run(history(common), random, { batches: 0 }));

    const foreign = findForeign(viewOf(held), shown);

    if (foreign === undefined) assert.not(isToldApart, `seed ${seed}`);
    if (foreign === undefined) passed += 1;
    else found += 1;
  }
  // Half a dozen of keys that are written over and over: elsewhere it is found more often.
  assert.ok(found > passed, `${found} found, ${passed} passed`);
});

/** Whether anything that only ours has changed since the fork is still in theirs as it was, or the reverse. */
function difference(
  held: readonly SignedRecord[],
  shown: readonly SignedRecord[],
  common: readonly SignedRecord[],
): boolean {
  const places = new Set(held.map(placeOf));
  return common.some((one) => {
    const isTheirs = shown.some((other) => placeOf(other) === placeOf(one));
    return isTheirs && !places.has(placeOf(one));
  });
}

function placeOf({ id, modified }: SignedRecord): string {
  return `${id} ${modified}`;
}

function history({ seed, batches }: { seed: number; batches: number }): PlannedWriter {
  const writer = new PlannedWriter();
  run(writer, randomFrom(seed), { batches, from: 1_000 });
  return writer;
}

/** Some random batches; the records after them. */
function run(
  writer: PlannedWriter,
  random: Random,
  { batches, from = 0 }: { batches: number; from?: number },
): readonly SignedRecord[] {
  for (let left = batches; left > 0; left -= 1) {
    writer.commit(randomBatch(writer, random), from + left * 10);
  }
  return writer.records();
}

test.run();
