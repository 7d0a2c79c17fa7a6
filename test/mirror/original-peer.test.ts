/** Following the original over real HTTP: recorded conversations, from every step to later ones. */
import { copyFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { scope } from '../helpers/scope.ts';
import { digest, streamRows } from '../helpers/stream-rows.ts';
import { readTrace, TRACES, type TraceRow, tracePeer } from '../helpers/trace-peer.ts';

const test = suite('mirror/original-peer');

for (const name of TRACES) {
  test(
    `mirrorStream :: every step to every later one is exact: ${name} (R12–R14)`,
    scope(async (t) => {
      const trace = readTrace(name);
      const publicKey = Buffer.from(trace.pubkey_b64, 'base64');
      const peer = await tracePeer(t, trace);
      const { url } = peer;

      let pairs = 0;
      for (const [from, start] of trace.steps.entries()) {
        if (start.writer.length === 0) continue;
        peer.at(start);
        const base = t.path(`${from}.stream`);
        await mirrorStream({ url, publicKey, path: base });
        assert.equal(streamRows(base), start.writer.map(line), `fresh at step ${from}`);

        for (const [to, goal] of trace.steps.entries()) {
          if (goal.newRecords?.[String(start.tip)] === undefined || to <= from) continue;
          peer.at(goal);
          const path = t.path(`${from}-${to}.stream`);
          copyFileSync(base, path);
          const report = await mirrorStream({ url, publicKey, path });
          assert.is(report.snapshotProved, false);
          assert.equal(streamRows(path), goal.writer.map(line), `from step ${from} to ${to}`);
          pairs += 1;
        }
      }

      assert.ok(pairs >= trace.steps.length - 2, `${pairs} pairs`);
    }),
  );
}

function line(row: TraceRow): string {
  const value = Buffer.from(row.value_b64, 'base64');
  const { id, type, key, timestamp, modified, prev, prevchange } = row;
  const fields = [id, type, key, timestamp, modified, prev, prevchange];
  return [...fields, row.hash_hex, row.signature_hex, digest(value)].join(' ');
}

test.run();
