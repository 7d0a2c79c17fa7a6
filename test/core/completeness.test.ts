import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { planAccept } from '../../src/core/accept.ts';
import {
  type Evidence,
  findBrokenLinks,
  judgeGeneration,
  provesTwoGenerations,
  type Verdict,
} from '../../src/core/completeness.ts';
import { emptyView, OverlayView } from '../../src/core/overlay.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { runHistory } from '../helpers/histories.ts';
import { PlannedWriter } from '../helpers/model-writer.ts';
import { bare, recordsOf, viewOf } from '../helpers/records.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';

const FIVE = [1, 2, 3, 4, 5].map((id) => bare({ id }));
const ROOT = new Uint8Array(32).fill(5);
const OTHER_ROOT = new Uint8Array(32).fill(6);

/** Two records and the snapshot over them: seq 3, count 2. */
const COVERED = [
  bare({ id: 2, prev: 1, modified: 20, prevChange: 0 }),
  bare({ id: 3, prev: 2, modified: 30, prevChange: 20 }),
  bare({ id: 1, prev: 0, modified: 40, prevChange: 30, type: 'drayer', key: 'snapshot' }),
];
const EVIDENCE: Evidence = {
  goal: 40,
  snapshot: { seq: 3, count: 2, root: ROOT },
  seen: { seq: 2, root: OTHER_ROOT },
  root: () => ROOT,
};

const test = suite('core/completeness');

test('findBrokenLinks :: finds none in whole chains, nor in an empty stream (R3, R4)', () => {
  assert.equal(findBrokenLinks(viewOf(FIVE)), []);
  assert.equal(findBrokenLinks(emptyView()), []);
});

test('findBrokenLinks :: finds a hole in both chains (R3, R4)', () => {
  assert.equal(findBrokenLinks(viewOf(FIVE.filter(({ id }) => id !== 3))), [
    { id: 4, chain: 'id', expected: 2, actual: 3 },
    { id: 4, chain: 'modified', expected: 20, actual: 30 },
  ]);
});

test('findBrokenLinks :: finds a missing beginning (R3, R4)', () => {
  assert.equal(findBrokenLinks(viewOf(FIVE.slice(1))), [
    { id: 2, chain: 'id', expected: 0, actual: 1 },
    { id: 2, chain: 'modified', expected: 0, actual: 10 },
  ]);
});

test('findBrokenLinks :: finds what a later record says is gone (R3, R4)', () => {
  const zombie = [bare({ id: 1 }), bare({ id: 2 }), bare({ id: 3, prev: 1, prevChange: 10 })];

  assert.equal(findBrokenLinks(viewOf(zombie)), [
    { id: 3, chain: 'id', expected: 2, actual: 1 },
    { id: 3, chain: 'modified', expected: 20, actual: 10 },
  ]);
});

test('findBrokenLinks :: finds as much around the changed places as in the whole stream', () => {
  const seed = freshSeed();

  for (let round = 0; round < scaled(150); round += 1) {
    const random = randomFrom(seed + round);
    const states: (readonly SignedRecord[])[] = [];
    const writer = new PlannedWriter({ snapshots: random.oneIn(2) });
    runHistory(writer, random, { batches: 8, after: () => states.push(writer.records()) });
    const versions = states.flat();
    for (const state of states) {
      const view = new OverlayView(viewOf(state));
      for (let change = random.below(8); change >= 0; change -= 1) {
        if (random.oneIn(4)) view.remove(random.pick(versions).id);
        const record = random.pick(versions);
        const acceptance = planAccept(view, record);
        if (acceptance.kind === 'accepted') view.apply(acceptance.steps);
      }
      const where = `seed ${seed}, round ${round}`;
      assert.equal(findBrokenLinks(view, view.places()), findBrokenLinks(view), where);
    }
  }
});

test('judgeGeneration :: takes what the snapshot covers for a generation (R13, R22)', () => {
  assert.equal(judge(COVERED), { kind: 'complete', proof: 'snapshot' });
});

test('judgeGeneration :: takes the same generation again, and a first one (R22)', () => {
  assert.is(judge(COVERED, { seen: { seq: 3, root: ROOT } }).kind, 'complete');
  assert.is(judge(COVERED, { seen: undefined }).kind, 'complete');
});

test('judgeGeneration :: takes whole chains without a snapshot for unproved (R20)', () => {
  const evidence = { goal: 50, snapshot: undefined, seen: undefined };

  assert.equal(judge(FIVE, evidence), { kind: 'complete', proof: 'unproved' });
  assert.equal(judge([], { ...evidence, goal: 0 }), { kind: 'complete', proof: 'unproved' });
});

test('judgeGeneration :: goes on below the goal (R13, T020)', () => {
  assert.equal(judge(COVERED, { goal: 41 }), { kind: 'incomplete', broken: [] });
  const unproved = { snapshot: undefined, seen: undefined, goal: 51 };
  assert.equal(judge(FIVE, unproved), { kind: 'incomplete', broken: [] });
});

test('judgeGeneration :: goes on while links are broken, naming them (R13)', () => {
  const [first, , snapshot] = COVERED;

  assert.equal(judge([first!, snapshot!]), {
    kind: 'incomplete',
    broken: [{ id: 1, chain: 'modified', expected: 20, actual: 30 }],
  });
});

test('judgeGeneration :: looks only at the changed places, when it is told them', () => {
  const hole = FIVE.filter(({ id }) => id !== 3);
  const evidence = { goal: 50, snapshot: undefined, seen: undefined };

  const elsewhere = { ids: [1], modifieds: [10] };
  assert.is(judge(hole, { ...evidence, changed: elsewhere }).kind, 'complete');
  const there = { ids: [3], modifieds: [30] };
  assert.is(judge(hole, { ...evidence, changed: there }).kind, 'incomplete');
});

test('judgeGeneration :: demands a snapshot once one was seen (R20)', () => {
  const evidence = { goal: 50, snapshot: undefined };

  assert.equal(judge(FIVE, evidence), {
    kind: 'mismatch',
    detail: 'expected a snapshot: this stream had one with seq 2',
  });
});

test('judgeGeneration :: reports records after the newest snapshot as uncovered (R22)', () => {
  const after = [...COVERED, bare({ id: 4, modified: 50, prevChange: 40 })];
  assert.equal(judge(after, { goal: 50 }), { kind: 'uncovered' });

  const others = [
    ['file', 'snapshot'],
    ['drayer', 'anchor'],
  ] as const;
  for (const [type, key] of others) {
    const disguised = [...COVERED.slice(0, 2), { ...COVERED[2]!, type, key }];
    assert.equal(judge(disguised), { kind: 'uncovered' });
  }
  assert.equal(judge([], { goal: 0 }), { kind: 'uncovered' });
});

test('judgeGeneration :: never goes back to a lower seq (R22, T020)', () => {
  assert.equal(judge(COVERED, { seen: { seq: 4, root: ROOT } }), {
    kind: 'mismatch',
    detail: 'expected a snapshot from seq 4 on, got seq 3',
  });
});

test('judgeGeneration :: sees two histories in one seq with two roots (R16, R22)', () => {
  assert.equal(judge(COVERED, { seen: { seq: 3, root: OTHER_ROOT } }), {
    kind: 'fork',
    detail: 'snapshots 3 and 3 contradict',
  });
});

test('judgeGeneration :: sees two histories in a snapshot that follows another root (R16)', () => {
  const snapshot = { seq: 3, count: 2, root: ROOT, previous: ROOT };

  assert.equal(judge(COVERED, { snapshot }), {
    kind: 'fork',
    detail: 'snapshots 2 and 3 contradict',
  });
  assert.is(judge(COVERED, { snapshot: { ...snapshot, previous: OTHER_ROOT } }).kind, 'complete');
});

test('provesTwoGenerations :: compares one seq, and one that follows, whichever comes first', () => {
  const second = { seq: 2, root: ROOT, previous: OTHER_ROOT };
  const cases: [Parameters<typeof provesTwoGenerations>[1], boolean][] = [
    [second, false],
    [{ seq: 2, root: OTHER_ROOT }, true],
    [{ seq: 3, root: OTHER_ROOT, previous: ROOT }, false],
    [{ seq: 3, root: OTHER_ROOT, previous: OTHER_ROOT }, true],
    [{ seq: 3, root: OTHER_ROOT }, false],
    [{ seq: 4, root: OTHER_ROOT, previous: OTHER_ROOT }, false],
    [{ seq: 1, root: OTHER_ROOT }, false],
    [{ seq: 1, root: ROOT }, true],
  ];

  for (const [other, expected] of cases) {
    assert.is(provesTwoGenerations(second, other), expected);
    assert.is(provesTwoGenerations(other, second), expected);
  }
});

test('judgeGeneration :: refuses another number of records (R22)', () => {
  assert.equal(judge(COVERED, { snapshot: { seq: 3, count: 1, root: ROOT } }), {
    kind: 'mismatch',
    detail: 'expected 1 records below the snapshot, got 2',
  });
});

test('judgeGeneration :: refuses another root (R22, T022)', () => {
  assert.equal(judge(COVERED, { root: () => OTHER_ROOT }), {
    kind: 'mismatch',
    detail: 'the records are not those of snapshot 3',
  });
});

test('judgeGeneration :: works out a root only when all else is right', () => {
  const root = (): Uint8Array => {
    throw new Error('asked for the root');
  };

  assert.is(judge(COVERED.slice(1), { root }).kind, 'incomplete');
  assert.is(judge(COVERED, { root, snapshot: { seq: 3, count: 9, root: ROOT } }).kind, 'mismatch');
});

test('judgeGeneration :: is complete for every generation a writer makes', () => {
  for (let round = 0; round < 20; round += 1) {
    const writer = new PlannedWriter();
    let seen: Evidence['seen'];
    runHistory(writer, randomFrom(round), {
      batches: 10,
      after: () => {
        const { snapshot } = writer;
        const goal = writer.view.modifiedTip();
        const root = (): Uint8Array => writer.trie.root();
        const verdict = judgeGeneration(writer.view, { goal, snapshot, seen, root });
        assert.equal(verdict, { kind: 'complete', proof: 'snapshot' });
        seen = snapshot;
      },
    });
    assert.ok(recordsOf(writer.view).length > 0);
  }
});

function judge(records: readonly SignedRecord[], evidence: Partial<Evidence> = {}): Verdict {
  return judgeGeneration(viewOf(records), { ...EVIDENCE, ...evidence });
}

test.run();
