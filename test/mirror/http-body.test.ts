import type { IncomingMessage } from 'node:http';
import { mock } from 'node:test';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readBody } from '../../src/mirror/http-body.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('mirror/http-body');

/** Begins to read bodies at different times; returns when, and after how many ms, each would be given up. */
async function windowsOf(
  t: Scope,
  idleMs: number,
): Promise<{ readonly waitMs: number; readonly endMs: number }[]> {
  const windows: { readonly waitMs: number; readonly endMs: number }[] = [];
  for (let at = 0; at < 5; at += 1) {
    await wait(60);
    const answer = Object.assign(emptyBody(), { headers: {}, destroy: () => {} });
    const timeout = mock.method(globalThis, 'setTimeout');
    const begunMs = performance.now();
    const pieces = readBody(answer as unknown as IncomingMessage, {
      ...{ url: 'http://test/', maxBytes: 10, idleMs, leastBytesPerSecond: 0 },
    });
    void pieces.next();
    await turn();
    const [call] = timeout.mock.calls;
    timeout.mock.restore();
    t.defer(call?.result, (timer) => clearTimeout(timer));
    const waitMs = Number(call?.arguments[1]);
    windows.push({ waitMs, endMs: begunMs + waitMs });
  }
  return windows;
}

/** A body of which nothing ever comes. */
function emptyBody(): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
}

test(
  'readBody :: bodies that are waited for long are given up together, with a whole second',
  scope(async (t) => {
    const windows = await windowsOf(t, 45_000);
    for (const { waitMs, endMs } of windows) {
      assert.ok(waitMs >= 45_000 && waitMs <= 46_001, `${waitMs} ms`);
      const over = endMs % 1_000;
      assert.ok(over <= 40 || over >= 960, `${endMs} ms`);
    }
  }),
);

test(
  'readBody :: others are given up to the ms',
  scope(async (t) => {
    for (const { waitMs } of await windowsOf(t, 15_000)) assert.is(waitMs, 15_000);
  }),
);

test.run();
