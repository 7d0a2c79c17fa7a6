import { existsSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { verifyStream } from '../../src/store/audit.ts';
import { connect } from '../../src/store/database.ts';
import { LocalAttributes } from '../../src/store/local-attributes.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { bytesOf, newStream, openedReader, openedStream } from '../helpers/store.ts';

const test = suite('store/erase');

/** Everything of a stream that is on the disk. */
function diskOf(t: Scope, name = 'a.stream'): Buffer {
  const files = ['', '-wal', '-journal'].map((suffix) => t.path(name + suffix));
  return Buffer.concat(files.filter((path) => existsSync(path)).map((path) => readFileSync(path)));
}

for (const [what, bytes] of [
  ['small', 100],
  ['of one page', 3000],
  ['of many pages', 300_000],
  ['large enough for the other journal', 9_000_000],
] as const) {
  test(
    `delete :: leaves no trace of a ${what} record in the file or its log (R7, T098)`,
    scope((t) => {
      const stream = newStream(t);
      const secret = Buffer.alloc(bytes, 'the secret value ');
      stream.set('before', 1).setBytes('letter', 'the secret key', secret).set('after', 2);
      const record = stream.reader.getRecord('letter', 'the secret key');
      const traces = [
        bytesOf('the secret value'),
        bytesOf('the secret key'),
        record.hash,
        record.signature,
      ].map((bytes) => Buffer.from(bytes));
      for (const trace of traces) assert.ok(diskOf(t).includes(trace));

      stream.deleteBytes('letter', 'the secret key');

      for (const trace of traces) assert.not(diskOf(t).includes(trace));
      stream.close();
      for (const trace of traces) assert.not(diskOf(t).includes(trace));
    }),
  );
}

test(
  'set :: leaves no trace of the value it replaces',
  scope((t) => {
    const stream = newStream(t);
    stream.setBytes('letter', 'a', Buffer.alloc(20_000, 'the first version '));

    stream.setBytes('letter', 'a', bytesOf('shorter'));

    assert.not(diskOf(t).includes('the first version'));
  }),
);

const seed = freshSeed();
test(
  `delete :: leaves no trace among many, after any history, seed ${seed}`,
  scope(async (t) => {
    const random = randomFrom(seed);
    let count = 0;
    const next = () => {
      count += 1;
      const name = `${count}-${random.below(2 ** 31).toString(36)}-${'n'.repeat(random.below(60))}`;
      return { key: `key:${name}:`, value: `value:${name}:`.repeat(1 + random.below(40)) };
    };

    for (let round = 0; round < scaled(2); round += 1) {
      const name = `${round}.stream`;
      const stream = newStream(t, name);
      const live = Array.from({ length: 500 }, next);
      const gone: typeof live = [];
      for (let i = 0; i < live.length; i += 50) {
        stream.transaction((tx) => {
          for (const { key, value } of live.slice(i, i + 50)) tx.setBytes('t', key, bytesOf(value));
        });
      }
      for (let i = 0; i < 25; i += 1) {
        stream.transaction((tx) => {
          for (let j = 0; j < 12; j += 1) {
            const [one] = live.splice(random.below(live.length), 1);
            if (one === undefined) continue;
            gone.push(one);
            tx.deleteBytes('t', one.key);
          }
          const added = [next(), next(), next()];
          for (const { key, value } of added) tx.setBytes('t', key, bytesOf(value));
          live.push(...added);
        });
      }
      stream.close();

      const disk = diskOf(t, name);
      const kept = live.filter(({ key }) => disk.includes(key));
      const traces = gone.filter(
        ({ key, value }) => disk.includes(key) || disk.includes(value.slice(0, 40)),
      );
      assert.equal([kept.length, traces], [live.length, []]);
      assert.is(gone.length, 300);
      assert.equal((await verifyStream(stream.path)).findings, []);
    }
  }),
);

test(
  'delete :: what a reader keeps from being erased is erased afterwards',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 'the secret value').set('b', 2);
    const reader = openedReader(t);

    reader.reading(() => {
      reader.generation();
      stream.delete('a');
      // The reader still sees it, so it must still be there.
      assert.ok(diskOf(t).includes('the secret value'));
    });
    stream.close();
    reader.close();

    assert.not(diskOf(t).includes('the secret value'));
  }),
);

test(
  'compact :: what a crash left to be done is done by the next process',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1).close();
    const connection = connect(stream.path);
    new LocalAttributes(connection).set('compact', 'due');
    connection.close();

    openedStream(t).close();

    const again = openedStream(t);
    assert.is(again.local.get('compact'), undefined);
    again.compact();
    assert.is(again.get('a'), 1);
  }),
);

test.run();
