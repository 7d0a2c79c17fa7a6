import { statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findReceipt, noteReceipt, receiptsPathOf } from '../../src/store/push-receipts.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('store/push-receipts');

test(
  'noteReceipt, findReceipt :: a batch counts as soon as the stream has reached its tip',
  scope((t) => {
    const path = t.path('a.stream');
    const receipt = { batch: 'aa', tip: 100, seq: 2 };

    assert.is(findReceipt(path, 'aa', 0), undefined);
    noteReceipt(path, receipt, 50);

    assert.is(findReceipt(path, 'aa', 50), undefined);
    assert.equal(findReceipt(path, 'aa', 100), receipt);
    assert.equal(findReceipt(path, 'aa', 900), receipt);
    assert.is(findReceipt(path, 'bb', 900), undefined);
    assert.is(statSync(receiptsPathOf(path)).mode & 0o777, 0o600);
  }),
);

test(
  'noteReceipt :: a batch that never came to be is forgotten when another takes its place',
  scope((t) => {
    const path = t.path('a.stream');
    noteReceipt(path, { batch: 'lost', tip: 100, seq: 2 }, 50);

    noteReceipt(path, { batch: 'other', tip: 120, seq: 2 }, 50);

    assert.is(findReceipt(path, 'lost', 120), undefined);
    assert.is(findReceipt(path, 'other', 120)?.seq, 2);
  }),
);

test(
  'noteReceipt :: remembers the last 64',
  scope((t) => {
    const path = t.path('a.stream');

    for (let tip = 1; tip <= 70; tip += 1) {
      noteReceipt(path, { batch: `${tip}`, tip, seq: tip }, tip - 1);
    }

    assert.is(findReceipt(path, '6', 70), undefined);
    assert.is(findReceipt(path, '7', 70)?.tip, 7);
    assert.is(findReceipt(path, '70', 70)?.tip, 70);
  }),
);

test(
  'findReceipt :: a damaged file is as none',
  scope((t) => {
    const path = t.path('a.stream');
    for (const text of ['', '{', '{}', '[1, null, {"batch":1}]']) {
      writeFileSync(receiptsPathOf(path), text);
      assert.is(findReceipt(path, 'aa', 100), undefined);
    }
  }),
);

test.run();
