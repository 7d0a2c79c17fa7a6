/** Mirrors that run the original program follow our writer (R7). */
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SignedRecord } from '../../src/core/record.ts';
import { runHistory } from '../helpers/histories.ts';
import { PlannedWriter, type Writer } from '../helpers/model-writer.ts';
import { NaiveWriter } from '../helpers/naive-writer.ts';
import { decodeList, decodeOne, vectorJson } from '../helpers/old-wire.ts';
import { OriginalMirror, type OriginalServer } from '../helpers/original-mirror.ts';
import { linesOf } from '../helpers/records.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';

type Row = { id: number; modified: number; prev: number; prevchange: number };
type Reply = { status: number; body: string };
type MirrorResult = {
  from_step?: number;
  mode: 'http' | 'sync';
  requests: { path: string; status: number }[];
  rows_equal_writer: boolean;
  rows?: Row[];
};
type TraceStep = {
  tip: number;
  writer: Row[];
  newRecords?: Record<string, Reply>;
  crdr?: Record<string, Reply>;
  fresh_mirror?: MirrorResult;
  continuous_mirror?: MirrorResult;
  mirrors?: MirrorResult[];
};
type Trace = { steps: TraceStep[]; bodies: Record<string, string> };

const test = suite('core/original-mirror');

test('OriginalMirror :: ends with the rows, and the requests, of every recorded original', () => {
  let compared = 0;
  let wrong = 0;
  for (const name of readdirSync(new URL('../vectors/sync-traces/', import.meta.url))) {
    const trace = vectorJson<Trace>(`sync-traces/${name}`);
    const continuous = new OriginalMirror();
    for (const [index, step] of trace.steps.entries()) {
      const check = (mirror: OriginalMirror, result: MirrorResult | undefined): void => {
        if (result === undefined) return;
        const server = recordedServer(trace, step, result.mode);
        mirror.sync(server);
        const where = `${name} step ${index} ${result.from_step ?? ''} ${result.mode}`;
        const expected = result.rows_equal_writer ? step.writer : result.rows!;
        assert.equal([...mirror.rows.values()].map(line).sort(), expected.map(line).sort(), where);
        assert.equal(server.asked, crdrsOf(result), where);
        compared += 1;
        if (!result.rows_equal_writer) wrong += 1;
      };
      check(new OriginalMirror(), step.fresh_mirror);
      check(continuous, step.continuous_mirror);
      for (const result of step.mirrors ?? []) {
        const mirror = new OriginalMirror();
        mirror.sync(recordedServer(trace, trace.steps[result.from_step!]!, 'http'));
        check(mirror, result);
      }
    }
  }

  assert.is(compared, 756);
  // Most of them asked newRecords/0 (B1); the others met B4, B5 and B6.
  assert.ok(wrong > 100, `${wrong} went wrong`);
});

for (const snapshots of [true, false]) {
  const name = snapshots ? 'with snapshots' : 'without snapshots';
  test(`planBatch :: is followed by originals that sync every generation, ${name} (R7)`, () => {
    const seed = freshSeed();

    for (let round = 0; round < scaled(500); round += 1) {
      const writer = new PlannedWriter({ snapshots });
      const outcome = followed(writer, randomFrom(seed + round));
      assert.is(outcome, 'exact', `seed ${seed}, round ${round}`);
    }
  });
}

test('planBatch :: would lose originals without the extra touching (control for R7)', () => {
  const outcomes = Array.from({ length: 200 }, (_, round) =>
    followed(new NaiveWriter({ touchesFollowers: false }), randomFrom(round)),
  );

  assert.ok(outcomes.filter((outcome) => outcome !== 'exact').length > 20, outcomes.join(' '));
});

function followed(writer: Writer, random: Random): string {
  const mirror = new OriginalMirror();
  let outcome = 'exact';
  runHistory(writer, random, {
    batches: 15,
    maxPuts: 4,
    maxDeletes: 4,
    after: () => {
      const error = mirror.sync(serverOf(writer.records()));
      const isSame = linesOf(mirror.rows.values()).join() === linesOf(writer.records()).join();
      if (error !== undefined) outcome = error;
      else if (!isSame || mirror.serve() === undefined) outcome = 'wrong';
    },
  });
  return outcome;
}

function serverOf(records: readonly SignedRecord[]): OriginalServer {
  return {
    newRecords: (since) => records.filter(({ modified }) => modified > since),
    // Ascending in modified is ascending in prevchange.
    crdr: (old) => records.findLast(({ prevChange }) => prevChange <= old),
  };
}

function recordedServer(
  trace: Trace,
  step: TraceStep,
  mode: 'http' | 'sync',
): OriginalServer & { asked: number[] } {
  const asked: number[] = [];
  const body = (reply: Reply | undefined): Uint8Array => {
    assert.is(reply?.status, 200);
    return Buffer.from(trace.bodies[reply!.body]!, 'base64');
  };
  return {
    asked,
    newRecords: (since) => decodeList(body(step.newRecords?.[mode === 'sync' ? 0 : since])),
    crdr: (old) => {
      asked.push(old);
      return decodeOne(body(step.crdr?.[old]));
    },
  };
}

function crdrsOf(result: MirrorResult): number[] {
  const paths = result.requests.map(({ path }) => path.split('/'));
  return paths.filter(([operation]) => operation === 'crdr').map(([, old]) => Number(old));
}

function line(row: Row | SignedRecord): string {
  const prevChange = 'prevchange' in row ? row.prevchange : row.prevChange;
  return `${row.id}@${row.modified} prev ${row.prev} prevchange ${prevChange}`;
}

test.run();
