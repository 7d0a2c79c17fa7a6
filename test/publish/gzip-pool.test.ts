import { readFileSync, realpathSync, statSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { inflateFile } from '../../src/files/file-record.ts';
import { stampOf } from '../../src/publish/disk-stat.ts';
import type { EncodeJob, EncodeResult } from '../../src/publish/encode-disk-file.ts';
import { GzipPool, type GzipPoolOptions } from '../../src/publish/gzip-pool.ts';
import { PublishThread } from '../../src/publish/publish-thread.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('publish/gzip-pool');

test(
  'GzipPool :: with and without workers every file comes out, once, the same',
  scope(async (t) => {
    const jobs = jobsOf(t);

    const alone = await encodeAll(t, jobs, { threads: 1 });
    const together = await encodeAll(t, jobs, { threads: 3 });

    assert.is(alone.size, jobs.length);
    assert.is(together.size, jobs.length);
    for (const { key, path } of jobs) {
      const [a, b] = [encoded(alone.get(key)), encoded(together.get(key))];
      assert.equal(Buffer.from(inflateFile(a.value)).equals(readFileSync(path)), true, key);
      assert.equal(Buffer.from(a.value).equals(b.value), true, key);
      assert.equal(Buffer.from(b.hash).equals(hash(b.value)), true, key);
    }
  }),
);

test(
  'GzipPool :: a thread that joins works from when it is free on, or is ended where there is no room',
  scope(async (t) => {
    const [job] = jobsOf(t);
    assert.ok(job);
    const keys: string[] = [];
    const onResult = (result: EncodeResult) => keys.push(keyOf(result));
    for (const threads of [1, 2]) {
      const pool = poolOf(t, { threads, onResult });
      const [thread, isEnded] = threadOf(t);
      await pool.join(thread, Promise.resolve());
      for (let i = 0; i < 99; i += 1) pool.add({ ...job, key: `small/${i}.txt` });

      assert.is(pool.beginSigning === undefined, threads === 1);
      assert.equal(keys.splice(0), []);
      if (threads === 1) await isEnded;
      await pool.drain();
      assert.is(keys.splice(0).length, 99);
      await pool.close();
      await isEnded;
    }
  }),
);

test(
  'GzipPool :: a thread that has joined is the one that does what is left to workers',
  scope(async (t) => {
    const jobs = jobsOf(t).filter(({ bytes }) => bytes > 512 * 1024);
    const pool = poolOf(t, { threads: 2 });
    const [thread] = threadOf(t);
    const asked: string[] = [];
    const { ask } = thread;
    thread.ask = (order) => {
      asked.push(order.kind);
      ask.call(thread, order);
    };
    await pool.join(thread, Promise.resolve());

    for (const job of jobs) pool.add(job);
    await pool.drain();

    assert.equal(asked, ['settings', ...jobs.map(() => 'encode')]);
  }),
);

test(
  'GzipPool :: a thread is ended that is free only when the pool is closed, and one that fails',
  scope(async (t) => {
    const pool = poolOf(t, { threads: 3 });
    const [late, isLateEnded] = threadOf(t);
    const [failed, isFailedEnded] = threadOf(t);
    const { promise: isFree, resolve: free } = deferred();
    const joining = pool.join(late, isFree);
    await pool.join(failed, Promise.reject(new Error('no walk')));
    await isFailedEnded;

    await pool.close();
    free();

    await joining;
    await isLateEnded;
    assert.is(pool.beginSigning, undefined);
  }),
);

test(
  'GzipPool :: nothing is left to a thread that failed before it was free',
  scope(async (t) => {
    const keys: string[] = [];
    const pool = poolOf(t, { threads: 2, onResult: (result) => keys.push(keyOf(result)) });
    await pool.join(threadOf(t)[0], Promise.reject(new Error('no walk')));
    const [large] = jobsOf(t).filter(({ key }) => key.startsWith('large'));
    assert.ok(large);

    // Too little work for a worker of its own.
    pool.add({ ...large, bytes: 512 * 1024 });
    await pool.drain();

    assert.equal(keys, [large.key]);
  }),
);

test(
  'GzipPool :: does what is added until a thread is free, and leaves large files to others',
  scope(async (t) => {
    const jobs = jobsOf(t);
    const keys: string[] = [];
    const pool = poolOf(t, { threads: 1, onResult: (result) => keys.push(keyOf(result)) });
    const { promise: isFree, resolve: free } = deferred();
    const joining = pool.join(threadOf(t)[0], isFree);
    for (const job of jobs) {
      pool.add(job);
      await new Promise((resolve) => setImmediate(resolve));
    }
    free();
    await joining;

    const small = jobs.filter(({ bytes }) => bytes < 512 * 1024).map(({ key }) => key);
    assert.equal(keys.toSorted(), small.toSorted());
    await pool.drain();
    assert.is(keys.length, jobs.length);
  }),
);

test(
  'GzipPool :: what goes wrong until a thread is free is told when it is drained, a signal too',
  scope(async (t) => {
    const [job] = jobsOf(t);
    assert.ok(job);
    const failure = new Error('no space');
    const onResult = () => {
      throw failure;
    };
    const never = new Promise(() => undefined);
    const failing = poolOf(t, { threads: 1, onResult });
    const joining = failing.join(threadOf(t)[0], never);
    failing.add(job);
    await joining;
    assert.is(await failing.drain().catch((thrown: unknown) => thrown), failure);

    const controller = new AbortController();
    const stopped = poolOf(t, { signal: controller.signal });
    const waiting = stopped.join(threadOf(t)[0], never);
    controller.abort();
    await waiting;
    await rejectsCode(stopped.drain(), 'ABORTED');
  }),
);

test(
  'GzipPool :: a file whose content is held already is not encoded',
  scope(async (t) => {
    const [job] = jobsOf(t);
    assert.ok(job);
    const heldContentHash = hash(readFileSync(job.path));

    const results = await encodeAll(t, [job], {
      onTake: (taken) => ({ ...taken, heldContentHash }),
    });

    assert.is(results.get(job.key)?.kind, 'same');
  }),
);

test(
  'GzipPool :: what is wrong with one file is a result, in a worker too',
  scope(async (t) => {
    const jobs = jobsOf(t);
    const missing = { key: 'gone', path: `${t.directory}/gone`, bytes: 600_000, stamp: '' };

    for (const threads of [1, 2]) {
      const results = await encodeAll(t, [...jobs, missing], { threads });

      const fault = { path: 'gone', code: 'FILE_CHANGING', message: 'it disappeared' };
      assert.equal(results.get('gone'), { kind: 'fault', fault });
      assert.is(results.size, jobs.length + 1);
    }
  }),
);

test(
  'GzipPool :: a signal ends it, before and in the middle',
  scope(async (t) => {
    const jobs = jobsOf(t);
    for (const [threads, abortAt] of [
      [1, 0],
      [2, 0],
      [1, 5],
      [2, 5],
    ] as const) {
      const controller = new AbortController();
      let done = 0;
      const onResult = () => {
        done += 1;
        if (done === abortAt) controller.abort();
      };
      if (abortAt === 0) controller.abort();
      const pool = poolOf(t, { threads, onResult, signal: controller.signal });
      for (const job of jobs) pool.add(job);

      await rejectsCode(pool.drain(), 'ABORTED');

      assert.ok(done < jobs.length, `${done} of ${jobs.length}`);
    }
  }),
);

test(
  'GzipPool :: what onResult throws comes out of drain',
  scope(async (t) => {
    const failure = new Error('no space');
    const onResult = () => {
      throw failure;
    };
    for (const threads of [1, 2]) {
      const pool = poolOf(t, { threads, onResult });
      for (const job of jobsOf(t)) pool.add(job);

      const error = await pool.drain().catch((thrown: unknown) => thrown);

      assert.is(error, failure);
    }
  }),
);

test(
  'GzipPool :: a worker that fails makes drain fail, and says why',
  scope(async (t) => {
    const needles = ['no bytes'] as unknown as Uint8Array[];
    const settings = { maxBytes: 64 * 1024 * 1024, needles };
    const pool = poolOf(t, { threads: 2, settings });
    // Large ones only: the main thread leaves them to the worker.
    for (const job of jobsOf(t)) if (job.key.startsWith('large')) pool.add(job);

    const error = await rejectsCode(pool.drain(), 'INTERNAL');

    assert.instance(error.cause, TypeError);
  }),
);

// About a second of work by the pool's own estimate, so that workers are worth it.
function jobsOf(t: Scope): EncodeJob[] {
  const text = 'all work and no play makes a dull site\n';
  const small = Array.from({ length: 150 }, (_, i) => [`small/${i}.txt`, `${i} ${text}`.repeat(9)]);
  const large = Array.from({ length: 3 }, (_, i) => [`large/${i}.txt`, text.repeat(200_000 + i)]);
  const media = Array.from({ length: 2 }, (_, i) => [`${i}.jpg`, text.repeat(20_000 + i)]);
  const files = Object.fromEntries([...small, ...large, ...media]);
  const root = realpathSync(writeSite(t.path('site'), files));
  return Object.keys(files).map((key) => {
    const path = `${root}/${key}`;
    const stat = statSync(path, { bigint: true });
    return { key, path, bytes: Number(stat.size), stamp: stampOf(stat) };
  });
}

function poolOf(t: Scope, options: Partial<GzipPoolOptions>): GzipPool {
  const settings = { maxBytes: 64 * 1024 * 1024, needles: [] };
  const pool = new GzipPool({ settings, onResult: () => undefined, ...options });
  return t.defer(pool, () => pool.close());
}

async function encodeAll(
  t: Scope,
  jobs: readonly EncodeJob[],
  options: Partial<GzipPoolOptions>,
): Promise<Map<string, EncodeResult>> {
  const results = new Map<string, EncodeResult>();
  const onResult = (result: EncodeResult) => {
    const key = keyOf(result);
    assert.is(results.has(key), false, key);
    results.set(key, result);
  };
  const pool = poolOf(t, { ...options, onResult });
  for (const job of jobs) pool.add(job);
  await pool.drain();
  return results;
}

/** A thread, and what tells when it has ended. */
function threadOf(t: Scope): [PublishThread, Promise<void>] {
  const thread = t.defer(new PublishThread(), (it) => it.close());
  const { promise, resolve } = deferred();
  const { close } = thread;
  thread.close = async () => {
    await close.call(thread);
    resolve();
  };
  return [thread, promise];
}

function deferred() {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function keyOf(result: EncodeResult): string {
  return result.kind === 'fault' ? result.fault.path : result.file.key;
}

function encoded(result: EncodeResult | undefined) {
  assert.is(result?.kind, 'encoded');
  if (result?.kind !== 'encoded') throw new Error('not encoded');
  return result.file;
}

test.run();
