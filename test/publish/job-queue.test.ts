import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EncodeJob } from '../../src/publish/encode-disk-file.ts';
import { JobQueue } from '../../src/publish/job-queue.ts';

const test = suite('publish/job-queue');
const LARGE = 512 * 1024;

test('takeBatch :: a large file is a batch of its own and goes first', () => {
  const queue = queueOf([10, LARGE, 20, LARGE + 1]);

  const batches = Array.from({ length: 5 }, () => queue.takeBatch());

  assert.equal(batches.map(bytesOf), [[LARGE + 1], [LARGE], [20], [10], []]);
});

test('takeBatch :: a batch ends at 64 files, half a megabyte or a part of what is left', () => {
  const many = queueOf(Array.from({ length: 2000 }, () => 1));
  const big = queueOf(Array.from({ length: 2000 }, () => 300_000));
  const few = queueOf(Array.from({ length: 100 }, () => 1));
  const shared = queueOf(
    Array.from({ length: 100 }, () => 1),
    3,
  );

  assert.is(many.takeBatch().length, 64);
  assert.is(big.takeBatch().length, 2);
  assert.is(few.takeBatch().length, 25);
  assert.is(shared.takeBatch().length, 9);
});

test('takeBatch :: every job comes once, in ever shorter batches', () => {
  const queue = queueOf(Array.from({ length: 2000 }, (_, index) => index));

  const batches: EncodeJob[][] = [];
  for (let batch = queue.takeBatch(); batch.length > 0; batch = queue.takeBatch()) {
    batches.push(batch);
  }

  const sizes = batches.map((batch) => batch.length);
  assert.equal(
    sizes,
    [...sizes].sort((a, b) => b - a),
  );
  assert.is(sizes.at(-1), 1);
  assert.is(new Set(batches.flatMap(bytesOf)).size, 2000);
});

test('hasFullBatch :: it says whether a worker has enough to do', () => {
  assert.is(queueOf([]).hasFullBatch, false);
  assert.is(queueOf(Array.from({ length: 255 }, () => 1)).hasFullBatch, false);
  assert.is(queueOf(Array.from({ length: 256 }, () => 1)).hasFullBatch, true);
  assert.is(queueOf([LARGE]).hasFullBatch, true);
});

test('takeOne :: the large ones are left to the workers, if there are any', () => {
  const queue = queueOf([LARGE, 1]);

  assert.is(queue.takeOne(true)?.bytes, 1);
  assert.is(queue.takeOne(true), undefined);
  assert.is(queue.takeOne(false)?.bytes, LARGE);
  assert.is(queue.takeOne(false), undefined);
});

test('takeBatch, takeOne :: each job passes onTake when it is taken, not before', () => {
  const taken: number[] = [];
  const queue = new JobQueue((job) => {
    taken.push(job.bytes);
    return { ...job, heldContentHash: new Uint8Array(32) };
  }, 1);
  for (const bytes of [1, 2, LARGE]) queue.add(jobOf(bytes));

  assert.equal(taken, []);
  assert.is(queue.takeOne(true)?.heldContentHash?.length, 32);
  assert.equal(taken, [2]);
  assert.is(queue.takeBatch()[0]?.heldContentHash?.length, 32);
  assert.equal(taken, [2, LARGE]);
});

function queueOf(sizes: readonly number[], workers = 1): JobQueue {
  const queue = new JobQueue((job) => job, workers);
  for (const bytes of sizes) queue.add(jobOf(bytes));
  return queue;
}

function jobOf(bytes: number): EncodeJob {
  return { key: 'k', path: '/k', bytes, stamp: '' };
}

function bytesOf(batch: readonly EncodeJob[]): number[] {
  return batch.map(({ bytes }) => bytes);
}

test.run();
