import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeAnchorScan } from '../../src/publish/anchor-scan.ts';

const test = suite('publish/anchor-scan');

function hitsOf(content: Uint8Array, anchors: readonly string[]): [string, number][] {
  const hits: [string, number][] = [];
  const scan = makeAnchorScan(anchors.map((anchor) => [Buffer.from(anchor), anchor] as const));
  scan.scan(content, (owner, at) => hits.push([owner, at]));
  return hits;
}

test('scan :: an anchor is found once wherever it lies, up to both ends', () => {
  for (let length = 3; length < 70; length += 1) {
    for (let at = 0; at + 3 <= length; at += 1) {
      const content = new Uint8Array(length).fill(0x2e);
      content.set(Buffer.from('abc'), at);

      assert.equal(hitsOf(content, ['xyz', 'abc']), [['abc', at]], `${at} of ${length}`);
    }
  }
});

test('scan :: contents too short for an anchor have none', () => {
  for (const content of ['', 'a', 'ab']) assert.equal(hitsOf(Buffer.from(content), ['abc']), []);
});

test('scan :: bytes that lie at an odd address are read all the same', () => {
  const bytes = Buffer.alloc(100, '.');
  bytes.write('abc', 41);

  assert.equal(hitsOf(new Uint8Array(bytes).subarray(1), ['abc']), [['abc', 40]]);
});

test('scan :: it finds what a search for each anchor finds', () => {
  const letters = fc.array(fc.constantFrom(...'abc'), { maxLength: 90 }).map((all) => all.join(''));
  const anchor = fc.tuple(...Array(3).fill(fc.constantFrom(...'abc'))).map((all) => all.join(''));
  const anchors = fc.uniqueArray(anchor, { minLength: 1, maxLength: 5 });

  fc.assert(
    fc.property(letters, anchors, (text, wanted) => {
      const found = hitsOf(Buffer.from(text), wanted).sort(([, a], [, b]) => a - b);
      const expected = Array.from(text, (_, at) => [text.slice(at, at + 3), at] as const);
      assert.equal(
        found,
        expected.filter(([word]) => wanted.includes(word)).map((pair) => [...pair]),
      );
    }),
  );
});

test.run();
