/** Recorded conversations with the original: from every step to every later one, to the row. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { planAccept } from '../../src/core/accept.ts';
import { findBrokenLinks } from '../../src/core/completeness.ts';
import { OverlayView } from '../../src/core/overlay.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { findDangling, planRepair } from '../../src/core/repair.ts';
import { verifyRecord } from '../../src/core/signing.ts';
import { decodeList, decodeOne } from '../helpers/old-wire.ts';
import { recordsOf, viewOf } from '../helpers/records.ts';
import {
  readTrace,
  TRACES,
  type Trace,
  type TraceReply,
  type TraceRow,
  type TraceStep,
} from '../helpers/trace-peer.ts';

const test = suite('core/sync-traces');

for (const name of TRACES) {
  test(`planAccept, planRepair :: every step to every later one is exact: ${name} (R12, R14)`, () => {
    const trace = readTrace(name);
    const { steps } = trace;

    let pairs = 0;
    for (const [to, goal] of steps.entries()) {
      for (const from of steps.slice(0, to)) {
        const reply = goal.newRecords?.[String(from.tip)];
        if (reply === undefined) continue;
        const mirror = follow(trace, from.writer, { reply, goal });
        assert.equal(recordsOf(mirror).map(line), goal.writer.map(toRecord).map(line));
        pairs += 1;
      }
    }

    assert.is(pairs, (steps.length * (steps.length - 1)) / 2);
  });
}

test('sync-traces :: all twelve are there', () => {
  assert.is(TRACES.length, 12);
});

function follow(
  trace: Trace,
  rows: TraceRow[],
  { reply, goal }: { reply: TraceReply; goal: TraceStep },
): OverlayView {
  const publicKey = Buffer.from(trace.pubkey_b64, 'base64');
  const base = viewOf(rows.map(toRecord));
  // The second layer is what a mirror does: the first is the visible generation.
  const mirror = new OverlayView(base);

  for (const record of decodeList(bodyOf(trace, reply))) {
    verifyRecord(record, publicKey);
    const acceptance = planAccept(mirror, record);
    assert.is(acceptance.kind, 'accepted');
    if (acceptance.kind === 'accepted') mirror.apply(acceptance.steps);
  }
  for (const { record, expected } of findDangling(mirror, mirror.places())) {
    const answer = decodeOne(bodyOf(trace, goal.crdr?.[String(expected)]));
    verifyRecord(answer, publicKey);
    const repair = planRepair(mirror, record, answer);
    assert.is(repair.kind, 'accepted');
    if (repair.kind === 'accepted') mirror.apply(repair.steps);
  }

  assert.equal(findBrokenLinks(mirror), []);
  return mirror;
}

function bodyOf(trace: Trace, reply: TraceReply | undefined): Uint8Array {
  assert.is(reply?.status, 200);
  return Buffer.from(trace.bodies[reply!.body]!, 'base64');
}

function toRecord(row: TraceRow): SignedRecord {
  return {
    id: row.id,
    type: row.type,
    key: row.key,
    hash: new Uint8Array(Buffer.from(row.hash_hex, 'hex')),
    timestamp: row.timestamp,
    modified: row.modified,
    prev: row.prev,
    prevChange: row.prevchange,
    signature: new Uint8Array(Buffer.from(row.signature_hex, 'hex')),
    value: new Uint8Array(Buffer.from(row.value_b64, 'base64')),
  };
}

// Every column, so that a difference is one line.
function line(record: SignedRecord): string {
  return Object.entries(record)
    .map(([field, value]) => [field, value instanceof Uint8Array ? Buffer.from(value) : value])
    .map(([field, value]) => `${field}=${Buffer.isBuffer(value) ? value.toString('hex') : value}`)
    .sort()
    .join(' ');
}

test.run();
