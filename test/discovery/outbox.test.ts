import { mock } from 'node:test';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Outbox } from '../../src/discovery/outbox.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('discovery/outbox');

const SECOND = 1_000;

type Said = { readonly id: number; readonly atMs: number };
type Rig = {
  readonly outbox: Outbox;
  readonly said: Said[];
  /** Lets time pass. */
  pass(ms: number): void;
};

/** An outbox in a time of our own. */
function make(t: Scope): Rig {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.defer(mock.timers, (timers) => timers.reset());
  let nowMs = 5_000;
  const said: Said[] = [];
  const outbox = new Outbox(
    ([high = 0, low = 0]) => said.push({ id: high * 256 + low, atMs: nowMs }),
    () => nowMs,
  );
  t.defer(outbox, (one) => one.close());
  const pass = (ms: number): void => {
    for (const endMs = nowMs + ms; nowMs < endMs; ) {
      nowMs += 1;
      mock.timers.tick(1);
    }
  };
  return { outbox, said, pass };
}

function announceMany({ outbox }: Rig, count: number): void {
  for (let id = 0; id < count; id += 1) {
    outbox.announce(`${id}`, Uint8Array.of(id >> 8, id & 255));
  }
}

/** The longest time in which a stream was not said, and how often anything was. */
function of(said: readonly Said[], endMs: number): { longestMs: number; moments: number } {
  const last = new Map<number, number>();
  let longestMs = 0;
  for (const { id, atMs } of [...said]) {
    longestMs = Math.max(longestMs, atMs - (last.get(id) ?? atMs));
    last.set(id, atMs);
  }
  for (const atMs of last.values()) longestMs = Math.max(longestMs, endMs - atMs);
  return { longestMs, moments: new Set(said.map(({ atMs }) => atMs)).size };
}

for (const [count, roundMs, most] of [
  [1, 10_000, 12],
  [10, 10_000, 12],
  [40, 40_000, 9],
  [500, 60_000, 66],
] as const) {
  test(
    `announce :: ${count} streams are said within ${roundMs / SECOND} s each, and it wakes up ${most} times at most in two minutes`,
    scope((t) => {
      const rig = make(t);
      announceMany(rig, count);
      rig.pass(30 * SECOND);
      assert.is(new Set(rig.said.map(({ id }) => id)).size, count);
      const begun = rig.said.length;
      rig.pass(120 * SECOND);

      const { longestMs } = of(rig.said, 5_000 + 150 * SECOND);
      assert.ok(longestMs <= roundMs + 100, `${longestMs} ms`);
      const again = rig.said.slice(begun);
      assert.ok(again.length >= (count * 120 * SECOND) / roundMs - count, `${again.length} said`);
      assert.ok(
        again.length <= (1.1 * count * 120 * SECOND) / roundMs + 16,
        `${again.length} said`,
      );
      const { moments } = of(again, 0);
      assert.ok(moments <= most, `${moments} moments`);
    }),
  );
}

test(
  'announce :: never more than sixteen at once, nor fifty in a second',
  scope((t) => {
    const rig = make(t);
    announceMany(rig, 200);
    rig.pass(120 * SECOND);
    for (const { atMs } of rig.said) {
      const within = (ms: number) =>
        rig.said.filter((one) => one.atMs >= atMs && one.atMs < atMs + ms).length;
      assert.ok(within(1) <= 16, `${within(1)} at once`);
      assert.ok(within(SECOND) <= 16 + 50, `${within(SECOND)} in a second`);
    }
  }),
);

test(
  'announce :: what is new is said at once, between two that are said again',
  scope((t) => {
    const rig = make(t);
    announceMany(rig, 100);
    rig.pass(20 * SECOND);
    const before = rig.said.length;
    rig.outbox.announce('7', Uint8Array.of(99, 99));
    assert.equal(
      rig.said.slice(before).map(({ id }) => id),
      [99 * 256 + 99],
    );
  }),
);

test.run();
