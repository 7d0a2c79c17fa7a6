/** Following the original over real HTTP: recorded conversations, from every step to later ones. */
import { copyFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { vectorBytes, vectorJson } from '../helpers/old-wire.ts';
import { scope } from '../helpers/scope.ts';
import { scriptedPeer, send } from '../helpers/scripted-peer.ts';
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

type RepairCase = { name: string; crdr_status: number; crdr_body_file: string };
type RepairCases = { pubkey_b64: string; cases: RepairCase[] };

const REPAIRS = vectorJson<RepairCases>('client-crdr/manifest.json');
// The last two are more than the original takes: the value is held, and a hash follows from a value.
const RIGHT = [
  'correct (old raw)',
  'correct (modern)',
  'extra keys',
  'missing chain',
  'missing val',
  'missing hash',
];

for (const { name, crdr_status: status, crdr_body_file: file } of REPAIRS.cases) {
  const isRight = RIGHT.includes(name);
  test(
    `mirrorStream :: a repair answered with "${name}" is ${isRight ? 'taken' : 'not taken'} (R14)`,
    scope(async (t) => {
      const publicKey = Buffer.from(REPAIRS.pubkey_b64, 'base64');
      const list = vectorBytes('client-crdr/step1-newRecords.bin');
      let isUpdated = false;
      const { url } = await scriptedPeer(t, (path, response) => {
        const tip = isUpdated ? '1550000005000000' : '1550000004000000';
        if (path.includes('?')) send(response, 'unexpected query', 404);
        else if (path.endsWith('/newRecords/0') && !isUpdated) {
          send(response, vectorBytes('client-crdr/step0-newRecords-0.bin'));
        } else if (path.endsWith('/newRecords/1550000004000000') && isUpdated) {
          send(response, list);
        } else if (path.endsWith(`/newRecords/${tip}`)) send(response, new Uint8Array([0x90]));
        else if (path.endsWith(`/crdr/${Number.MAX_SAFE_INTEGER}`)) {
          // A list of one, without the byte that makes it a list.
          if (isUpdated) send(response, list.slice(1));
          else send(response, lastOf(vectorBytes('client-crdr/step0-newRecords-0.bin')));
        } else if (path.endsWith('/crdr/1550000001000000')) {
          send(response, vectorBytes(`client-crdr/${file}`), status);
        } else send(response, 'nothing', 500);
      });
      const path = t.path('mirror.stream');
      await mirrorStream({ url, publicKey, path });
      const before = streamRows(path);

      isUpdated = true;
      const outcome = await mirrorStream({ url, publicKey, path }).then(
        ({ changed }) => changed,
        (error: unknown) => isDrayerError(error) && error.code,
      );

      if (isRight) {
        assert.is(outcome, true);
        assert.equal(streamRows(path).map(shape), AFTER);
      } else {
        assert.ok(
          ['PEER_INCOMPLETE', 'PEER_MISBEHAVED', 'TWO_HISTORIES'].includes(String(outcome)),
        );
        assert.equal(streamRows(path), before);
      }
    }),
  );
}

/** id, key, modified, prev, prevchange: what the original comes to with a right answer. */
const AFTER = [
  '1 a 1550000001000000 0 0',
  '3 c 1550000003000000 2 1550000001000000',
  '4 d 1550000004000000 3 1550000003000000',
  '2 b 1550000005000000 1 1550000004000000',
];

/** The last map of a list: from the eleven-field map header that begins it. */
function lastOf(list: Uint8Array): Uint8Array {
  const bytes = Buffer.from(list);
  return bytes.subarray(bytes.lastIndexOf(Buffer.from([0x8b, 0xa4, ...Buffer.from('hash')])));
}

function shape(row: string): string {
  const [id, , key, , modified, prev, prevChange] = row.split(' ');
  return [id, key, modified, prev, prevChange].join(' ');
}

function line(row: TraceRow): string {
  const value = Buffer.from(row.value_b64, 'base64');
  const { id, type, key, timestamp, modified, prev, prevchange } = row;
  const fields = [id, type, key, timestamp, modified, prev, prevchange];
  return [...fields, row.hash_hex, row.signature_hex, digest(value)].join(' ');
}

test.run();
