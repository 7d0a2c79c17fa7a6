import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { MAX_SKIPPED_ITEMS, MsgpackReader } from '../../src/core/msgpack-reader.ts';
import { freshSeed, scaled } from '../helpers/scale.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('core/msgpack-reader');

const INTEGERS: readonly (readonly [string, number])[] = [
  ['00', 0],
  ['7f', 127],
  ['ff', -1],
  ['e0', -32],
  ['ccff', 255],
  ['cc00', 0],
  ['cdffff', 65535],
  ['ceffffffff', 2 ** 32 - 1],
  ['cf0000000000000001', 1],
  ['cf001fffffffffffff', 2 ** 53 - 1],
  ['d07f', 127],
  ['d080', -128],
  ['d17fff', 32767],
  ['d18000', -32768],
  ['d27fffffff', 2 ** 31 - 1],
  ['d280000000', -(2 ** 31)],
  ['d30000000000000005', 5],
  ['d3ffffffffffffffff', -1],
  ['d3ffe0000000000001', -(2 ** 53) + 1],
  ['d3001fffffffffffff', 2 ** 53 - 1],
];

for (const [bytes, expected] of INTEGERS) {
  test(`int :: reads ${bytes} as ${expected}`, () => {
    const reader = new MsgpackReader(fromHex(bytes));

    assert.is(reader.int(), expected);
    reader.end();
  });
}

const NO_INTEGERS: readonly (readonly [string, string])[] = [
  ['2^53', 'cf0020000000000000'],
  ['2^64 - 1', 'cfffffffffffffffff'],
  ['-2^53', 'd3ffe0000000000000'],
  ['-2^63', 'd38000000000000000'],
  ['float64 1', 'cb3ff0000000000000'],
  ['float32 1', 'ca3f800000'],
  ['NaN', 'cb7ff8000000000000'],
  ['true', 'c3'],
  ['false', 'c2'],
  ['nil', 'c0'],
  ['text "1"', 'a131'],
  ['an empty map', '80'],
  ['an empty array', '90'],
  ['the tag nobody uses', 'c1'],
  ['an extension', 'd40000'],
  ['nothing', ''],
  ['half an integer', 'cf0000'],
];

for (const [name, bytes] of NO_INTEGERS) {
  test(`int :: refuses ${name}`, () => {
    assert.throws(() => new MsgpackReader(fromHex(bytes)).int(), throwsCode('MALFORMED'));
  });
}

const TEXTS: readonly (readonly [string, string])[] = [
  ['fixraw', 'a26162'],
  ['str8', 'd9026162'],
  ['str16 = raw16', 'da00026162'],
  ['str32 = raw32', 'db000000026162'],
  ['bin8', 'c4026162'],
  ['bin16', 'c500026162'],
  ['bin32', 'c6000000026162'],
];

for (const [name, bytes] of TEXTS) {
  test(`bytes, text :: take ${name}`, () => {
    assert.equal(new MsgpackReader(fromHex(bytes)).bytes(), Uint8Array.of(0x61, 0x62));
    assert.is(new MsgpackReader(fromHex(bytes)).text(), 'ab');
    assert.ok(new MsgpackReader(fromHex(bytes)).isBytesNext());
  });

  test(`bytes :: refuse ${name} that is cut off anywhere`, () => {
    const whole = fromHex(bytes);
    for (let length = 0; length < whole.length; length += 1) {
      const cut = (): MsgpackReader => new MsgpackReader(whole.subarray(0, length));
      assert.throws(() => cut().bytes(), throwsCode('MALFORMED'));
      assert.throws(() => cut().name([], 0), throwsCode('MALFORMED'));
      assert.throws(() => cut().skip(1), throwsCode('MALFORMED'));
      assert.ok(cut().valueEnd(1) > length);
      assert.ok(cut().itemEnd() > length);
    }
  });
}

for (const bytes of ['00', 'c0', '80', '90', 'c3', 'ca00000000', 'd40000', 'c70000']) {
  test(`bytes :: refuse ${bytes}`, () => {
    assert.throws(() => new MsgpackReader(fromHex(bytes)).bytes(), throwsCode('MALFORMED'));
    assert.not(new MsgpackReader(fromHex(bytes)).isBytesNext());
  });
}

const NOT_UTF8: readonly (readonly [string, string])[] = [
  ['a lone continuation byte', '80'],
  ['an overlong slash', 'c0af'],
  ['an overlong NUL', 'c080'],
  ['a lone surrogate', 'eda080'],
  ['above U+10FFFF', 'f4908080'],
  ['a cut sequence', 'e697'],
  ['0xff', 'ff'],
];

for (const [name, bytes] of NOT_UTF8) {
  test(`text :: refuses ${name} instead of repairing it`, () => {
    const body = encode(new Uint8Array(fromHex(bytes)));

    assert.throws(() => new MsgpackReader(body).text(), throwsCode('MALFORMED'));
  });
}

test('text :: keeps a byte order mark and NUL', () => {
  assert.is(new MsgpackReader(encode('\ufeffa\u0000')).text(), '\ufeffa\u0000');
});

test('name :: finds the place of a name, wherever it was expected', () => {
  const names = ['id', 'key', 'mod'].map((name) => new TextEncoder().encode(name));
  const place = (name: string, expected: number): number =>
    new MsgpackReader(encode(name)).name(names, expected);

  assert.is(place('key', 1), 1);
  assert.is(place('key', 0), 1);
  assert.is(place('key', 7), 1);
  assert.is(place('id', 2), 0);
  assert.is(place('kez', 1), -1);
  assert.is(place('ke', 1), -1);
  assert.is(place('__proto__', 1), -1);
  assert.is(new MsgpackReader(fromHex('d9036d6f64')).name(names, 0), 2);
});

for (const bytes of ['8f', 'de000f', 'df0000000f']) {
  test(`map :: ${bytes} announces 15 fields`, () => {
    assert.is(new MsgpackReader(fromHex(bytes)).map(), 15);
  });
}

for (const bytes of [
  'de0021',
  'df00000021',
  'dfffffffff',
  '91',
  'dc0001',
  'c0',
  '01',
  'de00',
  '',
]) {
  test(`map :: refuses ${bytes === '' ? 'nothing' : bytes}`, () => {
    assert.throws(() => new MsgpackReader(fromHex(bytes)).map(), throwsCode('MALFORMED'));
  });
}

test('map :: 32 fields are allowed', () => {
  assert.is(new MsgpackReader(fromHex('de0020')).map(), 32);
});

test('array :: any number may be announced, nothing is allocated for it', () => {
  assert.is(new MsgpackReader(fromHex('93')).array(), 3);
  assert.is(new MsgpackReader(fromHex('dc0010')).array(), 16);
  assert.is(new MsgpackReader(fromHex('ddffffffff')).array(), 2 ** 32 - 1);
});

for (const bytes of ['81', 'de0001', 'c0', 'a0', 'dd0000']) {
  test(`array :: refuses ${bytes}`, () => {
    assert.throws(() => new MsgpackReader(fromHex(bytes)).array(), throwsCode('MALFORMED'));
  });
}

test('isBytesNext :: is false at the end', () => {
  assert.is(new MsgpackReader(new Uint8Array(0)).isBytesNext(), false);
});

for (const [bytes, expected] of [
  ['a26162', 2],
  ['a2', 2],
  ['c4ff', 255],
  ['da0100', 256],
  ['c6ffffffff', 2 ** 32 - 1],
  ['c6ffffff', 0],
  ['01', 0],
  ['91', 0],
  ['', 0],
] as const) {
  test(`announcedBytes :: ${bytes === '' ? 'nothing' : bytes} announces ${expected}`, () => {
    const reader = new MsgpackReader(fromHex(bytes));

    assert.is(reader.announcedBytes(), expected);
    assert.is(reader.offset, 0);
  });
}

test('nil :: is taken only where it stands', () => {
  const reader = new MsgpackReader(fromHex('c001'));

  assert.is(reader.nil(), true);
  assert.is(reader.nil(), false);
  assert.is(reader.int(), 1);
  assert.is(reader.nil(), false);
});

test('end :: refuses bytes that are left', () => {
  const reader = new MsgpackReader(fromHex('0102'));
  reader.int();

  assert.throws(() => reader.end(), throwsCode('MALFORMED'));
});

const SKIPPED: readonly unknown[] = [
  null,
  true,
  false,
  1.5,
  -5,
  2 ** 40,
  'text',
  new Uint8Array(300),
  [],
  {},
  [1, 'a', null],
  { a: 1, b: [1, 2] },
  [[], [], {}],
  { a: {}, b: [] },
  Array.from({ length: 20 }, (_, i) => `item ${i}`),
];

for (const value of SKIPPED) {
  test(`skip :: moves past ${JSON.stringify(value).slice(0, 40)}`, () => {
    const body = Uint8Array.from([...encode(value), 0x2a]);
    const reader = new MsgpackReader(body);

    reader.skip(2);

    assert.is(reader.offset, body.length - 1);
    assert.is(reader.int(), 42);
  });

  test(`valueEnd :: says more bytes are needed while ${JSON.stringify(value).slice(0, 40)} is cut`, () => {
    const body = encode(value);
    for (let length = 0; length < body.length; length += 1) {
      const end = new MsgpackReader(body.subarray(0, length)).valueEnd(2);
      assert.ok(end > length && end <= body.length, `${end} of ${length} bytes`);
    }
    assert.is(new MsgpackReader(body).valueEnd(2), body.length);
  });
}

test('skip :: allows as many levels as it is told and no more', () => {
  const nested = encode([[[1]]]);

  new MsgpackReader(nested).skip(3);

  assert.throws(() => new MsgpackReader(nested).skip(2), throwsCode('MALFORMED'));
  assert.throws(() => new MsgpackReader(encode([])).skip(0), throwsCode('MALFORMED'));
});

test('skip :: levels count what is open, not what was seen', () => {
  const wide = encode([[1], [2], { a: 1 }, [[]].slice(1), [3]]);

  const reader = new MsgpackReader(wide);
  reader.skip(2);

  reader.end();
});

for (const container of [0x91, 0x81]) {
  test(`skip :: 100,000 nested containers ${container.toString(16)} are refused, no stack is used`, () => {
    const body = new Uint8Array(100_000).fill(container);

    assert.throws(() => new MsgpackReader(body).skip(3), throwsCode('MALFORMED'));
  });
}

for (const header of ['ddffffffff', 'dfffffffff', 'dc0401', 'de0201']) {
  test(`skip :: refuses the ${header} that announces too many items`, () => {
    assert.throws(() => new MsgpackReader(fromHex(header)).skip(3), throwsCode('MALFORMED'));
  });
}

test('skip :: counts the items of all levels together', () => {
  const many = encode([
    new Array(MAX_SKIPPED_ITEMS / 2).fill(0),
    new Array(MAX_SKIPPED_ITEMS / 2).fill(0),
  ]);
  const enough = encode(new Array(MAX_SKIPPED_ITEMS).fill(0));

  new MsgpackReader(enough).skip(1);

  assert.throws(() => new MsgpackReader(many).skip(2), throwsCode('MALFORMED'));
});

// ext8, ext16, ext32, fixext1, 2, 4, 8, 16 of every type msgpackr gives a meaning, and -1
const EXTENSIONS = [0x72, 0x70, 0x78, 0x65, 0x73, 0x62, 0xff].flatMap((type) => [
  [0xc7, 0, type],
  [0xc8, 0, 0, type],
  [0xc9, 0, 0, 0, 0, type],
  [0xd4, type, 0],
  [0xd5, type, 0, 0],
  [0xd6, type, 0, 0, 0, 0],
  [0xd7, type, ...new Uint8Array(8)],
  [0xd8, type, ...new Uint8Array(16)],
]);

test('every primitive :: refuses extension types', () => {
  for (const bytes of EXTENSIONS) {
    const reader = (): MsgpackReader => new MsgpackReader(Uint8Array.from(bytes));
    for (const read of ['map', 'array', 'bytes', 'text', 'int', 'itemEnd'] as const) {
      assert.throws(() => reader()[read](), throwsCode('MALFORMED'));
    }
    assert.throws(() => reader().skip(3), throwsCode('MALFORMED'));
    assert.throws(() => reader().valueEnd(3), throwsCode('MALFORMED'));
  }
});

test('skip :: refuses the tag nobody uses', () => {
  assert.throws(() => new MsgpackReader(fromHex('c1')).skip(3), throwsCode('MALFORMED'));
});

test('skip :: ends where the reference decoder ends, or refuses', () => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
  const value = fc.oneof(
    scalar,
    fc.array(scalar),
    fc.array(fc.array(scalar)),
    fc.dictionary(fc.string(), scalar),
  );
  fc.assert(
    fc.property(value, fc.uint8Array(), (given, behind) => {
      const body = encode(given);
      const reader = new MsgpackReader(Uint8Array.from([...body, ...behind]));

      reader.skip(2);

      assert.is(reader.offset, body.length);
    }),
    { seed: freshSeed(), numRuns: scaled(500) },
  );
});

test('every primitive :: random bytes give a value the reference decoder agrees with, or MALFORMED', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
      const reader = new MsgpackReader(bytes);
      const value = attempt(() => reader.int());
      if (value !== undefined) {
        assert.is(decode(bytes.subarray(0, reader.offset)), value);
      }
      const texts = new MsgpackReader(bytes);
      const text = attempt(() => texts.text());
      if (text !== undefined) {
        assert.equal(
          Buffer.from(text),
          Buffer.from(bytes.subarray(texts.offset - Buffer.byteLength(text), texts.offset)),
        );
      }
      const skipper = new MsgpackReader(bytes);
      attempt(() => skipper.skip(3));
      assert.ok(skipper.offset <= bytes.length);
    }),
    { seed: freshSeed(), numRuns: scaled(3000) },
  );
});

/** The result, or undefined where it is refused; any other error fails the test. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isDrayerError(error, 'MALFORMED')) return undefined;
    throw error;
  }
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

test.run();
