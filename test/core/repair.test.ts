import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { planAccept } from '../../src/core/accept.ts';
import { findBrokenLinks } from '../../src/core/completeness.ts';
import { isDrayerError } from '../../src/core/errors.ts';
import { emptyView, OverlayView } from '../../src/core/overlay.ts';
import type { Draft } from '../../src/core/record.ts';
import { findDangling, planRepair } from '../../src/core/repair.ts';
import { verifyRecord } from '../../src/core/signing.ts';
import { decodeList, decodeOne, vectorBytes, vectorJson } from '../helpers/old-wire.ts';
import { bare, recordsOf, stepLines, viewOf } from '../helpers/records.ts';

/** 2 has gone to the front: 3 still points to where it was, and 5 to where 4 was. */
const STALE = [
  bare({ id: 1 }),
  bare({ id: 3 }),
  bare({ id: 5 }),
  bare({ id: 2, modified: 60, prevChange: 50 }),
  bare({ id: 4, modified: 70, prevChange: 60 }),
];

const test = suite('core/repair');

test('findDangling :: finds every stale link and what it has to be (R14)', () => {
  const found = findDangling(viewOf(STALE));

  assert.equal(
    found.map(({ record, expected }) => [record.id, expected]),
    [
      [3, 10],
      [5, 30],
    ],
  );
});

test('findDangling :: finds nothing in a whole chain, nor in an empty one', () => {
  assert.equal(findDangling(viewOf([bare({ id: 1 }), bare({ id: 2 })])), []);
  assert.equal(findDangling(emptyView()), []);
});

test('findDangling :: finds a first record that points to something (R4)', () => {
  const found = findDangling(viewOf([bare({ id: 3 })]));

  assert.equal(
    found.map(({ record, expected }) => [record.id, expected]),
    [[3, 0]],
  );
});

test('findDangling :: looks only where the chains changed, when it is told where', () => {
  const view = viewOf(STALE);

  const at = (...modifieds: number[]): number[] =>
    findDangling(view, { ids: [], modifieds }).map(({ record }) => record.id);

  assert.equal(at(20), [3]);
  assert.equal(at(30), [3, 5]);
  assert.equal(at(40, 20, 20), [3, 5]);
  assert.equal(at(50), [5]);
  assert.equal(at(10), [3]);
  assert.equal(at(60, 70, 99), []);
});

test('planRepair :: takes the same record with the link that is missing (R14)', () => {
  const view = viewOf(STALE);

  const repair = planRepair(view, view.byId(3)!, bare({ id: 3, prevChange: 10 }));

  assert.is(repair.kind, 'accepted');
  if (repair.kind !== 'accepted') return;
  assert.equal(stepLines(repair.steps), ['+3@30']);
  view.apply(repair.steps);
  assert.equal(
    findDangling(view).map(({ record }) => record.id),
    [5],
  );
});

const REFUSED: [string, Partial<Draft> & { id: number }, string][] = [
  ['the version that is held', { id: 3 }, 'record 3: expected prevChange 10 instead of 20, got 20'],
  [
    'an older silent patch (T024)',
    { id: 3, prevChange: 15 },
    'record 3: expected prevChange 10 instead of 20, got 15',
  ],
  [
    'a patch that skips a record that is held',
    { id: 3, prevChange: 0 },
    'record 3: expected prevChange 10 instead of 20, got 0',
  ],
  [
    'a newer version of the record (T026)',
    { id: 3, modified: 80, prevChange: 70 },
    'asked for record 3 at 30, got record 3 at 80',
  ],
  ['another record (T026)', { id: 5 }, 'asked for record 3 at 30, got record 5 at 50'],
];
for (const [name, fields, detail] of REFUSED) {
  test(`planRepair :: refuses ${name} (R14)`, () => {
    const view = viewOf(STALE);

    assert.equal(planRepair(view, view.byId(3)!, bare(fields)), { kind: 'refused', detail });
  });
}

test('planRepair :: refuses to put a link forwards (R14)', () => {
  const view = viewOf([bare({ id: 1 }), bare({ id: 2 }), bare({ id: 3, prevChange: 10 })]);

  assert.is(planRepair(view, view.byId(3)!, bare({ id: 3, prevChange: 20 })).kind, 'refused');
});

test('planRepair :: refuses when the record has changed, or gone, since it was asked for', () => {
  const dangling = bare({ id: 3 });
  const answer = bare({ id: 3, prevChange: 10 });
  const view = viewOf(STALE);

  view.put(bare({ id: 3, modified: 80, prevChange: 70 }));
  assert.equal(planRepair(view, dangling, answer), {
    kind: 'refused',
    detail: 'record 3 has changed meanwhile',
  });
  view.remove(3);
  assert.is(planRepair(view, dangling, answer).kind, 'refused');
});

test('planRepair :: refuses the answer a second time', () => {
  const view = viewOf(STALE);
  const answer = bare({ id: 3, prevChange: 10 });
  view.put(answer);

  assert.is(planRepair(view, bare({ id: 3 }), answer).kind, 'refused');
});

const FORKS: Partial<Draft>[] = [
  { id: 9, prev: 8 },
  { timestamp: 31 },
  { prev: 1 },
  { type: 'file' },
  { key: 'other' },
  { hash: new Uint8Array(32) },
];
for (const fields of FORKS) {
  test(`planRepair :: sees two histories in another ${Object.keys(fields)[0]} (R16, T025)`, () => {
    const view = viewOf(STALE);
    const held = view.byId(3)!;
    const shown = bare({ id: 3, modified: 30, prevChange: 10, ...fields });

    assert.equal(planRepair(view, held, shown), { kind: 'fork', held, shown });
  });
}

type CrdrCase = { name: string; crdr_status: number; crdr_body_file: string; rows: unknown[][] };
const crdr = vectorJson<{ pubkey_b64: string; cases: CrdrCase[] }>('client-crdr/manifest.json');

/** What we make of each recorded answer; the original takes the marked ones otherwise. */
const EXPECTED: Record<string, string> = {
  'correct (old raw)': 'accepted',
  'correct (modern)': 'accepted',
  '404': 'MALFORMED',
  '500': 'MALFORMED',
  'list of one': 'MALFORMED',
  'unpatched old version': 'refused',
  // The original needs the value, and the hash; either is enough for us.
  'missing val': 'accepted',
  'missing hash': 'accepted',
  'missing chain': 'accepted',
  'missing ts': 'MALFORMED',
  'extra keys': 'accepted',
  'bad sig': 'SIGNATURE_INVALID',
  'record d instead (prevch m3)': 'refused',
  // The original takes these two and loses a live record by it.
  'record d patched to m1': 'refused',
  '3 patched to 0': 'refused',
  'the new record itself': 'refused',
  'unknown id 9 pointing to m1': 'refused',
  '3 with newer mod, pc m1': 'refused',
  'empty body': 'MALFORMED',
  nil: 'MALFORMED',
};

for (const { name, crdr_body_file } of crdr.cases) {
  test(`planRepair :: makes the right thing of a recorded answer: ${name} (R14)`, () => {
    const view = staleMirror();
    const [dangling] = findDangling(view);
    assert.equal([dangling?.record.id, dangling?.expected], [3, 1_550_000_001_000_000]);

    const outcome = repairWith(
      view,
      dangling!.record,
      vectorBytes(`client-crdr/${crdr_body_file}`),
    );

    assert.is(outcome, EXPECTED[name]);
    assert.equal(findBrokenLinks(view).length, outcome === 'accepted' ? 0 : 1);
    assert.is(recordsOf(view).length, 4);
  });
}

test('planRepair :: the recorded answers are all there', () => {
  assert.equal(crdr.cases.map(({ name }) => name).sort(), Object.keys(EXPECTED).sort());
});

// The mirror of the recorded cases: ids 1 to 4, then the update of 2.
function staleMirror(): OverlayView {
  const view = new OverlayView(emptyView());
  for (const file of ['step0-newRecords-0.bin', 'step1-newRecords.bin']) {
    for (const record of decodeList(vectorBytes(`client-crdr/${file}`))) {
      verifyRecord(record, KEY);
      const acceptance = planAccept(view, record);
      assert.is(acceptance.kind, 'accepted');
      if (acceptance.kind === 'accepted') view.apply(acceptance.steps);
    }
  }
  return view;
}

function repairWith(
  view: OverlayView,
  dangling: Parameters<typeof planRepair>[1],
  body: Uint8Array,
): string {
  try {
    const answer = decodeOne(body);
    verifyRecord(answer, KEY);
    const repair = planRepair(view, dangling, answer);
    if (repair.kind === 'accepted') view.apply(repair.steps);
    return repair.kind;
  } catch (error) {
    if (isDrayerError(error)) return error.code;
    throw error;
  }
}

const KEY = new Uint8Array(Buffer.from(crdr.pubkey_b64, 'base64'));

test.run();
