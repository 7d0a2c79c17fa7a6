/** `mirrorStream` from several sources at once: values come from all of them, right ones only (R17). */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { type ProxyPeer, proxyPeer } from '../helpers/proxy-peer.ts';
import { noise, publish } from '../helpers/published.ts';
import { scope } from '../helpers/scope.ts';
import { slowLine } from '../helpers/slow-line.ts';
import { streamRows } from '../helpers/stream-rows.ts';

const test = suite('mirror/many-sources');

const MB = 1_000_000;

test(
  'mirrorStream :: over four lines of 1 MB/s it comes close to four times as fast as over one',
  scope(async (t) => {
    const { stream, path, port } = await publish(t);
    stream.transaction((tx) => {
      for (let i = 0; i < 6; i += 1) tx.setBytes('file', `${i}`, noise(300_000, i + 1));
      tx.setBytes('file', 'film.mp4', noise(MB, 99));
    });
    const run = async (name: string, lines: number): Promise<{ ms: number; bytes: number }> => {
      const urls: string[] = [];
      for (let i = 0; i < lines; i += 1) urls.push((await slowLine(t, port, MB)).url);
      const start = performance.now();
      const options = { urls, publicKey: stream.publicKey, path: t.path(name) };
      const { bytes } = await mirrorStream(options);
      assert.equal(streamRows(t.path(name)), streamRows(path));
      return { ms: performance.now() - start, bytes };
    };

    const one = await run('one.stream', 1);
    const four = await run('four.stream', 4);

    // 2.8 MB. The tips are asked and compared first, and the end is checked: no line helps with that.
    assert.ok(one.ms > 2500, `the control took ${one.ms} ms`);
    const ratio = one.ms / four.ms;
    assert.ok(ratio > 2.4, `${ratio}: one ${one.ms} ms, four ${four.ms} ms`);
    assert.ok(four.bytes < 1.25 * one.bytes, `${four.bytes} bytes, over one line ${one.bytes}`);
  }),
);

test(
  'mirrorStream :: where one of them lies about values, the others give them, and it is named (A3)',
  scope(async (t) => {
    const { stream, path, port } = await publish(t);
    stream.transaction((tx) => {
      for (let i = 0; i < 8; i += 1) tx.setBytes('file', `${i}`, noise(300_000, i + 1));
    });
    const peers: ProxyPeer[] = [];
    for (let i = 0; i < 3; i += 1) peers.push(await proxyPeer(t, port));
    peers[1]?.tamper((asked, answer) => {
      if (asked.includes('/value/')) answer.body[1000] = (answer.body[1000] ?? 0) ^ 1;
      return undefined;
    });
    const urls = peers.map(({ url }) => url);

    const report = await mirrorStream({ urls, publicKey: stream.publicKey, path: t.path('m') });

    assert.equal(streamRows(report.path), streamRows(path));
    assert.equal(
      report.failures.map(({ url, error }) => [url, error.code]),
      [[urls[1], 'PEER_MISBEHAVED']],
    );
    assert.match(report.failures[0]?.error.message ?? '', /sent other bytes for value/);
    const lies = peers[1]?.requests.filter((asked) => asked.includes('/value/')) ?? [];
    assert.ok(lies.length > 0 && lies.length <= 4, `${lies.length} requests`);
  }),
);

test.run();
