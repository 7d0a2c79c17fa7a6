import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { PreparedValues } from '../../src/store/prepared-values.ts';
import { scope } from '../helpers/scope.ts';
import { newStream, openedReader, rawDatabase } from '../helpers/store.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/prepared-values');

const MB = 1024 * 1024;

/** Nineteen megabytes: sixteen are kept in memory. */
function manyValues(): Map<string, Uint8Array> {
  return new Map(Array.from({ length: 190 }, (_, i) => [`v${i}`, new Uint8Array(100_000).fill(i)]));
}

test(
  'PreparedValues :: gives back what came, from memory and from its file, in memory of its own',
  scope((t) => {
    const prepared = t.defer(new PreparedValues(t.path('a.stream')), (it) => it.clear());
    const values = [...manyValues().values(), new Uint8Array(MB).fill(7)];
    for (const value of values) prepared.put(hash(value), value);
    const first = values.map((value) => prepared.get(hash(value)) ?? new Uint8Array());

    assert.is(prepared.count, values.length);
    assert.is(prepared.bytes, 190 * 100_000 + MB);
    assert.ok(first.every((got, i) => Buffer.from(got).equals(values[i] ?? new Uint8Array())));
    // One that comes again is there already.
    for (const value of values) prepared.put(hash(value), value);
    assert.is(prepared.bytes, 190 * 100_000 + MB);
    assert.is(prepared.get(hash(new Uint8Array([1]))), undefined);

    prepared.clear();
    assert.equal([prepared.count, prepared.bytes], [0, 0]);
    assert.not(prepared.has(hash(values[0] ?? new Uint8Array())));
  }),
);

test(
  'transaction :: reads what it has set itself, however much; nothing of it is left beside the stream',
  scope((t) => {
    const stream = newStream(t);
    const values = manyValues();

    const got = stream.transaction((tx) => {
      for (const [name, value] of values) tx.setBytes('file', name, value);
      return [...values.keys()].map((name) => tx.getBytes('file', name) ?? new Uint8Array());
    });

    const wanted = [...values.values()];
    assert.ok(got.every((value, i) => Buffer.from(value).equals(wanted[i] ?? new Uint8Array())));
    for (const [name, value] of values) {
      assert.ok(Buffer.from(value).equals(stream.getBytes('file', name) ?? new Uint8Array()), name);
    }
    stream.close();
    assert.equal(
      readdirSync(t.path('.')).filter((name) => name.endsWith('.part')),
      [],
    );
  }),
);

test(
  'close :: lets go of what was prepared and never committed',
  scope((t) => {
    const stream = newStream(t);
    const openFiles = (): string[] => readdirSync('/proc/self/fd');
    const before = openFiles().length;
    for (const value of manyValues().values()) stream.prepareValue(hash(value), value);

    assert.ok(openFiles().length > before);
    stream.close();
    assert.ok(openFiles().length < before);
    const late = new Uint8Array(MB);
    assert.throws(() => stream.prepareValue(hash(late), late), throwsCode('USAGE'));
  }),
);

for (const [count, bytes, pageBytes] of [
  [2_000, 5_000, 16_384],
  [1_999, 5_000, 4096],
  [2_000, 50, 4096],
] as const) {
  test(
    `commit :: a first batch of ${count} values of ${bytes} bytes lies in pages of ${pageBytes} bytes`,
    scope((t) => {
      const stream = newStream(t);
      const values = Array.from({ length: count }, (_, i) => {
        const value = new Uint8Array(bytes).fill(i);
        new DataView(value.buffer).setUint32(0, i);
        return { type: 'file', key: `${i}`, value, hash: hash(value) };
      });
      for (const one of values) stream.prepareValue(one.hash, one.value);
      stream.commit({
        puts: values.map(({ type, key, hash }) => ({ type, key, hash })),
        deletes: [],
      });
      // What comes later changes nothing of it.
      stream.set('later', 1);
      stream.close();

      const database = rawDatabase(t, t.path('a.stream'));
      assert.is(database.pragma('page_size', { simple: true }), pageBytes);
      assert.is(database.pragma('journal_mode', { simple: true }), 'wal');
      assert.is(database.pragma('integrity_check', { simple: true }), 'ok');
      const reader = openedReader(t);
      assert.is(reader.generation().count, count + 2);
    }),
  );
}

test(
  'commit :: a first batch goes in also where somebody reads the empty stream meanwhile',
  scope((t) => {
    const stream = newStream(t);
    const reader = openedReader(t);
    const unpin = reader.pin();
    for (const value of manyValues().values()) stream.prepareValue(hash(value), value);
    const puts = [...manyValues()].map(([key, value]) => ({
      type: 'file',
      key,
      hash: hash(value),
    }));

    stream.commit({ puts, deletes: [] });

    unpin();
    assert.is(stream.reader.generation().count, puts.length + 1);
  }),
);

test.run();
