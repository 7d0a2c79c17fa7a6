import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { StatEntry } from '../../src/store/stat-cache.ts';
import { scope } from '../helpers/scope.ts';
import { newStream, openedStream } from '../helpers/store.ts';

const test = suite('store/stat-cache');

const COMPLETE = { tip: 5, digest: 'd' };

function entry(key: string, stamp = '1 2 3'): StatEntry {
  return { key, stamp, valueHash: Buffer.alloc(32, key.length) };
}

test(
  'save :: keeps entries for the next process, and is no generation',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1);
    const { tip } = stream.reader.generation();
    const complete = { tip, digest: 'abc+/=' };
    const entries = [entry('a/b.html'), entry('ü', '18446744073709551615'), entry('')];

    stream.statCache.save({ entries, gone: [], complete });
    assert.is(stream.refresh().tip, tip);
    stream.close();

    const again = openedStream(t).statCache;
    assert.equal([...again.all().values()].sort(byKey), entries.sort(byKey));
    assert.equal(again.complete(), complete);
  }),
);

test(
  'save :: changes what is named and nothing else',
  scope((t) => {
    const { statCache } = newStream(t);
    const entries = [entry('a'), entry('b'), entry('c')];
    statCache.save({ entries, gone: [], complete: COMPLETE });

    statCache.save({ entries: [entry('b', 'new')], gone: ['c', 'never'], complete: undefined });

    assert.equal([...statCache.all().keys()].sort(), ['a', 'b']);
    assert.is(statCache.all().get('b')?.stamp, 'new');
    assert.is(statCache.complete(), undefined);
  }),
);

test(
  'save :: saves all or nothing',
  scope((t) => {
    const { statCache } = newStream(t);
    statCache.save({ entries: [entry('a')], gone: [], complete: COMPLETE });

    assert.throws(
      () =>
        statCache.save({
          entries: [entry('b')],
          gone: (function* () {
            yield 'a';
            throw new RangeError('interrupted');
          })(),
          complete: { tip: 6, digest: 'later' },
        }),
      (error: unknown) => error instanceof RangeError,
    );

    assert.equal([...statCache.all().keys()], ['a']);
    assert.equal(statCache.complete(), COMPLETE);
  }),
);

test(
  'local :: keeps facts of this machine',
  scope((t) => {
    const stream = newStream(t);
    stream.local.set('directory', '/srv/site');
    stream.local.set('gone', 'x');
    stream.local.set('gone', undefined);
    stream.close();

    const { local } = openedStream(t);
    assert.equal([local.get('directory'), local.get('gone')], ['/srv/site', undefined]);
  }),
);

function byKey(a: StatEntry, b: StatEntry): number {
  return a.key < b.key ? -1 : 1;
}

test.run();
