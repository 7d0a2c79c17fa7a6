import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRange, type Range, rangeApplies } from '../../src/server/range.ts';

const test = suite('server/range');

const whole: Range = { kind: 'whole' };
const none: Range = { kind: 'unsatisfiable' };
const part = (start: number, end: number): Range => ({ kind: 'part', start, end });

const cases: readonly (readonly [string | undefined, number, Range])[] = [
  [undefined, 10, whole],
  ['bytes=0-0', 10, part(0, 1)],
  ['bytes=0-9', 10, part(0, 10)],
  ['bytes=9-9', 10, part(9, 10)],
  ['bytes=0-', 10, part(0, 10)],
  ['bytes=4-', 10, part(4, 10)],
  ['bytes=4-99', 10, part(4, 10)],
  ['bytes=4-9223372036854775808', 10, part(4, 10)],
  [`bytes=4-${'9'.repeat(400)}`, 10, part(4, 10)],
  ['bytes=-3', 10, part(7, 10)],
  ['bytes=-10', 10, part(0, 10)],
  ['bytes=-99', 10, part(0, 10)],
  ['bytes=-0', 10, none],
  ['bytes=10-', 10, none],
  ['bytes=10-20', 10, none],
  ['bytes=9223372036854775808-', 10, none],
  [`bytes=${'9'.repeat(400)}-`, 10, none],
  ['bytes=5-2', 10, whole],
  ['bytes=99-2', 10, whole],
  ['bytes=', 10, whole],
  ['bytes=-', 10, whole],
  ['bytes=a-b', 10, whole],
  ['bytes=0x1-2', 10, whole],
  ['bytes=1.5-2', 10, whole],
  ['bytes=--1', 10, whole],
  ['bytes=0-1,3-4', 10, whole],
  [`bytes=${'0-,'.repeat(1000)}0-`, 10, whole],
  ['items=0-1', 10, whole],
  ['bytes 0-1', 10, whole],
  ['BYTES=0-1', 10, part(0, 2)],
  // §5.6.1.2: empty elements of a list count for nothing.
  ['bytes=0-1,', 10, part(0, 2)],
  ['bytes=,0-1', 10, part(0, 2)],
  ['bytes= ,\t, -3 , ,', 10, part(7, 10)],
  ['bytes=,', 10, whole],
  [`bytes=${','.repeat(16_000)}x`, 10, whole],
  [`bytes=0-1${', '.repeat(8_000)}x`, 10, whole],
  // No white space inside a range, nor around the sign.
  ['bytes=0 -1', 10, whole],
  ['bytes=0- 1', 10, whole],
  ['bytes =0-1', 10, whole],
  ['bytes=0-1 2', 10, whole],
  ['bytes=0-1;', 10, whole],
  ['bytes=0-0x', 10, whole],
  ['bytes=+0-1', 10, whole],
  ['bytes=٠-١', 10, whole],
  ['bytes=00-01', 10, part(0, 2)],
  ['', 10, whole],
  ['0-1', 10, whole],
  ['none', 10, whole],
  ['bytes=0-', 1, part(0, 1)],
  ['bytes=-1', 1, part(0, 1)],
  ['bytes=1-', 1, none],
  ['bytes=0-1', 50_000_000_000, part(0, 2)],
  ['bytes=-1', 50_000_000_000, part(49_999_999_999, 50_000_000_000)],
  ['bytes=0-', 0, none],
  ['bytes=-5', 0, whole],
];

for (const [header, size, expected] of cases) {
  test(`parseRange :: ${header?.slice(0, 40) ?? 'no header'} of ${size} (RFC 9110 §14.1.2)`, () => {
    assert.equal(parseRange(header, size), expected);
  });
}

const ifRanges: readonly (readonly [string | undefined, boolean])[] = [
  [undefined, true],
  ['"a"', true],
  [' "a" ', true],
  ['"b"', false],
  ['W/"a"', false],
  ['a', false],
  ['Sun, 06 Nov 1994 08:49:37 GMT', false],
];

for (const [header, expected] of ifRanges) {
  test(`rangeApplies :: If-Range ${header} against "a" is ${expected} (RFC 9110 §13.1.5)`, () => {
    assert.is(rangeApplies(header, '"a"'), expected);
  });
}

test('rangeApplies :: a weak tag never matches, not even itself', () => {
  assert.is(rangeApplies('W/"a"', 'W/"a"'), false);
});

test.run();
