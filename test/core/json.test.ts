import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isObject, parseJson, parseJsonObject } from '../../src/core/json.ts';

const test = suite('core/json');

test('parseJson :: what a text says; undefined where it is no JSON', () => {
  assert.equal(parseJson('[1,{"a":null}]'), [1, { a: null }]);
  assert.is(parseJson('null'), null);
  for (const text of ['', '{', '{"a":1}x', 'undefined', "{'a':1}"]) {
    assert.is(parseJson(text), undefined, text);
  }
});

test('parseJson :: lets other faults through', () => {
  const text = {
    toString() {
      throw new RangeError('not about JSON');
    },
  };

  assert.throws(() => parseJson(text as never), /not about JSON/);
});

test('parseJsonObject :: an object; undefined for everything else', () => {
  assert.equal(parseJsonObject('{"a":1}'), { a: 1 });
  for (const text of ['[]', 'null', '1', '"a"', '{']) {
    assert.is(parseJsonObject(text), undefined, text);
  }
});

test('isObject :: neither a list nor null', () => {
  assert.ok(isObject({}));
  for (const value of [[], null, undefined, 'a', 1]) assert.not(isObject(value));
});

test.run();
