import { realpathSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type WalkOrder, walkOrder } from '../../src/publish/begun-walk.ts';
import { compareSite } from '../../src/publish/compare-site.ts';
import { makeIgnoreRules } from '../../src/publish/ignore-rules.ts';
import type { PublishThread, ThreadAnswer } from '../../src/publish/publish-thread.ts';
import { publishDirectory } from '../../src/publish/publisher.ts';
import { type DiskFile, walkDirectory } from '../../src/publish/walk.ts';
import { Walker } from '../../src/publish/walker.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { newStream } from '../helpers/store.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('publish/walker');

const SITE = { 'index.html': 'hello', 'a/b.css': 'p{}', 'a/draft.md': 'later', '.env': 'SECRET' };

test(
  'Walker :: finds on its thread what a walk finds on this one',
  scope(async (t) => {
    const root = realpathSync(writeSite(t.path('site'), SITE));
    const order = walkOrder(root, { patterns: ['*.md'] });

    const walk = await begin(t, order).take(order);
    const rules = makeIgnoreRules(order.ignore);
    const here = await walkDirectory(root, { rules });

    assert.equal({ ...walk }, { ...here });
    assert.equal(here.files.map(({ key }) => key).sort(), ['a/b.css', 'index.html']);
    assert.equal([here.summary?.count, here.summary?.largest], [2, 5]);
  }),
);

test(
  'Walker :: a walk is given out once, and to nobody who wanted another one',
  scope(async (t) => {
    const root = realpathSync(writeSite(t.path('site'), SITE));
    const order = walkOrder(root);
    const other = begin(t, order);
    const same = begin(t, order);

    assert.is(await other.take(walkOrder(root, { patterns: ['a'] })), undefined);
    assert.is((await same.take(walkOrder(root)))?.files.length, 3);
    assert.is(await same.take(order), undefined);
  }),
);

test(
  'publishDirectory :: takes the walk that was begun, and publishes the same with it',
  scope(async (t) => {
    const root = realpathSync(writeSite(t.path('site'), SITE));
    const stream = newStream(t);
    const order = walkOrder(root);

    const first = await publishDirectory(root, stream, { begun: begin(t, order) });
    const second = await publishDirectory(root, stream, { begun: begin(t, order) });
    const third = await publishDirectory(root, stream);

    assert.equal(first.added, ['a/b.css', 'a/draft.md', 'index.html']);
    assert.equal([second.wrote, second.unchanged, second.bytesRead], [false, 3, 0]);
    assert.equal([third.wrote, third.unchanged, third.bytesRead], [false, 3, 0]);
  }),
);

test(
  'Walker :: the signal ends the wait for a walk, before and while it goes on',
  scope(async (t) => {
    const root = realpathSync(writeSite(t.path('site'), SITE));
    const order = walkOrder(root);
    const stop = new AbortController();

    // The thread has not even started when the signal comes.
    const taking = begin(t, order).take(order, { signal: stop.signal });
    stop.abort();

    await rejectsCode(taking, 'ABORTED');
    await rejectsCode(begin(t, order).take(order, { signal: stop.signal }), 'ABORTED');
  }),
);

test(
  'Walker :: tells of each file, and of the first while it looks for the rest',
  scope(async (t) => {
    const order = manyFiles(t);
    const walker = begin(t, order);
    const seen: DiskFile[] = [];
    let seenBefore = 0;

    const walk = await walker.take(order, {
      onFile: (file) => void seen.push(file),
      onThread(thread, isFree) {
        t.defer(thread, (it) => it.close());
        isFree.then(() => {
          seenBefore = seen.length;
        });
      },
    });

    assert.equal(walk?.files, seen);
    const here = await walkDirectory(order.root, { rules: makeIgnoreRules(order.ignore) });
    assert.equal({ ...walk }, { ...here });
    assert.ok(seenBefore >= 512, `${seenBefore} of ${seen.length} before it was over`);
  }),
);

test(
  'Walker :: hands its thread over to who wants it, and ends it for who does not',
  scope(async (t) => {
    const order = walkOrder(realpathSync(writeSite(t.path('site'), SITE)));
    const given: PublishThread[] = [];
    const walker = begin(t, order);
    await walker.take(order, {
      onThread: (thread) => given.push(t.defer(thread, (it) => it.close())),
    });
    await walker.close();

    const [thread] = given;
    assert.ok(thread);
    const answer = await new Promise<ThreadAnswer>((resolve, reject) => {
      thread.listen(resolve, reject);
      thread.ask({ kind: 'settings', settings: { maxBytes: 9, needles: [] } });
      thread.ask({ kind: 'encode', jobs: [] });
    });
    assert.equal(answer, { kind: 'encoded', results: [] });

    const ended: number[] = [];
    process.once('worker', (other: Worker) => {
      other.once('exit', () => ended.push(other.threadId));
    });
    await begin(t, order).take(order);
    assert.is(ended.length, 1);
  }),
);

test(
  'Walker :: the signal ends a thread that somebody else has, and nothing is told after it',
  scope(async (t) => {
    const order = manyFiles(t);
    const stop = new AbortController();
    let seen = 0;
    let walked: Promise<unknown> | undefined;
    const taking = begin(t, order).take(order, {
      signal: stop.signal,
      onFile: () => {
        seen += 1;
        stop.abort();
      },
      onThread: (_, isFree) => {
        walked = isFree;
      },
    });

    await rejectsCode(taking, 'ABORTED');

    assert.is(seen, 512, 'the part that was being told of');
    assert.ok(walked);
    await rejectsCode(walked, 'INTERNAL');
  }),
);

test(
  'compareSite :: takes the walk that was begun',
  scope(async (t) => {
    const root = realpathSync(writeSite(t.path('site'), SITE));
    const walker = begin(t, walkOrder(root));
    const { publicKey, secretKey } = KEY_A;
    const nothing = { headOf: () => undefined, readValue: async () => undefined };
    const served = { publicKey, records: new Map(), ...nothing };

    const { added } = await compareSite(root, served, { secretKey, ownFiles: [], begun: walker });

    assert.equal(added, ['a/b.css', 'a/draft.md', 'index.html']);
    assert.is(await walker.take(walkOrder(root)), undefined, 'it was taken');
  }),
);

function begin(t: Scope, order: WalkOrder): Walker {
  return t.defer(new Walker(order), (it) => it.close());
}

/** Of more files than are told of at a time. */
function manyFiles(t: Scope): WalkOrder {
  const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`${i % 9}/${i}`, '']));
  return walkOrder(realpathSync(writeSite(t.path('site'), many)));
}

test.run();
