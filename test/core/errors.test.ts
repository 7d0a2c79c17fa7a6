import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  DrayerError,
  EXIT,
  exitOf,
  isDrayerError,
  isErrorCode,
  statusOf,
} from '../../src/core/errors.ts';

const test = suite('core/errors');

test('DrayerError :: carries code, hint and cause', () => {
  const cause = new Error('underneath');
  const error = new DrayerError('CHAIN_FULL', 'no room', { hint: 'start a new stream', cause });

  assert.instance(error, Error);
  assert.equal([error.name, error.code, error.message], ['DrayerError', 'CHAIN_FULL', 'no room']);
  assert.is(error.hint, 'start a new stream');
  assert.is(error.cause, cause);
});

test('DrayerError :: has no cause and no hint where none was given', () => {
  const error = new DrayerError('USAGE', 'wrong');

  assert.is(error.hint, undefined);
  assert.not('cause' in error);
});

test('isErrorCode :: knows the conditions, and nothing that every object has', () => {
  assert.ok(isErrorCode('USAGE'));
  assert.not(isErrorCode('usage'));
  assert.not(isErrorCode('toString'));
});

test('isDrayerError :: tells our errors from others, and one code from another', () => {
  const error = new DrayerError('USAGE', 'wrong');

  assert.ok(isDrayerError(error));
  assert.ok(isDrayerError(error, 'USAGE'));
  assert.not(isDrayerError(error, 'CONFLICT'));
  assert.not(isDrayerError(new Error('wrong')));
  assert.not(isDrayerError({ code: 'USAGE', name: 'DrayerError' }));
});

test('DrayerError :: one that another copy of the module made is one as well', async () => {
  const { href } = new URL('../../src/core/errors.ts', import.meta.url);
  const copy: typeof import('../../src/core/errors.ts') = await import(`${href}?copy`);
  const error = new copy.DrayerError('USAGE', 'wrong');

  assert.is.not(copy.DrayerError, DrayerError);
  assert.is(Object.getPrototypeOf(error), copy.DrayerError.prototype);
  assert.ok(isDrayerError(error, 'USAGE'));
  assert.instance(error, DrayerError);
  for (const other of [undefined, null, 'USAGE', {}, new Error('wrong')]) {
    assert.not(isDrayerError(other), String(other));
  }
});

test('statusOf, exitOf :: give each code its two numbers', () => {
  assert.equal([statusOf('USAGE'), exitOf('USAGE')], [400, EXIT.usage]);
  assert.equal([statusOf('TWO_HISTORIES'), exitOf('TWO_HISTORIES')], [409, EXIT.conflict]);
  assert.equal([statusOf('HOST_REFUSED'), exitOf('HOST_REFUSED')], [421, EXIT.failed]);
  assert.equal([statusOf('UNREACHABLE'), exitOf('UNREACHABLE')], [502, EXIT.unreachable]);
});

test.run();
