/** What every ChainView has to do, as one suite that each kind of view runs. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ChainView } from '../../src/core/chain.ts';
import { MAX_INTEGER, type SignedRecord } from '../../src/core/record.ts';
import { hashOf, linesOf, record } from './records.ts';
import { type Scope, scope } from './scope.ts';

/** Makes the view of a stream that has exactly these records; `t` is for files and teardown. */
export type MakeView = (
  records: readonly SignedRecord[],
  t: Scope,
) => ChainView | Promise<ChainView>;

const FAR = MAX_INTEGER;

/** Ids, `modified`s and timestamps each in another order, with gaps; two names that come twice. */
const RECORDS: readonly SignedRecord[] = [
  held({ id: 2, prev: 0, modified: 70, prevChange: 40, timestamp: 5, key: 'a' }),
  held({ id: 3, prev: 2, modified: 10, prevChange: 0, timestamp: -9, key: 'b' }),
  held({ id: 7, prev: 3, modified: 40, prevChange: 10, timestamp: 9, key: 'a', type: 'file' }),
  held({ id: 8, prev: 7, modified: 71, prevChange: 70, timestamp: 4, key: 'a' }),
  held({ id: 9, prev: 8, modified: 90, prevChange: 71, timestamp: 5, key: 'a' }),
  held({ id: 20, prev: 9, modified: 95, prevChange: 90, timestamp: FAR, key: '' }),
  held({
    id: FAR,
    prev: 20,
    modified: FAR,
    prevChange: 95,
    timestamp: -FAR,
    key: 'A\0ä',
    type: '',
  }),
];
const PLACES = [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 20, 39, 40, 41, 70, 71, 90, 95, 96, FAR - 1, FAR];

/** Runs the acceptance suite of {@link ChainView} on one kind of view. */
export function chainViewTests(name: string, make: MakeView): void {
  const test = suite(name);
  const withRecords = (body: (view: ChainView) => void): (() => Promise<void>) =>
    scope(async (t) => body(await make(RECORDS, t)));

  test(
    'ChainView :: has nothing in an empty stream',
    scope(async (t) => {
      const view = await make([], t);

      assert.equal([view.idTip(), view.modifiedTip(), view.count()], [0, 0, 0]);
      assert.equal(view.byKey('obj', 'a'), []);
      for (const at of PLACES) {
        const found = [view.byId(at), view.byModified(at), view.beforeId(at), view.afterId(at)];
        found.push(view.beforeModified(at), view.afterModified(at));
        assert.ok(found.every((one) => one === undefined));
      }
    }),
  );

  test(
    'ChainView :: knows both tips and the number of records',
    withRecords((view) => {
      assert.is(view.idTip(), FAR);
      assert.is(view.modifiedTip(), FAR);
      assert.is(view.count(), RECORDS.length);
    }),
  );

  test(
    'ChainView :: finds a record by its place in either chain, and nothing between',
    withRecords((view) => {
      for (const at of PLACES) {
        same(
          view.byId(at),
          RECORDS.find((one) => one.id === at),
          `id ${at}`,
        );
        same(
          view.byModified(at),
          RECORDS.find((one) => one.modified === at),
          `modified ${at}`,
        );
      }
    }),
  );

  test(
    'ChainView :: finds the neighbours of any place, taken or not',
    withRecords((view) => {
      const ids = [...RECORDS].sort((a, b) => a.id - b.id);
      const modifieds = [...RECORDS].sort((a, b) => a.modified - b.modified);
      for (const at of PLACES) {
        same(
          view.beforeId(at),
          ids.findLast((one) => one.id < at),
          `before id ${at}`,
        );
        same(
          view.afterId(at),
          ids.find((one) => one.id > at),
          `after id ${at}`,
        );
        const below = modifieds.findLast((one) => one.modified < at);
        same(view.beforeModified(at), below, `before modified ${at}`);
        const above = modifieds.find((one) => one.modified > at);
        same(view.afterModified(at), above, `after modified ${at}`);
      }
    }),
  );

  test(
    'ChainView :: finds by type and key, the one that counts first (R10)',
    withRecords((view) => {
      const ids = (type: string, key: string): number[] =>
        view.byKey(type, key).map((one) => one.id);

      assert.equal(ids('obj', 'a'), [9, 2, 8]);
      assert.equal(ids('file', 'a'), [7]);
      assert.equal(ids('obj', ''), [20]);
      assert.equal(ids('', 'A\0ä'), [FAR]);
    }),
  );

  test(
    'ChainView :: takes keys to the letter',
    withRecords((view) => {
      for (const [type, key] of [
        ['obj', 'A'],
        ['Obj', 'a'],
        ['obj', 'a '],
        ['ob', 'ja'],
        ['obja', ''],
        ['', 'A'],
        ['', 'A\0a\u0308'],
        ['', 'obja'],
      ] as const) {
        assert.equal(view.byKey(type, key), [], `${type} ${key}`);
      }
    }),
  );

  test(
    'ChainView :: gives records with every field',
    withRecords((view) => {
      for (const expected of RECORDS) {
        const found = view.byId(expected.id);
        assert.ok(found);
        const { value: _, ...fields } = expected;
        for (const [field, value] of Object.entries(fields)) {
          const actual = found[field as keyof typeof fields];
          if (value instanceof Uint8Array) assert.is(hex(actual), hex(value), field);
          else assert.is(actual, value, field);
        }
      }
    }),
  );

  test.run();
}

function held(fields: Parameters<typeof record>[0]): SignedRecord {
  const value = `value ${fields.id}`;
  return { ...record({ ...fields, hash: hashOf(value) }), value: new TextEncoder().encode(value) };
}

function same(
  actual: SignedRecord | undefined,
  expected: SignedRecord | undefined,
  at: string,
): void {
  const lines = (one: SignedRecord | undefined): string[] =>
    linesOf(one === undefined ? [] : [one]);
  assert.equal(lines(actual), lines(expected), at);
}

function hex(bytes: unknown): string {
  assert.instance(bytes, Uint8Array);
  return Buffer.from(bytes as Uint8Array).toString('hex');
}
