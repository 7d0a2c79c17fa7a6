/** What is kept of values under way: read back as far as it is whole, and never in anybody's way. */
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { DrayerError } from '../../src/core/errors.ts';
import { bytesIn, joinRanges, type Range, withoutRanges } from '../../src/store/byte-ranges.ts';
import { PartValues, partValuesPathOf } from '../../src/store/part-values.ts';
import { noise } from '../helpers/published.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/part-values');

const VALUE = noise(10_000);
const HASH = hash(VALUE);
/** Of a piece of a thousand bytes, and of what is before the first. */
const PIECE_BYTES = 1012;
const HEAD_BYTES = 44;

function open(t: Scope): PartValues {
  return t.defer(new PartValues(t.path('m.stream')), (one) => one.close());
}

function pieces(...starts: number[]) {
  return starts.map((at) => ({ at, bytes: VALUE.subarray(at, at + 1000) }));
}

function fileOf(t: Scope, digest = HASH): string {
  return join(partValuesPathOf(t.path('m.stream')), Buffer.from(digest).toString('hex'));
}

/** What is sound of the value, after it was checked against it. */
function loaded(t: Scope): Range[] | undefined {
  const into = new Uint8Array(VALUE.length);
  const ranges = open(t).find(HASH)?.load(into);
  for (const { start, end } of ranges ?? []) {
    assert.equal(into.subarray(start, end), VALUE.subarray(start, end));
  }
  return ranges;
}

test(
  'PartValues :: pieces are read back by another process, and gone on with',
  scope((t) => {
    const first = open(t);
    assert.is(first.isEmpty, true);
    first.keep(HASH, VALUE.length, pieces(2000, 0));
    first.keep(HASH, VALUE.length, pieces(3000));
    assert.is(first.bytes, 3000);
    first.close();
    const second = open(t);
    second.keep(HASH, VALUE.length, pieces(1000));

    assert.is(second.bytes, 4000);
    assert.equal(loaded(t), [{ start: 0, end: 4000 }]);
    assert.is(statSync(fileOf(t)).mode & 0o777, 0o600);
    assert.is(statSync(partValuesPathOf(t.path('m.stream'))).mode & 0o777, 0o700);
  }),
);

test(
  'PartValues :: looking, storing and removing make no file where there is none',
  scope((t) => {
    const parts = open(t);
    let stored = 0;

    assert.is(parts.has(HASH), false);
    assert.is(parts.find(HASH), undefined);
    parts.storing([HASH], () => {
      stored += 1;
    });
    parts.keepOnly(() => false);
    parts.sync();

    assert.is(stored, 1);
    assert.equal(readdirSync(t.directory), []);
  }),
);

test(
  'PartValues :: where a link leads nothing is removed, nor written',
  scope((t) => {
    const elsewhere = t.path('elsewhere');
    const blob = join(elsewhere, 'ab'.repeat(32));
    mkdirSync(elsewhere);
    writeFileSync(blob, 'of somebody else');
    symlinkSync(elsewhere, partValuesPathOf(t.path('m.stream')));
    const parts = open(t);

    parts.keepOnly(() => false);
    parts.keep(HASH, VALUE.length, pieces(0));

    assert.equal(readdirSync(elsewhere), ['ab'.repeat(32)]);
    assert.is(readFileSync(blob, 'utf8'), 'of somebody else');
  }),
);

test(
  'PartFile :: a file cut off anywhere is read as far as it is whole, and gone on with',
  scope((t) => {
    open(t).keep(HASH, VALUE.length, pieces(0, 1000, 2000));
    const whole = readFileSync(fileOf(t));
    assert.is(whole.length, HEAD_BYTES + 3 * PIECE_BYTES);
    for (let length = 0; length <= whole.length; length += 97) {
      writeFileSync(fileOf(t), whole.subarray(0, length));
      const count = Math.floor((length - HEAD_BYTES) / PIECE_BYTES);
      const end = Math.max(0, count) * 1000;
      assert.equal(open(t).find(HASH)?.bytes ?? 0, end, `${length} bytes`);
      open(t).keep(HASH, VALUE.length, pieces(5000));
      const before = end === 0 ? [] : [{ start: 0, end }];
      assert.equal(loaded(t), [...before, { start: 5000, end: 6000 }], `${length} bytes`);
    }
  }),
);

test(
  'PartFile :: a bit that flipped costs its piece, or what is behind it, and never gives wrong bytes',
  scope((t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    open(t).keep(HASH, VALUE.length, pieces(0, 1000, 2000, 7000));
    const whole = readFileSync(fileOf(t));
    for (let round = 0; round < scaled(200); round += 1) {
      const bent = Buffer.from(whole);
      const at = random.below(whole.length);
      bent[at] = (bent[at] ?? 0) ^ (1 << random.below(8));
      writeFileSync(fileOf(t), bent);
      const bytes = bytesIn(loaded(t) ?? []);
      const isInBytes = at >= HEAD_BYTES && (at - HEAD_BYTES) % PIECE_BYTES >= 12;
      assert.ok(isInBytes ? bytes === 3000 : bytes <= 3000, `${bytes} bytes, seed ${seed}, ${at}`);
      if (!existsSync(fileOf(t))) mkdirSync(partValuesPathOf(t.path('m.stream')));
    }
  }),
);

test(
  'PartFile :: of two pieces in one place the last counts, where it is sound',
  scope((t) => {
    open(t).keep(HASH, VALUE.length, pieces(0, 1000, 1000));
    const handle = openSync(fileOf(t), 'r+');
    writeSync(handle, Buffer.from([1, 2, 3]), 0, 3, HEAD_BYTES + PIECE_BYTES + 500);
    closeSync(handle);
    assert.equal(loaded(t), [{ start: 0, end: 2000 }]);

    const again = openSync(fileOf(t), 'r+');
    writeSync(again, Buffer.from([1, 2, 3]), 0, 3, HEAD_BYTES + 2 * PIECE_BYTES + 500);
    closeSync(again);
    assert.equal(loaded(t), [{ start: 0, end: 1000 }]);
  }),
);

test(
  'PartValues :: what is no such file, or of another value, is removed',
  scope((t) => {
    const other = hash(noise(10, 7));
    open(t).keep(other, 10, [{ at: 0, bytes: noise(10, 7) }]);
    const bytes = readFileSync(fileOf(t, other));
    for (const wrong of [bytes, Buffer.alloc(0), Buffer.alloc(5000, 0xff), Buffer.from('{}')]) {
      writeFileSync(fileOf(t), wrong);
      const parts = open(t);
      assert.is(parts.has(HASH), true);
      assert.is(parts.find(HASH), undefined);
      assert.is(existsSync(fileOf(t)), false);
    }
    open(t).keepOnly(() => false);
    assert.equal(readdirSync(t.directory), []);
  }),
);

test(
  'PartValues :: only the values that are wanted stay, and nothing else is touched',
  scope((t) => {
    const other = hash(noise(10, 7));
    open(t).keep(other, 10, [{ at: 0, bytes: noise(10, 7) }]);
    open(t).keep(HASH, VALUE.length, pieces(0));
    const folder = partValuesPathOf(t.path('m.stream'));
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    const parts = open(t);

    parts.keepOnly((digest) => Buffer.from(digest).equals(HASH));

    assert.equal(
      readdirSync(folder).sort(),
      [Buffer.from(HASH).toString('hex'), 'notes.txt'].sort(),
    );
    parts.remove(HASH);
    assert.equal(readdirSync(folder), ['notes.txt']);
  }),
);

test(
  'PartValues :: of many that were broken off some give way to what is under way',
  scope((t) => {
    for (let i = 0; i < 40; i += 1) {
      const parts = open(t);
      parts.keep(hash(noise(10, i + 1)), VALUE.length, pieces(0));
      parts.close();
    }
    assert.is(readdirSync(partValuesPathOf(t.path('m.stream'))).length, 32);
    assert.is(open(t).has(hash(noise(10, 40))), true);

    const parts = open(t);
    const under = Array.from({ length: 40 }, (_, i) => hash(noise(10, i + 101)));
    for (const one of under) parts.keep(one, VALUE.length, pieces(0));
    assert.is(
      under.every((one) => parts.has(one)),
      true,
    );
    assert.is(readdirSync(partValuesPathOf(t.path('m.stream'))).length, 40);
  }),
);

test(
  'PartValues :: another size begins anew; so does a file that was removed under it',
  scope((t) => {
    const parts = open(t);
    parts.keep(HASH, 20_000, pieces(0, 1000));
    parts.keep(HASH, VALUE.length, pieces(2000));
    assert.equal(loaded(t), [{ start: 2000, end: 3000 }]);
    parts.remove(HASH);
    parts.keep(HASH, VALUE.length, pieces(4000));

    assert.equal(loaded(t), [{ start: 4000, end: 5000 }]);
  }),
);

test(
  'PartValues :: two at one value take nothing from each other',
  scope((t) => {
    const [one, other] = [open(t), open(t)];
    assert.is(other.isEmpty, true);
    one.keep(HASH, VALUE.length, pieces(0));
    other.keep(HASH, VALUE.length, pieces(5000));
    one.keep(HASH, VALUE.length, pieces(1000));
    assert.equal(loaded(t), [
      { start: 0, end: 2000 },
      { start: 5000, end: 6000 },
    ]);

    one.remove(HASH);
    other.keep(HASH, VALUE.length, pieces(6000));
    other.remove(HASH);
    assert.equal(readdirSync(t.directory), []);
  }),
);

test(
  'PartValues :: what cannot be kept is said by nobody, and what is kept gives way to what is whole',
  scope((t) => {
    writeFileSync(partValuesPathOf(t.path('m.stream')), 'in the way');
    const blocked = open(t);
    blocked.keep(HASH, VALUE.length, pieces(0));
    assert.is(blocked.find(HASH), undefined);
    assert.is(readFileSync(partValuesPathOf(t.path('m.stream')), 'utf8'), 'in the way');

    const path = t.path('n.stream');
    const parts = t.defer(new PartValues(path), (it) => it.close());
    const full = new DrayerError('STORAGE_FAILED', 'no room');
    let tries = 0;
    const store = (): void => {
      tries += 1;
      if (existsSync(partValuesPathOf(path))) throw full;
    };
    parts.keep(HASH, VALUE.length, pieces(0));
    assert.throws(() => parts.storing([hash(noise(3))], store), throwsCode('STORAGE_FAILED'));
    assert.is(tries, 1);
    parts.storing([HASH], store);
    assert.is(tries, 3);
    parts.keep(HASH, VALUE.length, pieces(0));
    assert.is(existsSync(partValuesPathOf(path)), false);
  }),
);

test(
  'PartValues.sync :: files that are closed and removed meanwhile are no harm',
  scope(async (t) => {
    const parts = open(t);
    for (let round = 0; round < 20; round += 1) {
      parts.keep(HASH, VALUE.length, pieces(0, 1000));
      parts.sync();
      if (round % 3 === 0) parts.remove(HASH);
      if (round % 3 === 1) parts.close();
      parts.sync();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(bytesIn(loaded(t) ?? []) >= 2000);
  }),
);

test(
  'PartFile :: garbage behind the last piece, and a file longer than its value, are cut off',
  scope((t) => {
    open(t).keep(HASH, VALUE.length, pieces(8000, 9000));
    appendFileSync(fileOf(t), noise(50_000, 3));
    assert.equal(loaded(t), [{ start: 8000, end: VALUE.length }]);
    assert.is(statSync(fileOf(t)).size, HEAD_BYTES + 2 * PIECE_BYTES);
    truncateSync(fileOf(t), HEAD_BYTES);
    assert.equal(loaded(t), []);
  }),
);

test('joinRanges, withoutRanges :: agree with sets of bytes', () => {
  const seed = freshSeed();
  const random = randomFrom(seed);
  const some = (): Range[] =>
    Array.from({ length: random.below(6) }, () => {
      const start = random.below(30);
      return { start, end: start + 1 + random.below(8) };
    });
  const bytesOf = (ranges: readonly Range[]): number[] => {
    const bytes = new Set<number>();
    for (const { start, end } of ranges) for (let at = start; at < end; at += 1) bytes.add(at);
    return [...bytes].sort((a, b) => a - b);
  };
  for (let round = 0; round < scaled(500); round += 1) {
    const [a, b] = [some(), some()];
    const joined = joinRanges(b);
    assert.equal(bytesOf(joined), bytesOf(b), `seed ${seed}`);
    assert.is(bytesIn(joined), bytesOf(b).length, `seed ${seed}`);
    const gone = new Set(bytesOf(b));
    const left = bytesOf(a).filter((at) => !gone.has(at));
    assert.equal(bytesOf(withoutRanges(a, joined)), left, `seed ${seed}`);
  }
});

test.run();
