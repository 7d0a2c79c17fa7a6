import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sign } from '#crypto';
import type { ChainView } from '../../src/core/chain.ts';
import { findBrokenLinks } from '../../src/core/completeness.ts';
import { OverlayView } from '../../src/core/overlay.ts';
import { type Batch, type PlanOptions, planBatch } from '../../src/core/plan-batch.ts';
import { MAX_INTEGER, type SignedRecord } from '../../src/core/record.ts';
import { SIGNED_BYTES, verifyRecord } from '../../src/core/signing.ts';
import { decodeSnapshot } from '../../src/core/snapshot.ts';
import { emptyTrieSource, SnapshotTrie } from '../../src/core/trie.ts';
import { PlannedWriter } from '../helpers/model-writer.ts';
import {
  bare,
  hashOf,
  record,
  recordsOf,
  stepLines,
  TEST_KEYS,
  viewOf,
} from '../helpers/records.ts';
import { slowRoot } from '../helpers/slow-root.ts';
import { throwsCode } from '../helpers/throws.ts';

const ZERO_ROOT = new Uint8Array(32);
const OPTIONS: PlanOptions = { now: 1_000, secretKey: TEST_KEYS.secretKey };

/** Ids 1 to 4 with keys a to d, modified 10 to 40: in the same order in both chains. */
const FOUR = ['a', 'b', 'c', 'd'].map((key, index) => record({ id: index + 1, key }));

const test = suite('core/plan-batch');

test('planBatch :: appends new records at both tips (R5)', () => {
  assert.equal(linksAfter(FOUR, { puts: ['e', 'f'] }), [
    '1<-0 10<-0 a',
    '2<-1 20<-10 b',
    '3<-2 30<-20 c',
    '4<-3 40<-30 d',
    '5<-4 1000<-40 e',
    '6<-5 1001<-1000 f',
  ]);
});

test('planBatch :: moves an updated record to the front and closes the gap (R6)', () => {
  assert.equal(linksAfter(FOUR, { puts: ['b'] }), [
    '1<-0 10<-0 a',
    '3<-2 30<-10 c',
    '4<-3 40<-30 d',
    '2<-1 1000<-40 b',
  ]);
});

test('planBatch :: updates the modified tip without a silent patch (R6)', () => {
  const { steps } = plan(FOUR, { puts: ['d'] });

  assert.equal(stepLines(steps), ['+4@1000']);
  assert.is(links(applied(FOUR, steps)).at(-1), '4<-3 1000<-30 d');
});

test('planBatch :: closes a gap of several neighbours with one patch (R6, R9)', () => {
  const { steps } = plan(FOUR, { puts: ['c', 'a', 'b'] });

  assert.equal(stepLines(steps), ['+2@1002', '+1@1001', '+3@1000', '+4@40']);
  assert.equal(links(applied(FOUR, steps)), [
    '4<-3 40<-0 d',
    '3<-2 1000<-40 c',
    '1<-0 1001<-1000 a',
    '2<-1 1002<-1001 b',
  ]);
});

test('planBatch :: re-signs what follows a deleted record in both chains (R7)', () => {
  const five = [...FOUR, record({ id: 5, key: 'e' })];

  // Above 2 in the id chain: 3. After 2 in the modified chain: 3. After 3: 4.
  assert.equal(linksAfter(five, { deletes: ['b'] }), [
    '1<-0 10<-0 a',
    '5<-4 50<-10 e',
    '3<-1 1000<-50 c',
    '4<-3 1001<-1000 d',
  ]);
});

test('planBatch :: keeps value and timestamp of what a delete touches (R7)', () => {
  const { steps } = plan(FOUR, { deletes: ['a'] });

  const touched = steps.flatMap((step) => (step.kind === 'put' ? [step.record] : []));
  assert.equal(
    touched.map(({ id, timestamp }) => [id, timestamp]),
    [
      [3, 30],
      [2, 20],
      [4, 40],
    ],
  );
  assert.ok(touched.every(({ id, hash }) => hex(hash) === hex(hashOf(`v${id}`))));
});

test('planBatch :: whoever signs is given all records at once but the snapshot, which covers them', () => {
  const asked: number[] = [];
  let handed = 0;
  const beginSigning: PlanOptions['beginSigning'] = (messages, secretKey) => {
    handed = messages.length / SIGNED_BYTES;
    return (index) => {
      asked.push(index);
      return sign(messages.slice(index * SIGNED_BYTES, (index + 1) * SIGNED_BYTES), secretKey);
    };
  };
  const snapshot = { trie: new SnapshotTrie(emptyTrieSource()) };
  const batch = {
    puts: ['e', 'b'].map((key) => ({ type: 'obj', key, hash: hashOf(`new ${key}`) })),
    deletes: [{ type: 'obj', key: 'a' }],
  };

  const { steps } = planBatch(viewOf(FOUR), batch, { ...OPTIONS, beginSigning, snapshot });

  const signed = steps.flatMap((step) => (step.kind === 'put' ? [step.record] : []));
  for (const each of signed) verifyRecord(each, TEST_KEYS.publicKey);
  assert.is(handed, signed.length - 1);
  assert.equal(asked.sort(), [...asked.keys()]);
  assert.is(asked.length, handed);
});

test('planBatch :: signs what is touched twice over once, with all that changes (R9)', () => {
  const { steps } = plan(FOUR, { puts: ['c'], deletes: ['a', 'b'] });

  assert.equal(stepLines(steps), ['-1', '-2', '+3@1001', '+4@1000']);
  assert.equal(links(applied(FOUR, steps)), ['4<-3 1000<-0 d', '3<-0 1001<-1000 c']);
});

test('planBatch :: deletes the id tip under an anchor (R8)', () => {
  const { steps, mark } = plan(FOUR, { deletes: ['d'] });

  assert.equal(stepLines(steps), ['-4', '+5@1000']);
  assert.equal(links(applied(FOUR, steps)), [
    '1<-0 10<-0 a',
    '2<-1 20<-10 b',
    '3<-2 30<-20 c',
    '5<-3 1000<-30 anchor',
  ]);
  assert.is(mark.id, 5);
});

test('planBatch :: gives the anchor an empty value and the protocol’s type (R8)', () => {
  const { steps } = plan(FOUR, { deletes: ['d'] });

  const anchor = steps.at(-1);
  assert.is(anchor?.kind, 'put');
  if (anchor?.kind !== 'put') return;
  assert.equal([anchor.record.type, anchor.record.key], ['drayer', 'anchor']);
  assert.equal(anchor.record.value, new Uint8Array());
  verifyRecord(anchor.record, TEST_KEYS.publicKey);
});

test('planBatch :: replaces an older anchor by a new record, never by an update (R8)', () => {
  const first = applied(FOUR, plan(FOUR, { deletes: ['d'] }).steps);
  const second = applied(first, plan(first, { puts: ['e'] }).steps);

  const { steps } = plan(second, { deletes: ['e'] }, { now: 2_000 });

  assert.equal(links(applied(second, steps)), [
    '1<-0 10<-0 a',
    '2<-1 20<-10 b',
    '3<-2 30<-20 c',
    '7<-3 2000<-30 anchor',
  ]);
});

test('planBatch :: needs no anchor where the batch appends (R8)', () => {
  assert.equal(linksAfter(FOUR, { puts: ['e'], deletes: ['d'] }), [
    '1<-0 10<-0 a',
    '2<-1 20<-10 b',
    '3<-2 30<-20 c',
    '5<-3 1000<-30 e',
  ]);
});

test('planBatch :: needs an anchor where the batch only updates (R8)', () => {
  assert.is(linksAfter(FOUR, { puts: ['a'], deletes: ['d'] }).at(-1), '5<-3 1001<-1000 anchor');
});

test('planBatch :: leaves an anchor when everything is deleted (R8)', () => {
  const { steps } = plan(FOUR, { deletes: ['a', 'b', 'c', 'd'] });

  assert.equal(stepLines(steps), ['-1', '-2', '-3', '-4', '+5@1000']);
  assert.equal(links(applied(FOUR, steps)), ['5<-0 1000<-0 anchor']);
});

const CLOCKS: [string, number, number][] = [
  ['runs on', 1_000, 1_000],
  ['stands still', 40, 41],
  ['runs backwards (T033)', 3, 41],
  ['is before 1970', -5, 41],
];
for (const [name, now, expected] of CLOCKS) {
  test(`planBatch :: gives out rising times when the clock ${name} (R9)`, () => {
    const { steps } = plan(FOUR, { puts: ['e', 'f'] }, { now });

    assert.equal(stepLines(steps), [`+6@${expected + 1}`, `+5@${expected}`]);
  });
}

test('planBatch :: goes on from a tip in 2099 (R9, T031)', () => {
  const tip = Date.UTC(2099, 0) * 1_000;
  const records = [record({ id: 1, modified: tip, prevChange: 0 })];

  const { steps } = plan(records, { puts: ['b'] }, { now: Date.UTC(2026, 0) * 1_000 });

  assert.equal(stepLines(steps), [`+2@${tip + 1}`]);
});

test('planBatch :: gives 10,000 records of one microsecond rising times (R9, T034)', () => {
  const puts = Array.from({ length: 10_000 }, (_, index) => `k${index}`);

  const { steps, mark } = plan([], { puts });

  const view = viewOf(applied([], steps));
  assert.is(view.count(), 10_000);
  assert.is(view.modifiedTip(), 10_999);
  assert.equal(mark, { id: 10_000, modified: 10_999, seq: 0, root: ZERO_ROOT });
  assert.equal(findBrokenLinks(view), []);
});

test('planBatch :: starts above the mark, also where the stream’s tips are lower (R11)', () => {
  const mark = { id: 9, modified: 5_000, seq: 0, root: ZERO_ROOT };

  const { steps, mark: after } = plan(FOUR, { puts: ['e'] }, { mark });

  assert.equal(stepLines(steps), ['+10@5001']);
  assert.equal(after, { ...mark, id: 10, modified: 5_001 });
});

test('planBatch :: takes the stream’s tips for the mark where there is none, or an older one', () => {
  const older = { id: 2, modified: 20, seq: 0, root: ZERO_ROOT };

  for (const mark of [undefined, older]) {
    assert.equal(plan(FOUR, {}, { mark }).mark, { ...older, id: 4, modified: 40 });
  }
});

test('planBatch :: refuses an id beyond 2^53−1 (T030)', () => {
  const rest = { key: 'a', modified: 10, timestamp: 10, prev: 0, prevChange: 0 };
  const last = record({ ...rest, id: MAX_INTEGER });
  const almost = record({ ...rest, id: MAX_INTEGER - 1 });

  assert.throws(() => plan([last], { puts: ['b'] }), throwsCode('CHAIN_FULL'));
  assert.throws(() => plan([last], { deletes: ['a'] }), throwsCode('CHAIN_FULL'));
  assert.throws(() => plan([almost], { puts: ['b', 'c'] }), throwsCode('CHAIN_FULL'));
  assert.equal(stepLines(plan([almost], { puts: ['b'] }).steps), [`+${MAX_INTEGER}@1000`]);
  assert.equal(stepLines(plan([last], { puts: ['a'] }).steps), [`+${MAX_INTEGER}@1000`]);
});

test('planBatch :: refuses a modified beyond 2^53−1 (T030)', () => {
  const last = record({ id: 1, key: 'a', modified: MAX_INTEGER, prevChange: 0 });
  const almost = record({ id: 1, key: 'a', modified: MAX_INTEGER - 1, prevChange: 0 });

  assert.throws(() => plan([last], { puts: ['a'] }), throwsCode('CHAIN_FULL'));
  assert.throws(() => plan([almost], { puts: ['b', 'c'] }), throwsCode('CHAIN_FULL'));
  assert.equal(stepLines(plan([almost], { puts: ['b'] }).steps), [`+2@${MAX_INTEGER}`]);
});

test('planBatch :: changes nothing for an empty batch and for deletes of what is not there', () => {
  for (const deletes of [[], ['x', 'y']]) {
    const { steps, snapshot, mark } = plan(FOUR, { deletes });

    assert.equal(steps, []);
    assert.is(snapshot, undefined);
    assert.equal([mark.id, mark.modified], [4, 40]);
  }
});

test('planBatch :: takes a put with the same hash for a change', () => {
  const batch = { puts: [{ type: 'obj', key: 'a', hash: hashOf('v1') }], deletes: [] };

  assert.equal(stepLines(planBatch(viewOf(FOUR), batch, OPTIONS).steps), ['+1@1000', '+2@20']);
});

test('planBatch :: signs with the batch’s clock as timestamp, or the one given', () => {
  const batch = {
    puts: [
      { type: 'obj', key: 'a', hash: hashOf('1') },
      { type: 'obj', key: 'e', hash: hashOf('2'), timestamp: -7 },
    ],
    deletes: [],
  };

  const view = viewOf(applied(FOUR, planBatch(viewOf(FOUR), batch, OPTIONS).steps));

  assert.is(view.byId(1)?.timestamp, 1_000);
  assert.is(view.byId(5)?.timestamp, -7);
});

const MISNAMED: [string, Batch['puts'][number]['key'][], string[], string][] = [
  ['puts a key twice', ['a', 'a'], [], 'obj'],
  ['deletes a key twice', [], ['a', 'a'], 'obj'],
  ['puts and deletes a key', ['a'], ['a'], 'obj'],
  ['puts the snapshot', ['snapshot'], [], 'drayer'],
  ['deletes the snapshot', [], ['snapshot'], 'drayer'],
  ['puts the anchor', ['anchor'], [], 'drayer'],
  ['deletes the anchor', [], ['anchor'], 'drayer'],
];
for (const [name, puts, deletes, type] of MISNAMED) {
  test(`planBatch :: refuses a batch that ${name}`, () => {
    const batch = {
      puts: puts.map((key) => ({ type, key, hash: hashOf(key) })),
      deletes: deletes.map((key) => ({ type, key })),
    };

    assert.throws(() => planBatch(viewOf(FOUR), batch, OPTIONS), throwsCode('USAGE'));
  });
}

test('planBatch :: tells apart names that only look alike', () => {
  const batch = {
    puts: [
      { type: 'a', key: 'bc', hash: hashOf('1') },
      { type: 'ab', key: 'c', hash: hashOf('2') },
      { type: 'file', key: 'snapshot', hash: hashOf('3') },
    ],
    deletes: [{ type: 'abc', key: '' }],
  };

  assert.is(planBatch(viewOf(FOUR), batch, OPTIONS).steps.length, 3);
});

test('planBatch :: refuses a put that makes no valid record, and leaves the trie alone (R2)', () => {
  const trie = new SnapshotTrie(emptyTrieSource());
  const wrong = [
    { type: 'obj', key: '\ud800', hash: hashOf('1') },
    { type: 'obj', key: 'a', hash: new Uint8Array(31) },
    { type: 'obj', key: 'a', hash: hashOf('1'), timestamp: 0.5 },
  ];

  for (const put of wrong) {
    const batch = { puts: [{ type: 'obj', key: 'b', hash: hashOf('2') }, put], deletes: [] };
    assert.throws(
      () => planBatch(viewOf([]), batch, { ...OPTIONS, snapshot: { trie } }),
      throwsCode('RECORD_INVALID'),
    );
  }

  assert.equal(trie.root(), ZERO_ROOT);
});

test('planBatch :: deletes the losers of the keys it touches (R10)', () => {
  const twins = [
    record({ id: 1, key: 'a', timestamp: 5 }),
    record({ id: 2, key: 'a', timestamp: 9 }),
    record({ id: 3, key: 'a', timestamp: 9 }),
    record({ id: 4, key: 'b' }),
  ];

  const put = viewOf(applied(twins, plan(twins, { puts: ['a'] }).steps));
  assert.equal(
    put.byKey('obj', 'a').map(({ id }) => id),
    [3],
  );
  assert.equal(findBrokenLinks(put), []);

  const deleted = viewOf(applied(twins, plan(twins, { deletes: ['a'] }).steps));
  assert.equal(
    recordsOf(deleted).map(({ id }) => id),
    [4],
  );
  assert.equal(findBrokenLinks(deleted), []);
});

test('planBatch :: deletes the losers it is told of, and only if they lose (R10)', () => {
  const twins = [
    record({ id: 1, key: 'a', timestamp: 5 }),
    record({ id: 2, key: 'a', timestamp: 9 }),
    record({ id: 3, key: 'b' }),
  ];

  const { steps } = plan(twins, {}, { losers: [1, 2, 3, 77] });

  assert.equal(links(applied(twins, steps)), ['2<-0 1000<-0 a', '3<-2 1001<-1000 b']);
});

test('planBatch :: brings the trie right where a loser goes and its twin stays (R10, R21)', () => {
  const twins = [
    record({ id: 1, key: 'a', timestamp: 9 }),
    record({ id: 2, key: 'a', timestamp: 5 }),
    record({ id: 3, key: 'b' }),
  ];
  const trie = new SnapshotTrie(emptyTrieSource());
  for (const twin of twins) trie.set(twin);

  const { steps, snapshot } = plan(twins, {}, { losers: [2], snapshot: { trie } });

  const left = applied(twins, steps).filter(({ key }) => key !== 'snapshot');
  assert.equal(left.map(({ id }) => id).sort(), [1, 3]);
  assert.equal(snapshot?.root, slowRoot(left));
  assert.is(snapshot?.count, 2);
});

test('planBatch :: makes the snapshot record 1 of a new stream, last in modified (R20)', () => {
  const trie = new SnapshotTrie(emptyTrieSource());

  const { steps, snapshot, mark } = plan([], { puts: ['a', 'b'] }, { snapshot: { trie } });

  const records = applied([], steps);
  assert.equal(links(records), ['2<-1 1000<-0 a', '3<-2 1001<-1000 b', '1<-0 1002<-1001 snapshot']);
  const covered = records.filter(({ key }) => key !== 'snapshot');
  const expected = { seq: 1, count: 2, root: slowRoot(covered), time: 1_000, exp: 0 };
  assert.equal(snapshot, { ...expected, previous: ZERO_ROOT });
  assert.equal(mark, { id: 3, modified: 1_002, seq: 1, root: expected.root });
  assert.equal(decodeSnapshot(records.find(({ id }) => id === 1)!.value!), snapshot);
});

test('planBatch :: makes the snapshot the next free record of a stream begun without (R20)', () => {
  const trie = new SnapshotTrie(emptyTrieSource());
  for (const one of FOUR) trie.set(one);

  const { steps, snapshot } = plan(FOUR, { deletes: ['d'] }, { snapshot: { trie } });

  assert.equal(links(applied(FOUR, steps)), [
    '1<-0 10<-0 a',
    '2<-1 20<-10 b',
    '3<-2 30<-20 c',
    '5<-3 1000<-30 snapshot',
  ]);
  assert.is(snapshot?.count, 3);
});

test('planBatch :: counts snapshots up and links each to the root before (R20)', () => {
  const writer = new PlannedWriter();
  writer.commit({ puts: ['a'], deletes: [] }, 10);
  const first = writer.snapshot;
  writer.commit({ puts: ['b'], deletes: ['a'] }, 20);

  assert.is(writer.snapshot?.seq, 2);
  assert.equal(writer.snapshot?.previous, first?.root);
  assert.equal(writer.mark?.root, writer.snapshot?.root);
});

test('planBatch :: counts on from the mark when that has seen more than the stream (R11)', () => {
  const trie = new SnapshotTrie(emptyTrieSource());
  const mark = { id: 0, modified: 0, seq: 41, root: hashOf('x') };

  const { snapshot } = plan([], { puts: ['a'] }, { mark, snapshot: { trie } });

  assert.is(snapshot?.seq, 42);
  assert.equal(snapshot?.previous, mark.root);
});

test('planBatch :: keeps the newest snapshot where a batch changes nothing', () => {
  const writer = new PlannedWriter();
  writer.commit({ puts: ['a'], deletes: [] }, 10);
  const { snapshot, mark } = writer;

  assert.not(writer.commit({ puts: [], deletes: ['nothing'] }, 20));
  assert.is(writer.snapshot, snapshot);
  assert.equal(writer.mark, mark);
});

test('planBatch :: renews a snapshot when told to, with the lifetime given (R20)', () => {
  const writer = new PlannedWriter();
  writer.commit({ puts: ['a'], deletes: [] }, 10);
  const previous = writer.snapshot!;

  const { steps, snapshot } = planBatch(
    writer.view,
    { puts: [], deletes: [] },
    {
      ...OPTIONS,
      mark: writer.mark,
      snapshot: { trie: writer.trie, previous, lifetimeMicros: 500, renew: true },
    },
  );

  assert.equal(stepLines(steps), ['+1@1000']);
  assert.equal(snapshot, { ...previous, seq: 2, time: 1_000, exp: 1_500, previous: previous.root });
});

test('planBatch :: never writes a time before 1970 into a snapshot', () => {
  const trie = new SnapshotTrie(emptyTrieSource());

  const { snapshot } = plan(FOUR, { puts: ['a'] }, { now: -5, snapshot: { trie } });

  assert.is(snapshot?.time, 0);
});

test('planBatch :: deletes all but one of several snapshot records (R10)', () => {
  const twins = [1, 2].map((id) => record({ id, type: 'drayer', key: 'snapshot' }));
  const trie = new SnapshotTrie(emptyTrieSource());

  const { steps, snapshot } = plan(twins, { puts: ['a'] }, { snapshot: { trie } });

  assert.equal(links(applied(twins, steps)), ['3<-2 1000<-0 a', '2<-0 1001<-1000 snapshot']);
  assert.is(snapshot?.count, 1);
});

test('planBatch :: covers an empty stream with the root of nothing (R20, R21)', () => {
  const writer = new PlannedWriter();
  writer.commit({ puts: ['a'], deletes: [] }, 10);
  writer.commit({ puts: ['b'], deletes: ['a'] }, 20);

  writer.commit({ puts: [], deletes: ['b'] }, 30);

  // The anchor that let the id tip go is what is left.
  assert.equal(links(writer.records()), ['4<-1 30<-0 anchor', '1<-0 31<-30 snapshot']);
  assert.is(writer.snapshot?.count, 1);
});

test('planBatch :: signs every record so that it verifies (R1)', () => {
  const writer = new PlannedWriter();
  writer.commit({ puts: ['a', 'b', 'c', 'd', 'e'], deletes: [] }, 10);
  writer.commit({ puts: ['b'], deletes: ['a', 'd'] }, 20);

  for (const one of writer.records()) verifyRecord(one, TEST_KEYS.publicKey);
});

test('planBatch :: costs look-ups by the change, not by the stream', () => {
  const asked = [1_000, 20_000].map((size) => {
    const records = Array.from({ length: size }, (_, index) => bare({ id: index + 1 }));
    const { view, lookUps } = counting(viewOf(records));
    const batch = {
      puts: [5, 50, 500].map((id) => ({ type: 'obj', key: `k${id}`, hash: hashOf('new') })),
      deletes: [7, 70, size].map((id) => ({ type: 'obj', key: `k${id}` })),
    };
    planBatch(view, batch, OPTIONS);
    return lookUps();
  });

  assert.is(asked[0], asked[1]);
  assert.ok(asked[0]! < 150, `${asked[0]} look-ups`);
});

test('planBatch :: updates a whole stream without walking it for each record', () => {
  const size = 5_000;
  const records = Array.from({ length: size }, (_, index) => bare({ id: index + 1 }));
  const { view, lookUps } = counting(viewOf(records));
  const puts = records.map(({ key }) => ({ type: 'obj', key, hash: hashOf('new') }));

  planBatch(view, { puts, deletes: [] }, OPTIONS);

  assert.ok(lookUps() < 8 * size, `${lookUps()} look-ups`);
});

test('planBatch :: deletes half a stream without walking it for each record', () => {
  const size = 5_000;
  const records = Array.from({ length: size }, (_, index) => bare({ id: index + 1 }));
  const { view, lookUps } = counting(viewOf(records));
  const deletes = records.slice(1_000, 3_500).map(({ key }) => ({ type: 'obj', key }));

  const { steps } = planBatch(view, { puts: [], deletes }, OPTIONS);

  // One record above the run in the id chain, the next after it in the modified chain.
  assert.equal(stepLines(steps.slice(2_500)), ['+3502@50002', '+3501@50001', '+3503@35030']);
  assert.ok(lookUps() < 12 * 2_500, `${lookUps()} look-ups`);
});

function batchOf({ puts = [], deletes = [] }: { puts?: string[]; deletes?: string[] }): Batch {
  return {
    puts: puts.map((key) => ({ type: 'obj', key, hash: hashOf(`${key} new`) })),
    deletes: deletes.map((key) => ({ type: 'obj', key })),
  };
}

function plan(
  records: readonly SignedRecord[],
  keys: { puts?: string[]; deletes?: string[] },
  options: Partial<PlanOptions> = {},
): ReturnType<typeof planBatch> {
  return planBatch(viewOf(records), batchOf(keys), { ...OPTIONS, ...options });
}

function applied(
  records: readonly SignedRecord[],
  steps: ReturnType<typeof planBatch>['steps'],
): SignedRecord[] {
  const view = new OverlayView(viewOf(records));
  view.apply(steps);
  assert.equal(findBrokenLinks(view), []);
  return recordsOf(view);
}

function linksAfter(
  records: readonly SignedRecord[],
  keys: { puts?: string[]; deletes?: string[] },
): string[] {
  return links(applied(records, plan(records, keys).steps));
}

/** `id<-prev modified<-prevChange key`, ascending in modified. */
function links(records: Iterable<SignedRecord>): string[] {
  return [...records].map(
    ({ id, prev, modified, prevChange, key }) => `${id}<-${prev} ${modified}<-${prevChange} ${key}`,
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A view that counts how often it is asked. */
function counting(inner: ChainView): { view: ChainView; lookUps: () => number } {
  let asked = 0;
  const view = new Proxy(inner, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        asked += 1;
        return Reflect.apply(method, target, args);
      };
    },
  });
  return { view, lookUps: () => asked };
}

test.run();
