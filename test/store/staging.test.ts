import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Step } from '../../src/core/chain.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { connect } from '../../src/store/database.ts';
import { Staging } from '../../src/store/staging.ts';
import { partPathOf, type StagingBase } from '../../src/store/staging-file.ts';
import { KEY_B } from '../helpers/keys.ts';
import { hashOf, linesOf, record, TEST_KEYS } from '../helpers/records.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/staging');

const FIRST: StagingBase = { kind: 'first', tip: 0 };
const NEXT: StagingBase = { kind: 'next', tip: 40 };
const { publicKey } = TEST_KEYS;

test(
  'Staging :: records, values and removals are there again after closing',
  scope((t) => {
    const path = partPathOf(t.path('a.stream'));
    const one = record({ id: 1, modified: 50, hash: hashOf('one') });
    const two = record({ id: 2, modified: 60, hash: hashOf('two') });
    const staging = Staging.open(path, publicKey, NEXT);
    assert.is(staging.isResumed, false);

    staging.write([remove(7), remove(1), put(one, 'one'), put(two)]);
    staging.close();
    const again = open(t, path, NEXT);

    assert.is(again.isResumed, true);
    assert.equal(again.removed(), [7]);
    assert.equal(linesOf(again.records()), linesOf([one, two]));
    assert.equal(
      [...again.records()].map(({ value }) => value && text(value)),
      ['one', undefined],
    );
    assert.is(path, t.path('a.stream.part'));
  }),
);

test(
  'flush :: what was staged before it survives a kill; what came right after it may be lost, whole',
  scope((t) => {
    const path = t.path('a.part');
    const staging = open(t, path, FIRST);
    const [one, two] = [record({ id: 1, modified: 50 }), record({ id: 2, modified: 60 })];

    staging.write([put(one)]);
    staging.flush();
    staging.write([put(two)]);

    // What a killed process leaves: the files as they are at this moment.
    for (const end of ['', '-journal']) {
      if (existsSync(path + end)) writeFileSync(t.path('b.part') + end, readFileSync(path + end));
    }
    assert.equal(linesOf(open(t, t.path('b.part'), FIRST).records()), linesOf([one]));
    staging.close();
    assert.equal(linesOf(open(t, path, FIRST).records()), linesOf([one, two]));
  }),
);

test(
  'missing :: each record without its value; fill gives a value to every record that has its hash (R17)',
  scope((t) => {
    const staging = open(t, t.path('a.part'), FIRST);
    const records = [1, 2, 3].map((id) =>
      record({ id, hash: hashOf(id === 3 ? 'other' : 'same') }),
    );
    staging.write(records.map((one) => put(one)));
    assert.equal(idsOf(staging.missing()), [1, 2, 3]);

    staging.fill(hashOf('same'), bytes('same'));

    assert.equal(idsOf(staging.missing()), [3]);
    assert.is(text(staging.value(2) ?? bytes('')), 'same');
    assert.is(staging.value(3), undefined);
  }),
);

test(
  'write :: a value that another staged record has is not wanted again',
  scope((t) => {
    const staging = open(t, t.path('a.part'), FIRST);
    staging.write([put(record({ id: 1, hash: hashOf('same') }), 'same')]);

    staging.write([put(record({ id: 2, hash: hashOf('same') }))]);

    assert.equal(staging.missing(), []);
  }),
);

test(
  'write :: a silent patch keeps the value, a record put again is not removed any more',
  scope((t) => {
    const staging = open(t, t.path('a.part'), NEXT);
    const first = record({ id: 3, modified: 70, prevChange: 60, hash: hashOf('x') });
    staging.write([put(first, 'x'), remove(2)]);

    const again = record({ id: 2, modified: 80, prevChange: 70, hash: hashOf('y') });
    staging.write([put(record({ ...first, prevChange: 50 })), put(again, 'y')]);

    assert.is(text(staging.value(3) ?? bytes('')), 'x');
    assert.equal(staging.removed(), []);
  }),
);

test(
  'open :: what stands on another generation, or is another stream, is begun again',
  scope((t) => {
    const others: [Uint8Array, StagingBase][] = [
      [publicKey, { kind: 'next', tip: 41 }],
      [publicKey, FIRST],
      [KEY_B.publicKey, NEXT],
    ];
    for (const [key, base] of others) {
      const path = t.path(`${base.kind}-${base.tip}-${key[0]}.part`);
      const staging = Staging.open(path, publicKey, NEXT);
      staging.write([put(record({ id: 1, modified: 50 }))]);
      staging.close();

      const again = Staging.open(path, key, base);

      assert.equal([again.isResumed, again.base, [...again.records()]], [false, base, []]);
      again.close();
    }
  }),
);

test(
  'open :: a generation begun from nothing is gone on with, whatever is visible',
  scope((t) => {
    const path = t.path('a.part');
    Staging.open(path, publicKey, { kind: 'afresh', tip: 40 }).close();

    const again = open(t, path, { kind: 'next', tip: 99 });

    assert.is(again.isResumed, true);
    assert.is(again.base.kind, 'afresh');
  }),
);

test(
  'open :: a damaged file is begun again',
  scope((t) => {
    const path = t.path('a.part');
    const damages: ((good: Buffer) => Buffer)[] = [
      () => Buffer.from('not a database at all, but longer than its header would be'),
      () => Buffer.alloc(0),
      (good) => good.subarray(0, 5000),
      (good) => Buffer.concat([good.subarray(0, 4096), Buffer.alloc(good.length - 4096, 0xee)]),
    ];
    for (const damage of damages) {
      const staging = Staging.open(path, publicKey, FIRST);
      for (let id = 1; id < 60; id += 1) staging.write([put(record({ id }), 'some value')]);
      staging.close();
      writeFileSync(path, damage(readFileSync(path)));

      const again = Staging.open(path, publicKey, FIRST);

      assert.equal([again.isResumed, [...again.records()]], [false, []]);
      again.discard();
    }
  }),
);

test(
  'open :: a list that is newer than the records, as a power cut leaves it, is made anew',
  scope((t) => {
    const path = t.path('a.part');
    const staging = Staging.open(path, publicKey, FIRST);
    staging.write([
      put(record({ id: 1, modified: 50 })),
      put(record({ id: 2, modified: 60 }), 'two'),
    ]);
    staging.close();
    const connection = connect(path);
    connection.run('DELETE FROM drayer_missing');
    connection.close();

    const again = open(t, path, FIRST);

    assert.is(again.isResumed, true);
    assert.equal(
      again.missing().map(({ id }) => id),
      [1],
    );
  }),
);

test(
  'open :: one process at a time',
  scope((t) => {
    const path = t.path('a.part');
    const staging = open(t, path, FIRST);
    staging.write([put(record({ id: 1 }))]);

    assert.throws(() => Staging.open(path, publicKey, FIRST), throwsCode('STREAM_BUSY'));
    assert.throws(() => {
      const other = t.defer(connect(path), (one) => one.close());
      other.run('PRAGMA busy_timeout = 0');
      other.query('SELECT count(*) FROM record').get();
    }, throwsCode('STREAM_BUSY'));
  }),
);

test(
  'Staging :: a file for many records has large pages, one for few has small ones',
  scope((t) => {
    const sizes = [0, 1_999, 2_000, 100_000].map((likely) => {
      const path = t.path(`${likely}.part`);
      Staging.open(path, publicKey, FIRST, likely).close();
      const connection = t.defer(connect(path), (one) => one.close());
      return connection.pragma('page_size');
    });

    assert.equal(sizes, [4096, 4096, 16_384, 16_384]);
  }),
);

test(
  'discard :: nothing is left',
  scope((t) => {
    const path = t.path('a.part');
    const staging = Staging.open(path, publicKey, FIRST);
    staging.write([put(record({ id: 1 }))]);

    staging.discard();

    assert.is(existsSync(path), false);
    assert.is(existsSync(`${path}-journal`), false);
  }),
);

function open(t: Scope, path: string, base: StagingBase): Staging {
  return t.defer(Staging.open(path, publicKey, base), (staging) => staging.close());
}

function put(one: SignedRecord, value?: string): Step {
  return { kind: 'put', record: value === undefined ? one : { ...one, value: bytes(value) } };
}

function remove(id: number): Step {
  return { kind: 'remove', id };
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}

function idsOf(records: readonly { readonly id: number }[]): number[] {
  return records.map(({ id }) => id);
}

test.run();
