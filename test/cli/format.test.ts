import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytes, count, duration, shellWord, table, time, wordRows } from '../../src/cli/format.ts';

const test = suite('cli/format');

test('count :: one is singular, all else plural, thousands are grouped', () => {
  assert.is(count(0, 'file'), '0 files');
  assert.is(count(1, 'file'), '1 file');
  assert.is(count(12345, 'entry', 'entries'), '12,345 entries');
});

const SIZES: readonly (readonly [number, string])[] = [
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1000, '1.0 KB'],
  [9949, '9.9 KB'],
  [9950, '10 KB'],
  [999_499, '999 KB'],
  [999_500, '1.0 MB'],
  [64 * 1024 * 1024, '67 MB'],
  [1_234_567_890, '1.2 GB'],
  [5e15, '5000 TB'],
];

test('bytes :: two digits are enough, and no unit is skipped at its edge', () => {
  for (const [n, text] of SIZES) assert.is(bytes(n), text);
});

test('time :: UTC, the same everywhere; what is no date is still shown', () => {
  assert.is(time(1_795_374_367_692_001), '2026-11-22 19:06:07');
  assert.is(time(0), 'never');
  assert.is(time(-1_000_000), '1969-12-31 23:59:59');
  assert.is(time(Number.MAX_SAFE_INTEGER), '2255-06-05 23:47:34');
});

test('duration :: seconds, then minutes', () => {
  assert.is(duration(40), '0.0 s');
  assert.is(duration(9949), '9.9 s');
  assert.is(duration(9950), '10 s');
  assert.is(duration(200_000), '3 min 20 s');
});

test('table :: pads all columns but the last, to the left or to the right', () => {
  const rows = [
    ['1 byte', 'a', 'x'],
    ['12 KB', 'bcd', ''],
  ];

  assert.equal(table(rows, [0]), ['1 byte  a    x', ' 12 KB  bcd']);
});

test('shellWord :: quotes what a shell would take apart', () => {
  assert.is(shellWord('/a/b-c_d.stream'), '/a/b-c_d.stream');
  assert.is(shellWord('my site'), "'my site'");
  assert.is(shellWord("it's"), "'it'\\''s'");
  assert.is(shellWord(''), "''");
});

test('wordRows :: eight words to a line, the label at the first', () => {
  const words = Array.from({ length: 10 }, (_, i) => `w${i}`).join(' ');

  assert.equal(wordRows('words', words), [
    ['words', 'w0 w1 w2 w3 w4 w5 w6 w7'],
    ['', 'w8 w9'],
  ]);
});

test.run();
