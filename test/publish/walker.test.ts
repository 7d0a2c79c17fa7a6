import { realpathSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type WalkOrder, walkOrder } from '../../src/publish/begun-walk.ts';
import { compareSite } from '../../src/publish/compare-site.ts';
import { makeIgnoreRules } from '../../src/publish/ignore-rules.ts';
import { publishDirectory } from '../../src/publish/publisher.ts';
import { walkDirectory } from '../../src/publish/walk.ts';
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
  'Walker :: tells that there are many files, and not where there are few',
  scope(async (t) => {
    const many = Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`${i % 9}/${i}`, '']));
    const told: string[] = [];
    for (const [name, files] of Object.entries({ few: SITE, many })) {
      const order = walkOrder(realpathSync(writeSite(t.path(name), files)));
      const onMany = (): void => void told.push(name);

      await begin(t, order).take(order, { onMany });
    }

    assert.equal(told, ['many']);
  }),
);

test(
  'Walker :: who has given up is told nothing any more, and no thread is started for it',
  scope(async (t) => {
    const many = Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`${i % 9}/${i}`, '']));
    const order = walkOrder(realpathSync(writeSite(t.path('site'), many)));
    let told = 0;
    for (const busyMs of [60, 120, 240, 480]) {
      const walker = begin(t, order);
      // What the thread says waits until this one listens.
      for (const end = performance.now() + busyMs; performance.now() < end; );
      const signal = AbortSignal.abort();

      await rejectsCode(walker.take(order, { signal, onMany: () => (told += 1) }), 'ABORTED');

      const before = told;
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.is(told, before, `busy for ${busyMs} ms`);
    }
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
  const walker = t.defer(new Walker(), (it) => it.close());
  walker.begin(order);
  return walker;
}

test.run();
