import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { planAccept } from '../../src/core/accept.ts';
import { emptyView, OverlayView } from '../../src/core/overlay.ts';
import type { Draft, SignedRecord } from '../../src/core/record.ts';
import { verifyRecord } from '../../src/core/signing.ts';
import { decodeList, vectorBytes, vectorJson } from '../helpers/old-wire.ts';
import { bare, recordsOf, stepLines, viewOf } from '../helpers/records.ts';
import { throwsCode } from '../helpers/throws.ts';

/** Ids 1 to 5, modified 10 to 50, both chains whole. */
const FIVE = [1, 2, 3, 4, 5].map((id) => bare({ id }));

const test = suite('core/accept');

test('planAccept :: takes in a record that follows both tips with one step (R12)', () => {
  assert.equal(accepted(FIVE, { id: 6 }), ['+6@60']);
});

test('planAccept :: takes the first record of a stream, whatever its id (R12)', () => {
  assert.equal(accepted([], { id: 1 }), ['+1@10']);
  assert.equal(accepted([], { id: 7, prev: 3, prevChange: 0 }), ['+7@70']);
});

test('planAccept :: reads nothing but the tips of a record that follows them', () => {
  const asked: string[] = [];
  const view = new Proxy(viewOf(FIVE), {
    get(target, name) {
      asked.push(String(name));
      return Reflect.get(target, name).bind(target);
    },
  });

  planAccept(view, bare({ id: 6 }));

  assert.equal([...new Set(asked)].sort(), ['idTip', 'modifiedTip']);
});

test('planAccept :: puts an update in its place, dropping nothing (R12)', () => {
  assert.equal(accepted(FIVE, { id: 3, modified: 60, prevChange: 50 }), ['+3@60']);
});

test('planAccept :: takes an update of the tip that follows what was before the tip (R12)', () => {
  assert.equal(accepted(FIVE, { id: 5, modified: 60, prevChange: 40 }), ['+5@60']);
});

test('planAccept :: drops what a record skips in the id chain (R12)', () => {
  assert.equal(accepted(FIVE, { id: 5, prev: 2, modified: 60, prevChange: 50 }), [
    '-4',
    '-3',
    '+5@60',
  ]);
});

test('planAccept :: drops what a record skips in the modified chain (R12)', () => {
  assert.equal(accepted(FIVE, { id: 6, modified: 60, prevChange: 30 }), ['-5', '-4', '+6@60']);
});

test('planAccept :: drops once what is skipped in both chains (R12)', () => {
  assert.equal(accepted(FIVE, { id: 6, prev: 3, modified: 60, prevChange: 30 }), [
    '-5',
    '-4',
    '+6@60',
  ]);
});

test('planAccept :: drops everything else under a record that follows nothing (T040)', () => {
  assert.equal(accepted(FIVE, { id: 6, modified: 60, prevChange: 0 }), [
    '-5',
    '-4',
    '-3',
    '-2',
    '-1',
    '+6@60',
  ]);
});

test('planAccept :: does not drop the older version it replaces', () => {
  const steps = accepted(FIVE, { id: 4, modified: 60, prevChange: 20 });

  assert.equal(steps, ['-5', '-3', '+4@60']);
});

test('planAccept :: takes a record whose place is between others (R12)', () => {
  // 2 was missed: 3 still points to where it is.
  const held = [bare({ id: 1 }), bare({ id: 3 })];

  assert.equal(accepted(held, { id: 2 }), ['+2@20']);
});

test('planAccept :: passes over the same record, and over an older version (R12)', () => {
  for (const shown of [bare({ id: 3 }), bare({ id: 3, modified: 29, prevChange: 20 })]) {
    assert.is(planAccept(viewOf(FIVE), shown).kind, 'duplicate');
  }
});

test('planAccept :: passes over a silent patch of what is held: repair is asked for (R14)', () => {
  assert.is(planAccept(viewOf(FIVE), bare({ id: 3, prevChange: 10 })).kind, 'duplicate');
});

test('planAccept :: refuses a record that follows one that is not held (R12)', () => {
  assert.equal(refused(FIVE, { id: 6, modified: 70, prevChange: 60 }), [
    'gap',
    'record 6: follows modified 60, which is not held',
  ]);
});

test('planAccept :: refuses a record that the next higher id skips (R12, T027)', () => {
  const held = [bare({ id: 1 }), bare({ id: 3, prev: 1, prevChange: 10 })];

  assert.equal(refused(held, { id: 2, modified: 40, prevChange: 30 }), [
    'skipped',
    'record 2: record 3 says that it is deleted',
  ]);
});

test('planAccept :: refuses a record that the next higher modified skips', () => {
  const held = [bare({ id: 1 }), bare({ id: 3, prev: 2, prevChange: 10 })];

  assert.equal(refused(held, { id: 2 }), [
    'skipped',
    'record 2: record 3 says that it is deleted or newer',
  ]);
});

const FORKS: [string, Partial<Draft>][] = [
  ['id', { id: 6, prev: 5 }],
  ['timestamp', { timestamp: 31 }],
  ['prev', { prev: 1 }],
  ['type', { type: 'file' }],
  ['key', { key: 'other' }],
  ['hash', { hash: new Uint8Array(32) }],
];
for (const [field, fields] of FORKS) {
  test(`planAccept :: sees two histories in another ${field} at one modified (R16)`, () => {
    const shown = bare({ id: 3, modified: 30, prevChange: 20, ...fields });
    const view = viewOf(FIVE);

    const acceptance = planAccept(view, shown);

    assert.equal(acceptance, { kind: 'fork', held: view.byId(3), shown });
  });
}

test('planAccept :: sees two histories also where the tip is taken twice (R16, T035)', () => {
  const shown = bare({ id: 5, key: 'other' });

  assert.is(planAccept(viewOf(FIVE), shown).kind, 'fork');
});

test('planAccept :: sees no fork in another signature of the same record', () => {
  const shown = { ...bare({ id: 5 }), signature: new Uint8Array(64).fill(1) };

  assert.is(planAccept(viewOf(FIVE), shown).kind, 'duplicate');
});

test('planAccept :: drops 20,000 records at once without a walk for each (T040)', () => {
  const size = 20_000;
  const records = Array.from({ length: size }, (_, index) => bare({ id: index + 1 }));
  const last = bare({ id: size + 1, prevChange: 0 });
  const overlay = new OverlayView(viewOf(records));

  const acceptance = planAccept(overlay, last);
  assert.is(acceptance.kind, 'accepted');
  if (acceptance.kind === 'accepted') overlay.apply(acceptance.steps);

  assert.equal([overlay.count(), overlay.idTip()], [1, size + 1]);
});

test('planAccept :: takes in 100,000 records in order', () => {
  const view = new OverlayView(emptyView());
  const hash = new Uint8Array(32);

  for (let id = 1; id <= 100_000; id += 1) {
    const acceptance = planAccept(view, bare({ id, key: 'k', hash }));
    if (acceptance.kind === 'accepted') view.apply(acceptance.steps);
  }

  assert.is(view.count(), 100_000);
});

type ClientCase = { name: string; body_file?: string | null; rows: unknown[][] | string };
const client = vectorJson<{ pubkey_b64: string; cases: ClientCase[] }>('client/manifest.json');

/** Where we differ from the original on purpose: what we hold afterwards, and why. */
const DIFFERENT: Record<string, { ids: number[]; why: string }> = {
  'id 0': { ids: [], why: 'R2: ids begin at 1' },
  'prev==id': { ids: [], why: 'R2: a link to itself' },
  'prev>id': { ids: [], why: 'R2: a link forwards' },
  'prev negative': { ids: [], why: 'R2: below 0' },
  'id 2^63-1': { ids: [], why: 'R2: ids end at 2^53-1' },
};

/** Bodies whose point is the encoding of the list, which is for the wire's reader to judge. */
const isAboutEncoding = (name: string): boolean =>
  /^(ints|id true|float64|missing|val nil|hash|chain|map not|empty body|trailing|truncated|nil|key invalid|dup map)/.test(
    name,
  );

for (const { name, body_file, rows } of client.cases) {
  if (typeof body_file !== 'string' || typeof rows === 'string' || isAboutEncoding(name)) continue;
  test(`planAccept :: ends with the original's rows: ${name}`, () => {
    const held = takeIn(decodeList(vectorBytes(`client/${body_file}`)));

    const different = DIFFERENT[name];
    if (different === undefined) assert.equal(held.map(line), rows.map(rowLine));
    else
      assert.equal(
        held.map(({ id }) => id),
        different.ids,
        different.why,
      );
  });
}

test('verifyRecord :: refuses the bad signatures of the client cases', () => {
  for (const name of ['bad sig 2nd', 'short sig']) {
    const body = client.cases.find((one) => one.name === name)?.body_file;
    const records = decodeList(vectorBytes(`client/${body}`));
    assert.throws(
      () => {
        for (const record of records) verifyRecord(record, KEY);
      },
      throwsCode(name === 'short sig' ? 'RECORD_INVALID' : 'SIGNATURE_INVALID'),
    );
  }
});

const KEY = new Uint8Array(Buffer.from(client.pubkey_b64, 'base64'));

// As a mirror does: stops at the first record that is refused, keeps what came before.
function takeIn(records: readonly SignedRecord[]): SignedRecord[] {
  const view = new OverlayView(emptyView());
  for (const record of records) {
    try {
      verifyRecord(record, KEY);
    } catch {
      break;
    }
    const acceptance = planAccept(view, record);
    if (acceptance.kind === 'duplicate') continue;
    if (acceptance.kind !== 'accepted') break;
    view.apply(acceptance.steps);
  }
  return recordsOf(view);
}

function line({ id, key, type, modified, prev, prevChange }: SignedRecord): string {
  return [id, key, type, modified, prev, prevChange].join();
}

function rowLine(row: readonly unknown[]): string {
  return row.slice(0, 6).join();
}

function accepted(held: readonly SignedRecord[], shown: Parameters<typeof bare>[0]): string[] {
  const view = viewOf(held);
  const acceptance = planAccept(view, bare(shown));
  assert.is(acceptance.kind, 'accepted', JSON.stringify(acceptance));
  return acceptance.kind === 'accepted' ? stepLines(acceptance.steps) : [];
}

function refused(held: readonly SignedRecord[], shown: Parameters<typeof bare>[0]): string[] {
  const acceptance = planAccept(viewOf(held), bare(shown));
  assert.is(acceptance.kind, 'refused');
  return acceptance.kind === 'refused' ? [acceptance.reason, acceptance.detail] : [];
}

test.run();
