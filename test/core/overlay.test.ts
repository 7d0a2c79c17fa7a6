import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { planAccept } from '../../src/core/accept.ts';
import type { ChainView } from '../../src/core/chain.ts';
import { findBrokenLinks } from '../../src/core/completeness.ts';
import { emptyView, OverlayView } from '../../src/core/overlay.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { findDangling, planRepair } from '../../src/core/repair.ts';
import { chainViewTests } from '../helpers/chain-view-tests.ts';
import { runHistory } from '../helpers/histories.ts';
import { PlannedWriter } from '../helpers/model-writer.ts';
import { bare, linesOf, recordsOf, viewOf } from '../helpers/records.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';

chainViewTests('core/overlay: all in the overlay', (records) => viewOf(records));
chainViewTests('core/overlay: all in the base', (records) => new OverlayView(viewOf(records)));
chainViewTests('core/overlay: every second record in the base', (records) => {
  const view = new OverlayView(viewOf(records.filter((_, index) => index % 2 === 0)));
  for (const [index, record] of records.entries()) if (index % 2 === 1) view.put(record);
  return view;
});
chainViewTests('core/overlay: over a base of which all else is gone or replaced', (records) => {
  const fillers = Array.from({ length: 30 }, (_, index) => bare({ id: 100 + index }));
  const stale = records.map((record) =>
    bare({ id: record.id, modified: 5_000 + (record.id % 97) }),
  );
  const view = new OverlayView(viewOf([...fillers, ...stale]));
  for (const { id } of fillers) view.remove(id);
  for (const record of records) view.put(record);
  return view;
});
chainViewTests('core/overlay: three deep', (records) => {
  const [first, ...rest] = records;
  const low = viewOf(first === undefined ? [bare({ id: 4 })] : [first, bare({ id: 4 })]);
  const middle = new OverlayView(low);
  middle.remove(4);
  for (const record of rest.slice(0, 3)) middle.put(record);
  const top = new OverlayView(middle);
  for (const record of rest.slice(3)) top.put(record);
  return top;
});

const test = suite('core/overlay');

test('put :: takes the place of the record with that id, also in the other indexes', () => {
  const base = viewOf([bare({ id: 1, key: 'a' }), bare({ id: 2, key: 'b' })]);
  const view = new OverlayView(base);

  view.put(bare({ id: 1, key: 'c', modified: 30 }));

  assert.is(view.count(), 2);
  assert.is(view.byModified(10), undefined);
  assert.is(view.byModified(30)?.key, 'c');
  assert.equal(view.byKey('obj', 'a'), []);
  assert.equal(
    view.byKey('obj', 'c').map(({ id }) => id),
    [1],
  );
  assert.is(base.byId(1)?.key, 'a');
});

test('put :: keeps the key index up to date once it is built', () => {
  const view = viewOf([bare({ id: 1, key: 'a' })]);
  assert.is(view.byKey('obj', 'a').length, 1);

  view.put(bare({ id: 2, key: 'a' }));
  view.put(bare({ id: 3, key: 'b' }));
  view.remove(1);

  assert.equal(
    view.byKey('obj', 'a').map(({ id }) => id),
    [2],
  );
  assert.equal(
    view.byKey('obj', 'b').map(({ id }) => id),
    [3],
  );
});

test('remove :: passes over an id that is not there', () => {
  const view = new OverlayView(viewOf([bare({ id: 1 }), bare({ id: 3 })]));

  view.remove(2);
  view.remove(9);
  view.remove(1);
  view.remove(1);

  assert.is(view.count(), 1);
  assert.equal(view.changed(), { removed: [1], puts: [] });
});

test('idTip, modifiedTip :: follow what is taken from the base', () => {
  const view = new OverlayView(viewOf([bare({ id: 1, modified: 50 }), bare({ id: 2 })]));

  view.remove(1);
  assert.equal([view.idTip(), view.modifiedTip()], [2, 20]);
  view.remove(2);
  assert.equal([view.idTip(), view.modifiedTip()], [0, 0]);
});

test('changed :: has nothing that came and went', () => {
  const view = new OverlayView(viewOf([bare({ id: 1 })]));

  view.put(bare({ id: 2 }));
  view.remove(2);

  assert.equal(view.changed(), { removed: [], puts: [] });
  assert.equal(places(view), { ids: [], modifieds: [] });
});

test('changed :: orders moved records from the highest down, relinked ones last', () => {
  const base = viewOf([bare({ id: 1 }), bare({ id: 2 }), bare({ id: 3 }), bare({ id: 4 })]);
  const view = new OverlayView(base);

  view.put(bare({ id: 3, prevChange: 10 }));
  view.put(bare({ id: 2, modified: 50, prevChange: 30 }));
  view.put(bare({ id: 5, modified: 60, prevChange: 50, prev: 3 }));
  view.remove(4);

  const { removed, puts } = view.changed();
  assert.equal(removed, [4]);
  assert.equal(
    puts.map(({ id }) => id),
    [5, 2, 3],
  );
});

test('places :: names what came, what went and what stood there before', () => {
  const view = new OverlayView(viewOf([bare({ id: 1 }), bare({ id: 2 }), bare({ id: 3 })]));

  view.remove(1);
  view.put(bare({ id: 2, modified: 70 }));
  view.put(bare({ id: 9 }));

  assert.equal(places(view), { ids: [1, 2, 9], modifieds: [10, 20, 70, 90] });
});

test('apply :: does steps in their order', () => {
  const view = viewOf([bare({ id: 1 })]);

  view.apply([
    { kind: 'put', record: bare({ id: 2 }) },
    { kind: 'remove', id: 2 },
    { kind: 'remove', id: 1 },
    { kind: 'put', record: bare({ id: 3 }) },
  ]);

  assert.equal(
    recordsOf(view).map(({ id }) => id),
    [3],
  );
});

test('OverlayView :: agrees with a plain list through random changes, three layers deep', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);

  for (let round = 0; round < scaled(60); round += 1) {
    let expected = new Map<number, SignedRecord>();
    let view: OverlayView | undefined;
    for (let layer = 0; layer < 3; layer += 1) {
      view = new OverlayView(view ?? emptyView());
      for (let change = 0; change < 25; change += 1) {
        expected = changeBoth(view, expected, random);
        assertSame(view, expected, random, `seed ${seed}, round ${round}`);
      }
    }
  }
});

test('changed :: stores to the same state, layer by layer', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);

  for (let round = 0; round < scaled(100); round += 1) {
    const base = viewOf([]);
    let expected = new Map<number, SignedRecord>();
    for (let layer = 0; layer < 4; layer += 1) {
      const view = new OverlayView(base);
      for (let change = 0; change < 12; change += 1) {
        // In a stream no `modified` ever passes from one record to another.
        const fresh = 1_000 * (layer + 1) + change;
        expected = changeBoth(view, expected, random, fresh);
      }
      const { removed, puts } = view.changed();
      for (const id of removed) base.remove(id);
      for (const record of puts) base.put(record);
      assert.equal(linesOf(recordsOf(base)), linesOf(expected.values()), `seed ${seed}`);
    }
  }
});

test('changed :: goes from one complete state to another, no two rows ever sharing a place', () => {
  const seed = freshSeed();
  let complete = 0;

  for (let round = 0; round < scaled(150); round += 1) {
    const random = randomFrom(seed + round);
    const writer = new PlannedWriter({ snapshots: random.oneIn(2) });
    const generations: (readonly SignedRecord[])[] = [[]];
    runHistory(writer, random, { batches: 8, after: () => generations.push(writer.records()) });
    const base = random.pick(generations);
    const view = new OverlayView(viewOf(base));

    takeInAnything(view, generations.flat(), random);
    // Nothing else is ever stored over a complete state.
    if (findBrokenLinks(view).length > 0) continue;
    complete += 1;

    const { removed, puts } = view.changed();
    const rows = new Map(base.map((row) => [row.id, row]));
    for (const id of removed) rows.delete(id);
    for (const record of puts) {
      rows.set(record.id, record);
      const all = [...rows.values()];
      const where = `seed ${seed}, round ${round}`;
      assert.is(new Set(all.map((row) => row.modified)).size, all.length, where);
      assert.is(new Set(all.map((row) => row.prevChange)).size, all.length, where);
    }
    assert.equal(linesOf(rows.values()), linesOf(recordsOf(view)));
  }
  assert.ok(complete >= 30, `${complete} complete states`);
});

test('OverlayView :: appends 100,000 records without a look into the base', () => {
  const { view: base, lookUps } = counting(viewOf([bare({ id: 1 })]));
  const view = new OverlayView(base);
  const before = lookUps();

  for (let id = 2; id <= 100_001; id += 1) {
    view.put(bare({ id, key: 'k', hash: HASH }));
    assert.is(view.idTip(), id);
    assert.is(view.modifiedTip(), 10 * id);
  }

  assert.is(lookUps() - before, 0);
});

test('OverlayView :: walks a run of hidden records once and not once a question', () => {
  const records = Array.from({ length: 5_000 }, (_, i) =>
    bare({ id: i + 1, key: 'k', hash: HASH }),
  );
  const { view: base, lookUps } = counting(viewOf(records));
  const view = new OverlayView(base);

  for (let id = 2; id < 5_000; id += 1) view.remove(id);
  const before = lookUps();
  for (let id = 2; id < 5_000; id += 1) {
    assert.is(view.beforeId(id)?.id, 1);
    assert.is(view.afterId(id)?.id, 5_000);
    assert.is(view.beforeModified(10 * id)?.id, 1);
    assert.is(view.afterModified(10 * id)?.id, 5_000);
  }

  // One step a hidden record and question the first time, one a question after that.
  assert.ok(lookUps() - before < 8 * 5_000, `${lookUps() - before} look-ups`);
});

const HASH = new Uint8Array(32);

// Whatever of a history the rules let in, in any order, with every repair that is found.
function takeInAnything(
  view: OverlayView,
  versions: readonly SignedRecord[],
  random: Random,
): void {
  for (let left = 30; left > 0; left -= 1) {
    const acceptance = planAccept(view, random.pick(versions));
    if (acceptance.kind === 'accepted') view.apply(acceptance.steps);
    for (const { record } of findDangling(view)) {
      const answers = versions.filter(({ modified }) => modified === record.modified);
      const repair = planRepair(view, record, random.pick(answers));
      if (repair.kind === 'accepted') view.apply(repair.steps);
    }
  }
}

function places(view: OverlayView): { ids: number[]; modifieds: number[] } {
  const sorted = (numbers: Iterable<number>): number[] => [...numbers].sort((a, b) => a - b);
  const { ids, modifieds } = view.places();
  return { ids: sorted(ids), modifieds: sorted(modifieds) };
}

function changeBoth(
  view: OverlayView,
  expected: ReadonlyMap<number, SignedRecord>,
  random: Random,
  fresh?: number,
): Map<number, SignedRecord> {
  const after = new Map(expected);
  const id = 1 + random.below(30);
  if (random.oneIn(3)) {
    view.remove(id);
    after.delete(id);
    return after;
  }
  const taken = new Set([...after.values()].map(({ modified }) => modified));
  const own = after.get(id)?.modified;
  let modified = fresh ?? 1 + random.below(200);
  if (fresh !== undefined && own !== undefined && random.oneIn(3)) modified = own;
  while (taken.has(modified) && modified !== own) modified = 1 + random.below(200);
  const key = `k${random.below(4)}`;
  const record = bare({ id, modified, key, timestamp: random.below(5), prev: 0, prevChange: 0 });
  view.put(record);
  return after.set(id, record);
}

function assertSame(
  view: ChainView,
  expected: ReadonlyMap<number, SignedRecord>,
  random: Random,
  where: string,
): void {
  const all = [...expected.values()];
  const low = (from: SignedRecord[], of: (one: SignedRecord) => number): SignedRecord | undefined =>
    from.reduce<SignedRecord | undefined>((a, b) => (a && of(a) < of(b) ? a : b), undefined);
  const id = random.below(32);
  const modified = random.below(202);
  const key = `k${random.below(4)}`;
  const byId = (one: SignedRecord): number => one.id;
  const negativeId = (one: SignedRecord): number => -one.id;
  const byModified = (one: SignedRecord): number => one.modified;
  const negativeModified = (one: SignedRecord): number => -one.modified;

  assert.is(view.count(), all.length, where);
  assert.is(view.idTip(), low(all, negativeId)?.id ?? 0, where);
  assert.is(view.modifiedTip(), low(all, negativeModified)?.modified ?? 0, where);
  assert.is(view.byId(id), expected.get(id), where);
  assert.is(
    view.byModified(modified),
    all.find((one) => one.modified === modified),
    where,
  );
  assert.is(
    view.afterId(id),
    low(
      all.filter((one) => one.id > id),
      byId,
    ),
    where,
  );
  assert.is(
    view.beforeId(id),
    low(
      all.filter((one) => one.id < id),
      negativeId,
    ),
    where,
  );
  const above = all.filter((one) => one.modified > modified);
  assert.is(view.afterModified(modified), low(above, byModified), where);
  const below = all.filter((one) => one.modified < modified);
  assert.is(view.beforeModified(modified), low(below, negativeModified), where);
  const named = all.filter((one) => one.key === key);
  named.sort((a, b) => b.timestamp - a.timestamp || b.id - a.id);
  assert.equal(view.byKey('obj', key).map(byId), named.map(byId), where);
}

/** A view that counts how often it is asked. */
function counting(inner: ChainView): { view: ChainView; lookUps: () => number } {
  let asked = 0;
  const view = new Proxy(inner, {
    get(target, name) {
      const method = Reflect.get(target, name);
      return (...args: unknown[]) => {
        asked += 1;
        return Reflect.apply(method as (...a: unknown[]) => unknown, target, args);
      };
    },
  });
  return { view, lookUps: () => asked };
}

test.run();
