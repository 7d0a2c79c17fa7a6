import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_INTEGER } from '../../src/core/record.ts';
import { SortedNumbers } from '../../src/core/sorted-numbers.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';

const test = suite('core/sorted-numbers');

test('SortedNumbers :: has no neighbours when empty', () => {
  const numbers = new SortedNumbers();

  assert.is(numbers.last(), undefined);
  assert.is(numbers.below(5), undefined);
  assert.is(numbers.above(5), undefined);
});

test('SortedNumbers :: is empty again after everything is taken out', () => {
  const numbers = new SortedNumbers();
  for (let n = 0; n < 5_000; n += 1) numbers.add(n);

  for (let n = 0; n < 5_000; n += 1) numbers.delete(n);

  assert.is(numbers.last(), undefined);
  assert.is(numbers.above(-1), undefined);
  numbers.add(7);
  assert.is(numbers.last(), 7);
});

test('SortedNumbers :: tells neighbours apart at the end of the safe integers', () => {
  const numbers = new SortedNumbers();
  for (const n of [MAX_INTEGER - 2, MAX_INTEGER, MAX_INTEGER - 1]) numbers.add(n);

  assert.is(numbers.below(MAX_INTEGER), MAX_INTEGER - 1);
  assert.is(numbers.above(MAX_INTEGER - 2), MAX_INTEGER - 1);
  assert.is(numbers.above(MAX_INTEGER), undefined);
});

const ORDERS: [string, (index: number) => number][] = [
  ['ascending', (index) => index],
  ['descending', (index) => 10_000 - index],
  ['from both ends', (index) => (index % 2 === 0 ? index : 20_000 - index)],
];
for (const [name, at] of ORDERS) {
  test(`SortedNumbers :: keeps 5,000 numbers sorted that come ${name}`, () => {
    const numbers = new SortedNumbers();
    const all = Array.from({ length: 5_000 }, (_, index) => at(index));

    for (const n of all) numbers.add(n);

    assert.equal(
      [...ascending(numbers)],
      [...all].sort((a, b) => a - b),
    );
    assert.equal(
      [...descending(numbers)],
      [...all].sort((a, b) => b - a),
    );
  });
}

test('SortedNumbers :: agrees with a sorted list through random changes', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  const numbers = new SortedNumbers();
  const expected = new Set<number>();

  for (let change = 0; change < scaled(20_000); change += 1) {
    const n = random.below(8_000);
    // More come than go at first, then more go than come: blocks split, then empty.
    const isLeaving = random.oneIn(change < scaled(12_000) ? 4 : 1.5);
    if (expected.has(n) && isLeaving) {
      numbers.delete(n);
      expected.delete(n);
    } else if (!expected.has(n) && !isLeaving) {
      numbers.add(n);
      expected.add(n);
    }
    if (change % 1_000 !== 0) continue;
    assert.equal(
      [...ascending(numbers)],
      [...expected].sort((a, b) => a - b),
      `seed ${seed}`,
    );
  }
});

test('SortedNumbers :: adds 200,000 numbers in random order without moving them all each time', () => {
  const random = randomFrom(1);
  const numbers = new SortedNumbers();
  const all = new Set(Array.from({ length: 200_000 }, () => random.below(MAX_INTEGER)));

  for (const n of all) numbers.add(n);

  assert.is([...ascending(numbers)].length, all.size);
});

function* ascending(numbers: SortedNumbers): Generator<number> {
  for (let n = numbers.above(-1); n !== undefined; n = numbers.above(n)) yield n;
}

function* descending(numbers: SortedNumbers): Generator<number> {
  for (let n = numbers.last(); n !== undefined; n = numbers.below(n)) yield n;
}

test.run();
