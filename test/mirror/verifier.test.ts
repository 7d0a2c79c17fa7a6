/** Signatures checked by two threads at once: the same verdict as by one, in any number. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SignedRecord } from '../../src/core/record.ts';
import { Background } from '../../src/mirror/background.ts';
import { checkSlice, NONE_WRONG, newSignatures, wrongOf } from '../../src/mirror/signatures.ts';
import { Verifier } from '../../src/mirror/verifier.ts';
import { record, TEST_KEYS } from '../helpers/records.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode, throwsCode } from '../helpers/throws.ts';

const test = suite('mirror/verifier');

const { publicKey } = TEST_KEYS;
const RECORDS: readonly SignedRecord[] = Array.from({ length: 700 }, (_, i) =>
  record({ id: i + 1 }),
);

test(
  'all :: few records are checked here, many in the thread too, however they come',
  scope(async (t) => {
    const { background, verifier } = setUp(t);

    const running: boolean[] = [];
    for (let i = 0; i < 4; i += 1) {
      await verifier.all(RECORDS.slice(i * 100, i * 100 + 100));
      running.push(background.isRunning);
    }
    await verifier.all([]);

    assert.equal(running, [false, false, true, true]);
  }),
);

test(
  'expect :: the thread starts before the first of many records, and not for few',
  scope(async (t) => {
    const { background, verifier } = setUp(t);
    verifier.expect(299);
    assert.is(background.isRunning, false);
    verifier.expect(300);
    assert.is(background.isRunning, true);

    const wrong = [{ ...RECORDS[0], timestamp: 1 } as SignedRecord];
    await verifier.all(RECORDS.slice(0, 3));
    await rejectsCode(verifier.all(wrong), 'SIGNATURE_INVALID');
  }),
);

test(
  'all :: one wrong record among any number is found, and named (R16)',
  scope(async (t) => {
    const { verifier } = setUp(t);
    for (const [count, at] of [
      [3, 1],
      [700, 0],
      [700, 699],
      [700, 350],
      [17, 16],
    ] as const) {
      const records = RECORDS.slice(0, count);
      const good = records[at] as SignedRecord;
      records[at] = { ...good, signature: new Uint8Array(64) };

      const error = await rejectsCode(verifier.all(records), 'SIGNATURE_INVALID');

      assert.match(error.message, `record ${good.id}: signature`);
    }
  }),
);

test(
  'all :: a wrong value or a shape out of bounds is found before any signature',
  scope(async (t) => {
    const { verifier } = setUp(t);
    const [first, ...rest] = RECORDS as [SignedRecord, ...SignedRecord[]];

    for (const wrong of [
      { ...first, value: new Uint8Array(3) },
      { ...first, id: 0 },
      { ...first, signature: new Uint8Array(65) },
    ]) {
      await rejectsCode(verifier.all([...rest, wrong]), 'RECORD_INVALID');
      assert.throws(() => verifier.one(wrong), throwsCode('RECORD_INVALID'));
    }
  }),
);

test(
  'Background :: what fails in the thread fails here, with its code; after closing it begins anew',
  scope(async (t) => {
    const { background, verifier } = setUp(t);

    const nothing = { path: t.path('nothing.stream'), goal: 0, seen: undefined };
    await rejectsCode(background.promote(nothing), 'STORAGE_FAILED');
    const cut = rejectsCode(verifier.all(RECORDS), 'INTERNAL');
    await background.close();
    await cut;
    await verifier.all(RECORDS);

    assert.is(background.isRunning, true);
  }),
);

test('checkSlice :: every signature is taken once, until a wrong one ends it', () => {
  const { shared, put } = newSignatures(100, publicKey);
  const [record] = RECORDS as [SignedRecord];
  const wrong = { ...record, signature: new Uint8Array(64) };
  for (let i = 0; i < 100; i += 1) put(i, wrong);

  assert.is(wrongOf(shared), NONE_WRONG);
  assert.is(checkSlice(shared), false);
  assert.is(wrongOf(shared), 0);
  assert.is(checkSlice(shared), false);
});

function setUp(t: Scope): { background: Background; verifier: Verifier } {
  const background = t.defer(new Background(), (one) => one.close());
  return { background, verifier: new Verifier(publicKey, background) };
}

test.run();
