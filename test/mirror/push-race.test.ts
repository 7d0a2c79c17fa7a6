import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { exitOf, isDrayerError } from '../../src/core/errors.ts';
import { type PushOptions, pushStream } from '../../src/mirror/push-stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { primary } from '../helpers/push-primary.ts';
import { findFork, pushProxy, recordsOfBatch } from '../helpers/push-proxy.ts';
import { record } from '../helpers/records.ts';
import { scope } from '../helpers/scope.ts';
import { bytesOf } from '../helpers/store.ts';

const test = suite('mirror/push-race');

const PAIRS = 20;

async function push(key: string, options: Omit<PushOptions, 'secretKey'>): Promise<number> {
  const value = bytesOf(key);
  const put = { type: 'blob', key, hash: hash(value) };
  const change = () => ({ puts: [put], deletes: [], readValue: () => value });
  try {
    await pushStream({ secretKey: KEY_A.secretKey, ...options }, change);
    return 0;
  } catch (error) {
    if (!isDrayerError(error)) throw error;
    return exitOf(error.code);
  }
}

/** Lets two go on only when both have come. */
function barrier(): () => Promise<void> {
  let open = (): void => {};
  const both = new Promise<void>((resolve) => {
    open = resolve;
  });
  let waiting = 0;
  return () => {
    waiting += 1;
    if (waiting === 2) open();
    return both;
  };
}

test(
  'pushStream :: of two deploys at once one wins and one exits with 5, twenty times: one history',
  scope(async (t) => {
    const { port, seq, records, errors } = await primary(t);
    const proxy = await pushProxy(t, port);
    await push('first', { url: proxy.url, dataDir: t.path('0'), unusedKey: true });
    const outcomes: number[][] = [];

    for (let pair = 0; pair < PAIRS; pair += 1) {
      const meet = barrier();
      const both = ['a', 'b'].map((name) =>
        push(`${pair}${name}`, {
          url: proxy.url,
          dataDir: t.path(name),
          onStep: (step) => (step === 'compared' ? meet() : undefined),
        }),
      );
      outcomes.push((await Promise.all(both)).sort());
    }

    assert.equal(outcomes, new Array(PAIRS).fill([0, 5]));
    assert.is(seq(), PAIRS + 1);
    assert.is(records().filter(({ type }) => type === 'blob').length, PAIRS + 1);
    const sent = proxy.batches().flatMap(recordsOfBatch);
    assert.is(findFork([...sent, ...records()]), undefined);
    assert.equal(errors, []);
  }),
);

test('findFork :: sees two records at one place, and takes no silent patch for them', () => {
  const held = record({ id: 3, modified: 30 });
  const other = record({ id: 4, modified: 30, prevChange: 20 });
  const patched = { ...held, prevChange: 10 };

  assert.equal(findFork([held, patched]), undefined);
  assert.equal(findFork([held, patched, other]), [patched, other]);
});

test.run();
