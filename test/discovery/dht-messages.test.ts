/** What the parent takes of the words of its DHT process, which reads what strangers send. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readReport } from '../../src/discovery/dht-messages.ts';

const test = suite('discovery/dht-messages');
const many = Array.from({ length: 10_000 }, (_, i) => `8.8.8.8:${i}`);

test('readReport :: what is no report is nothing', () => {
  const found = { is: 'found', key: 'ab', peers: [], replies: 1 };
  for (const message of [
    undefined,
    null,
    1,
    'found',
    [],
    {},
    { is: 'other' },
    { is: 'ready', port: '1' },
    { is: 'failed', message: 5 },
    { is: 'alive', nodes: [1], sent: 1, dropped: 1 },
    { is: 'alive', nodes: [], sent: '1', dropped: 1 },
    { ...found, key: 1 },
    { ...found, peers: 'x' },
    { ...found, peers: [null] },
    { ...found, replies: undefined },
  ]) {
    assert.is(readReport(message), undefined, JSON.stringify(message));
  }
});

test('readReport :: a pointer of another shape is none', () => {
  for (const pointer of [1, {}, { seq: '1', modified: 1, root: '', signature: '' }]) {
    const report = readReport({ is: 'found', key: 'ab', peers: [], replies: 1, pointer });

    assert.equal(report, { is: 'found', key: 'ab', peers: [], replies: 1, pointer: undefined });
  }
});

test('readReport :: lists and texts are cut: it may be in the hands of somebody else', () => {
  const found = readReport({ is: 'found', key: 'ab', peers: many, replies: 1 });
  const alive = readReport({ is: 'alive', nodes: many, sent: 1, dropped: 1 });
  const failed = readReport({ is: 'failed', message: 'x'.repeat(1e6) });

  assert.equal(found?.is === 'found' && found.peers, many.slice(0, 64));
  assert.equal(alive?.is === 'alive' && alive.nodes, many.slice(0, 60));
  assert.is(failed?.is === 'failed' && failed.message.length, 500);
});

test.run();
