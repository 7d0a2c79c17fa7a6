import { existsSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import type { SignedRecord } from '../../src/core/record.ts';
import { type AcceptedBatch, acceptBatch } from '../../src/store/accept-batch.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { findReceipt } from '../../src/store/push-receipts.ts';
import { openPushedValues } from '../../src/store/pushed-values.ts';
import type { StreamReader } from '../../src/store/reader.ts';
import { KEY_A } from '../helpers/keys.ts';
import { batchOf } from '../helpers/push-client.ts';
import { freshSeed, randomFrom, scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { bytesOf, recordsIn } from '../helpers/store.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('store/accept-batch');

const BATCH = hash(bytesOf('a batch'));

function reading<T>(path: string, use: (reader: StreamReader) => T): T {
  const reader = openReader(path);
  try {
    return use(reader);
  } finally {
    reader.close();
  }
}

/** An owner's stream, and a server's copy of it that is written by batches alone. */
function pair(t: Scope, options: { readonly snapshots?: boolean } = {}) {
  const path = t.path('own.stream');
  const own = t.defer(createStream(path, { secretKey: KEY_A.secretKey, ...options }), (one) =>
    one.close(),
  );
  const copy = t.path('data', 'copy.stream');
  const recordsOf = (file: string): SignedRecord[] =>
    existsSync(file) ? reading(file, recordsIn) : [];
  const next = () => reading(path, (reader) => batchOf(reader, recordsOf(copy)));
  const take = async (
    records: readonly SignedRecord[],
    values: readonly Uint8Array[],
  ): Promise<AcceptedBatch> => {
    const uploaded = openPushedValues(copy);
    for (const value of values) await uploaded.receive(hash(value), value.length, chunksOf(value));
    const expect = recordsOf(copy).at(-1)?.modified ?? 0;
    return acceptBatch({
      path: copy,
      publicKey: KEY_A.publicKey,
      records,
      expect,
      batch: BATCH,
      values: uploaded,
    });
  };
  return { own, path, copy, next, take, recordsOf };
}

async function* chunksOf(value: Uint8Array): AsyncGenerator<Uint8Array> {
  yield value;
}

test(
  'acceptBatch :: whatever was done between two pushes, the copy is the same to the byte',
  scope(async (t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const { own, path, next, take, copy, recordsOf } = pair(t);

    for (let round = 0; round < scaled(30); round += 1) {
      const changes = 1 + random.below(4);
      for (let change = 0; change < changes; change += 1) {
        const key = `k${random.below(12)}`;
        if (random.oneIn(3)) own.deleteBytes('blob', key);
        else own.setBytes('blob', key, bytesOf(`${random.below(20)}`));
      }
      const { records, values } = next();
      if (records.length === 0) continue;
      // Their order is free.
      const shuffled = records.map((record) => ({ record, at: random.below(1e6) }));
      shuffled.sort((a, b) => a.at - b.at);
      await take(
        shuffled.map(({ record }) => record),
        values,
      );
      assert.equal(recordsOf(copy), recordsOf(path), `seed ${seed}, round ${round}`);
    }
  }),
);

test(
  'acceptBatch :: a stream without snapshots is taken by its chains alone',
  scope(async (t) => {
    const { own, path, next, take, copy, recordsOf } = pair(t, { snapshots: false });
    for (const key of ['a', 'b', 'c']) own.setBytes('blob', key, bytesOf(key));
    const first = next();
    await take(first.records, first.values);
    own.setBytes('blob', 'a', bytesOf('changed'));
    const second = next();

    const { generation, records } = await take(second.records, second.values);

    assert.equal(recordsOf(copy), recordsOf(path));
    assert.is(generation.snapshot, undefined);
    assert.is(records, second.records.length);
  }),
);

test(
  'acceptBatch :: notes the batch, so that it is known again',
  scope(async (t) => {
    const { own, next, take, copy } = pair(t);
    own.setBytes('blob', 'a', bytesOf('one'));
    const { records, values } = next();

    const { generation } = await take(records, values);

    const { tip, snapshot } = generation;
    const batch = Buffer.from(BATCH).toString('hex');
    assert.equal(findReceipt(copy, batch, tip), { batch, tip, seq: snapshot?.seq });
  }),
);

test(
  'acceptBatch :: refuses a batch on another tip than its own, and a fork',
  scope(async (t) => {
    const { own, path, next, take, copy, recordsOf } = pair(t);
    own.setBytes('blob', 'a', bytesOf('one'));
    const first = next();
    await take(first.records, first.values);
    const before = recordsOf(copy);
    const values = openPushedValues(copy);
    const job = { path: copy, publicKey: KEY_A.publicKey, batch: BATCH, values };
    own.setBytes('blob', 'b', bytesOf('one'));
    const { records } = reading(path, (reader) => batchOf(reader, before));

    await rejectsCode(acceptBatch({ ...job, records, expect: 1 }), 'TIP_MOVED');
    await rejectsCode(acceptBatch({ ...job, records, expect: 0 }), 'TIP_MOVED');

    assert.equal(recordsOf(copy), before);
    assert.not(existsSync(`${copy}.part`));
  }),
);

test(
  'acceptBatch :: two histories of one key are told apart, and the first is kept (R16)',
  scope(async (t) => {
    const { own, next, take, copy, recordsOf } = pair(t);
    own.setBytes('blob', 'a', bytesOf('one'));
    const first = next();
    await take(first.records, first.values);
    const tip = recordsOf(copy).at(-1)?.modified ?? 0;
    const before = recordsOf(copy);
    // The same key on a machine that knows nothing of the first: it begins anew, later.
    const other = t.path('other.stream');
    const second = t.defer(
      createStream(other, { secretKey: KEY_A.secretKey, now: () => tip + 1 }),
      (one) => one.close(),
    );
    for (const key of ['x', 'y', 'z']) second.setBytes('blob', key, bytesOf('one'));
    const { records } = reading(other, (reader) => batchOf(reader));
    const values = openPushedValues(copy);
    const job = { path: copy, publicKey: KEY_A.publicKey, batch: BATCH, values, expect: tip };

    await values.receive(hash(bytesOf('one')), 3, chunksOf(bytesOf('one')));
    await rejectsCode(acceptBatch({ ...job, records }), 'TWO_HISTORIES');

    assert.equal(recordsOf(copy), before);
  }),
);

test(
  'acceptBatch :: an uploaded value that rotted on the disk is not believed',
  scope(async (t) => {
    const { own, next, copy, recordsOf } = pair(t);
    own.setBytes('blob', 'a', bytesOf('one'));
    const { records } = next();
    const values = openPushedValues(copy);
    const digest = hash(bytesOf('one'));
    await values.receive(digest, 3, chunksOf(bytesOf('one')));
    writeFileSync(`${copy}.pushed/${Buffer.from(digest).toString('hex')}`, 'onf');
    const job = { path: copy, publicKey: KEY_A.publicKey, batch: BATCH, values, expect: 0 };

    await rejectsCode(acceptBatch({ ...job, records }), 'BATCH_REFUSED');

    assert.not(values.has(digest));
    assert.equal(recordsOf(copy), []);
  }),
);

test.run();
