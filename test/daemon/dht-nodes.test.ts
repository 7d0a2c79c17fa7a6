/** The file of remembered DHT nodes, whatever somebody has made of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readNodes, writeNodes } from '../../src/daemon/dht-nodes.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('daemon/dht-nodes');

test(
  'readNodes :: reads what was written, 60 at most',
  scope((t) => {
    const nodes = Array.from({ length: 80 }, (_, i) => `8.8.8.8:${2_000 + i}`);

    writeNodes(t.directory, nodes);

    assert.equal(readNodes(t.directory), nodes.slice(0, 60));
  }),
);

test(
  'readNodes :: a file that is cut, huge, binary, a folder, or of other things is none',
  scope((t) => {
    assert.equal(readNodes(t.path('nowhere')), []);
    const huge = JSON.stringify(Array.from({ length: 5_000_000 }, () => '8.8.8.8:2000'));
    for (const content of [
      '',
      '["8.8.8.8:20',
      '{"0":"8.8.8.8:2000"}',
      'null',
      '\u0000\u00ff',
      huge,
    ]) {
      writeFileSync(t.path('dht-nodes.json'), content);
      const beforeMb = process.memoryUsage().rss / 1e6;
      assert.equal(readNodes(t.directory), []);
      assert.ok(process.memoryUsage().rss / 1e6 - beforeMb < 20);
    }
    mkdirSync(t.path('folder', 'dht-nodes.json'), { recursive: true });
    assert.equal(readNodes(t.path('folder')), []);
    // Nothing is thrown where it cannot be written.
    writeNodes(t.path('folder'), ['8.8.8.8:2000']);
  }),
);

test(
  'readNodes :: of a list only what is an address with a port goes on',
  scope((t) => {
    const list = [
      1,
      null,
      ['8.8.8.8:1'],
      '8.8.8.8',
      '8.8.8.8:0',
      '8.8.8.8:99999',
      'a b:1',
      '-x',
      '',
    ];
    writeFileSync(t.path('dht-nodes.json'), JSON.stringify([...list, '8.8.4.4:6881']));

    assert.equal(readNodes(t.directory), ['8.8.4.4:6881']);
  }),
);

test.run();
