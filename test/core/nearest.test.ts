import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nearestTo } from '../../src/core/nearest.ts';

const test = suite('core/nearest');

for (const [text, candidates, expected] of [
  ['abuot.html', ['about.html', 'index.html'], ['about.html']],
  ['about.htm', ['about.html', 'index.html'], ['about.html']],
  ['cat', ['bat', 'rat', 'cart', 'dog'], ['bat', 'rat']],
  ['same', ['other', 'same'], ['same']],
  ['', ['a', 'bb'], ['a']],
  ['far away', ['x'], []],
  ['anything', [], []],
] as const) {
  test(`nearestTo :: ${JSON.stringify(text)} among ${candidates.join(', ')}`, () => {
    assert.equal(nearestTo(text, candidates, { results: 2, distance: 2 }), expected);
  });
}

test('nearestTo :: without a limit something is always nearest', () => {
  assert.equal(nearestTo('xyz', ['tissue', 'kiwi'], { results: 1 }), ['kiwi']);
});

test('nearestTo :: of endless texts compares the beginnings, and ends', () => {
  const long = 'x'.repeat(1_000_000);

  assert.equal(nearestTo(long, [`${long}y`, 'y'], { results: 1 }), [`${long}y`]);
});

test.run();
