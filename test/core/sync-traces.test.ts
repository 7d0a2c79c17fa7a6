/** Recorded conversations with the original: from every step to every later one, to the row. */
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { planAccept } from '../../src/core/accept.ts';
import { findBrokenLinks } from '../../src/core/completeness.ts';
import { OverlayView } from '../../src/core/overlay.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { findDangling, planRepair } from '../../src/core/repair.ts';
import { verifyRecord } from '../../src/core/signing.ts';
import { decodeList, decodeOne, vectorJson } from '../helpers/old-wire.ts';
import { recordsOf, viewOf } from '../helpers/records.ts';

type Row = {
  id: number;
  type: string;
  key: string;
  timestamp: number;
  modified: number;
  prev: number;
  prevchange: number;
  value_b64: string;
  hash_hex: string;
  signature_hex: string;
};
type Reply = { status: number; body: string };
type TraceStep = {
  tip: number;
  writer: Row[];
  newRecords?: Record<string, Reply>;
  crdr?: Record<string, Reply>;
};
type Trace = { pubkey_b64: string; steps: TraceStep[]; bodies: Record<string, string> };

const names = readdirSync(new URL('../vectors/sync-traces/', import.meta.url)).sort();

const test = suite('core/sync-traces');

for (const name of names) {
  test(`planAccept, planRepair :: every step to every later one is exact: ${name} (R12, R14)`, () => {
    const trace = vectorJson<Trace>(`sync-traces/${name}`);
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
  assert.is(names.length, 12);
});

function follow(
  trace: Trace,
  rows: Row[],
  { reply, goal }: { reply: Reply; goal: TraceStep },
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

function bodyOf(trace: Trace, reply: Reply | undefined): Uint8Array {
  assert.is(reply?.status, 200);
  return Buffer.from(trace.bodies[reply!.body]!, 'base64');
}

function toRecord(row: Row): SignedRecord {
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
