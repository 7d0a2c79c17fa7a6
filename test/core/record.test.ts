import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesEqual, checkDraft, checkRecord } from '../../src/core/record.ts';
import { bare, draft } from '../helpers/records.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('core/record');

test('bytesEqual :: compares length and every byte', () => {
  const bytes = new Uint8Array([1, 2, 3]);

  assert.ok(bytesEqual(bytes, new Uint8Array([1, 2, 3])));
  assert.ok(bytesEqual(new Uint8Array(), new Uint8Array()));
  assert.not(bytesEqual(bytes, new Uint8Array([1, 2, 4])));
  assert.not(bytesEqual(bytes, new Uint8Array([1, 2])));
  assert.not(bytesEqual(bytes, new Uint8Array([1, 2, 3, 0])));
});

test('checkDraft :: names the field, what was expected and what came (R2)', () => {
  assert.throws(
    () => checkDraft(draft({ id: 5, prev: 5 })),
    /^record 5: expected prev to be an integer from 0 to 4, got 5$/,
  );
  assert.throws(
    () => checkDraft(draft({ id: 5, key: '\udc00' })),
    /^record 5: expected key to be valid Unicode$/,
  );
});

test('checkRecord :: checks the signature’s length as well (R2)', () => {
  checkRecord(bare({ id: 1 }));
  assert.throws(
    () => checkRecord({ ...bare({ id: 1 }), signature: new Uint8Array(63) }),
    throwsCode('RECORD_INVALID'),
  );
});

test.run();
