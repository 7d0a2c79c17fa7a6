import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MsgpackWriter } from '../../src/core/msgpack-writer.ts';
import { freshSeed, scaled } from '../helpers/scale.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('core/msgpack-writer');

const INTEGERS: readonly (readonly [number, string])[] = [
  [0, '00'],
  [127, '7f'],
  [128, 'cc80'],
  [255, 'ccff'],
  [256, 'cd0100'],
  [65535, 'cdffff'],
  [65536, 'ce00010000'],
  [2 ** 32 - 1, 'ceffffffff'],
  [2 ** 32, 'cf0000000100000000'],
  [1552101625357688, 'cf000583a0d208e578'],
  [2 ** 53 - 1, 'cf001fffffffffffff'],
  [-1, 'ff'],
  [-32, 'e0'],
  [-33, 'd0df'],
  [-128, 'd080'],
  [-129, 'd1ff7f'],
  [-32768, 'd18000'],
  [-32769, 'd2ffff7fff'],
  [-(2 ** 31), 'd280000000'],
  [-(2 ** 31) - 1, 'd3ffffffff7fffffff'],
  [-(2 ** 53) + 1, 'd3ffe0000000000001'],
];

for (const [value, expected] of INTEGERS) {
  test(`int :: writes ${value} in as few bytes as possible, never as a float`, () => {
    assert.is(hex(new MsgpackWriter().int(value).finish()), expected);
  });
}

for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53)]) {
  test(`int :: refuses ${value}`, () => {
    assert.throws(() => new MsgpackWriter().int(value), throwsCode('RECORD_INVALID'));
  });
}

test('int :: writes minus zero as zero', () => {
  assert.is(hex(new MsgpackWriter().int(-0).finish()), '00');
});

const LENGTHS = [0, 1, 31, 32, 99, 100, 101, 255, 256, 65535, 65536];

for (const length of LENGTHS) {
  test(`str :: ${length} bytes are written as the reference encoder writes them`, () => {
    const text = 'x'.repeat(length);

    assert.equal(new MsgpackWriter(1).str(text).finish(), encode(text));
  });

  test(`bin :: ${length} bytes are written as the reference encoder writes them`, () => {
    const bytes = new Uint8Array(length).fill(7);

    assert.equal(new MsgpackWriter(1).bin(bytes).finish(), encode(bytes));
  });
}

for (const size of [0, 15, 16, 65535, 65536]) {
  test(`array, map :: ${size} items are announced as the reference encoder does`, () => {
    const items = new Array<number>(size).fill(0);
    const pairs = Object.fromEntries(items.map((_, i) => [i, 0]));
    const written = (writer: MsgpackWriter): string => hex(writer.finish());

    assert.ok(hex(encode(items)).startsWith(written(new MsgpackWriter().array(size))));
    assert.ok(hex(encode(pairs)).startsWith(written(new MsgpackWriter().map(size))));
  });
}

test('str :: short text that is not ASCII is UTF-8', () => {
  for (const text of ['é', 'abcé', '日本', '😀', 'a\u0000b', '\u007f', '\u0080', '\ufeffx']) {
    assert.equal(new MsgpackWriter(1).str(text).finish(), encode(text), text);
  }
});

test('raw :: puts in what is MessagePack already', () => {
  const inner = new MsgpackWriter().str('a').finish();

  assert.equal(decode(new MsgpackWriter().array(2).int(1).raw(inner).finish()), [1, 'a']);
});

test('finish :: gives what was written whatever the capacity was', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger())),
      (list) => {
        const writer = new MsgpackWriter(1).array(list.length);
        for (const item of list) {
          if (typeof item === 'number') writer.int(item);
          else writer.str(item);
        }

        assert.equal(decode(writer.finish()), list);
      },
    ),
    { seed: freshSeed(), numRuns: scaled(300) },
  );
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test.run();
