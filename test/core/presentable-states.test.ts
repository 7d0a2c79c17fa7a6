/**
 * Everything a lying source can make of short histories, not only what chance finds: from each
 * state a mirror can be in, every record ever signed is shown to it, and every state that follows
 * is looked at in turn (T017–T019, T022).
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { planAccept } from '../../src/core/accept.ts';
import { judgeGeneration } from '../../src/core/completeness.ts';
import type { OverlayView } from '../../src/core/overlay.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { findDangling, planRepair } from '../../src/core/repair.ts';
import { runHistory } from '../helpers/histories.ts';
import { VersionLog } from '../helpers/lying-source.ts';
import { ModelMirror, rootOf, snapshotOf, sourceOf } from '../helpers/model-mirror.ts';
import { PlannedWriter, type Writer } from '../helpers/model-writer.ts';
import { NaiveWriter } from '../helpers/naive-writer.ts';
import { linesOf, recordsOf, viewOf } from '../helpers/records.ts';
import { freshSeed, type Random, randomFrom, scaled } from '../helpers/scale.ts';

/** What is wrong with a state that is complete by the rules, or cannot be repaired. */
type Findings = { states: number; complete: number; wrong: string[] };
type History = {
  readonly generations: readonly (readonly SignedRecord[])[];
  readonly versions: readonly SignedRecord[];
};

const BATCHES = 12;
const STATES_PER_HISTORY = 300;

const seed = freshSeed();
const test = suite('core/presentable-states');

test('presentable states :: each complete one existed, with snapshots (R20, R22, T017, T022)', () => {
  const found = explore(() => new PlannedWriter(), { rounds: scaled(60), isRight: existed });

  assert.equal(found.wrong, [], `seed ${seed}`);
  assert.ok(found.states > 60 * scaled(60), `${found.states} states`);
  assert.ok(found.complete > scaled(60), `${found.complete} complete`);
});

test('presentable states :: each at the true tip is exact, without snapshots (R8, T017)', () => {
  const writer = (): Writer => new PlannedWriter({ snapshots: false });
  const found = explore(writer, { rounds: scaled(40), isRight: exactAtTheTip });

  assert.equal(found.wrong, [], `seed ${seed}`);
  assert.ok(found.states > 40 * scaled(40), `${found.states} states`);
});

test('presentable states :: some are wrong without the anchor (control for R8, T018)', () => {
  const writer = (): Writer => new NaiveWriter({ snapshot: 'none', hasAnchor: false });
  const found = explore(writer, { rounds: 60, isRight: exactAtTheTip });

  assert.ok(found.wrong.length > 0, `${found.states} states, none wrong`);
});

test('presentable states :: many are wrong with the snapshot elsewhere (control for R20)', () => {
  const writer = (): Writer => new NaiveWriter({ snapshot: 'late' });
  const found = explore(writer, { rounds: 10, isRight: existed });

  assert.ok(found.wrong.length > 10, `${found.states} states, none wrong`);
});

test('presentable states :: one honest contact repairs each of them (T019)', () => {
  const writer = (): Writer => new PlannedWriter();
  const found = explore(writer, { rounds: scaled(12), isRight: repairs });

  assert.equal(found.wrong, [], `seed ${seed}`);
});

test('presentable states :: one honest contact repairs each of them, without snapshots (T019)', () => {
  const writer = (): Writer => new PlannedWriter({ snapshots: false });
  const found = explore(writer, { rounds: scaled(12), isRight: repairs });

  assert.equal(found.wrong, [], `seed ${seed}`);
});

type Judge = (view: OverlayView, history: History, isComplete: boolean) => boolean;

function existed(view: OverlayView, { generations }: History, isComplete: boolean): boolean {
  return !isComplete || [[], ...generations].some((one) => same(one, view));
}

function exactAtTheTip(view: OverlayView, { generations }: History, isComplete: boolean): boolean {
  const last = generations.at(-1)!;
  return !isComplete || view.modifiedTip() !== (last.at(-1)?.modified ?? 0) || same(last, view);
}

function repairs(view: OverlayView, { generations }: History): boolean {
  const last = generations.at(-1)!;
  const mirror = new ModelMirror();
  mirror.staging = viewOf(recordsOf(view));
  mirror.sync(sourceOf(last), { page: 2 });
  // By R12 and R14 alone: nothing that was staged has to be dropped.
  return mirror.restarts === 0 && same(last, viewOf(mirror.visible));
}

function explore(
  writerOf: () => Writer,
  { rounds, isRight }: { rounds: number; isRight: Judge },
): Findings {
  const found: Findings = { states: 0, complete: 0, wrong: [] };
  for (let round = 0; round < rounds; round += 1) {
    const random = randomFrom(seed + round);
    const history = historyOf(writerOf(), random);
    // From nothing, and from a generation that the mirror had before.
    for (const start of [[], random.pick(history.generations)]) {
      exploreFrom(start, { history, random, isRight, found });
    }
  }
  return found;
}

function historyOf(writer: Writer, random: Random): History {
  const log = new VersionLog();
  const generations: (readonly SignedRecord[])[] = [];
  const after = (): void => {
    generations.push(writer.records());
    log.note(writer.records());
  };
  runHistory(writer, random, { batches: BATCHES, maxPuts: 3, maxDeletes: 2, after });
  return { generations, versions: log.versions };
}

function exploreFrom(
  start: readonly SignedRecord[],
  context: { history: History; random: Random; isRight: Judge; found: Findings },
): void {
  const { history, random, isRight, found } = context;
  const seen = snapshotOf(viewOf(start));
  const known = new Set([stateOf(start)]);
  const open = [start];
  for (let left = STATES_PER_HISTORY; left > 0 && open.length > 0; left -= 1) {
    // Any of them next: breadth and depth, also where there are more than can be looked at.
    const [records] = open.splice(random.below(open.length), 1);
    const view = viewOf(records!);
    const goal = view.modifiedTip();
    const root = (): Uint8Array => rootOf(view);
    const verdict = judgeGeneration(view, { goal, snapshot: snapshotOf(view), seen, root });
    found.states += 1;
    if (verdict.kind === 'complete') found.complete += 1;
    if (!isRight(view, history, verdict.kind === 'complete')) found.wrong.push(stateOf(records!));
    for (const next of successors(records!, history.versions)) {
      const name = stateOf(next);
      if (known.has(name)) continue;
      known.add(name);
      open.push(next);
    }
  }
}

// Every state that showing one record, or answering one request for repair, leads to.
function* successors(
  records: readonly SignedRecord[],
  versions: readonly SignedRecord[],
): Generator<readonly SignedRecord[]> {
  const view = viewOf(records);
  const dangling = findDangling(view);
  for (const version of versions) {
    const acceptance = planAccept(view, version);
    if (acceptance.kind === 'fork') throw new Error('one writer, and a fork');
    if (acceptance.kind === 'accepted') {
      const after = viewOf(records);
      after.apply(acceptance.steps);
      yield recordsOf(after);
    }
    for (const { record } of dangling) {
      if (record.modified !== version.modified) continue;
      const repair = planRepair(view, record, version);
      if (repair.kind !== 'accepted') continue;
      const after = viewOf(records);
      after.apply(repair.steps);
      yield recordsOf(after);
    }
  }
}

function same(records: readonly SignedRecord[], view: OverlayView): boolean {
  return stateOf(records) === stateOf(recordsOf(view));
}

function stateOf(records: readonly SignedRecord[]): string {
  return linesOf(records).join('\n');
}

test.run();
