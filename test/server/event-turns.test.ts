/** Work is done in turns of the event loop, in order, so much in each. */
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp, listenerOf } from '../../src/server/app.ts';
import { limitTurns } from '../../src/server/event-turns.ts';
import { openStreamSet } from '../../src/server/stream-set.ts';
import { scope } from '../helpers/scope.ts';
import { makeSite } from '../helpers/site.ts';

const test = suite('server/event-turns');

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('limitTurns :: so much at once, the rest in later turns, in order', async () => {
  const inTurn = limitTurns(3);
  const done: number[] = [];

  for (let i = 0; i < 8; i += 1) inTurn(() => done.push(i));

  const after = [done.length];
  for (let i = 0; i < 3; i += 1) {
    await turn();
    after.push(done.length);
  }
  assert.equal(after, [3, 6, 8, 8]);
  assert.equal(done, [0, 1, 2, 3, 4, 5, 6, 7]);
});

test('limitTurns :: what is begun by work waits like any other', async () => {
  const inTurn = limitTurns(2);
  let done = 0;
  const again = (): void => {
    done += 1;
    if (done < 10) inTurn(again);
  };

  inTurn(again);

  for (let turns = 1; turns < 5; turns += 1) {
    assert.is(done, 2 * turns);
    await turn();
  }
});

test('limitTurns :: work that throws takes nothing of the others with it', async () => {
  const inTurn = limitTurns(1);
  let isDone = false;

  const fail = (): void => {
    throw new RangeError('at work');
  };
  assert.throws(() => inTurn(fail), /at work/);
  inTurn(() => {
    isDone = true;
  });

  await turn();
  assert.ok(isDone);
});

test(
  'listenerOf :: of requests that come all at once sixteen are begun in one turn, and all are answered',
  scope(async (t) => {
    const { path } = makeSite(t, { 'index.html': 'page' });
    const streams = t.defer(openStreamSet([{ path }]), (one) => one.close());
    const app = createApp({ streams });
    t.defer(app, (one) => void one.emit('close'));
    const answer = listenerOf(app);
    const responses = Array.from({ length: 40 }, (_, i) => {
      const request = new IncomingMessage(new Socket());
      const rawHeaders = ['Host', 'localhost'];
      const target = { method: 'GET', url: `/none-${i}`, httpVersionMajor: 1, httpVersionMinor: 1 };
      Object.assign(request, { ...target, rawHeaders, headers: { host: 'localhost' } });
      return { request, response: new ServerResponse(request) };
    });
    // The first thing that is done for a request.
    const begun = (): number =>
      responses.filter(({ response }) => response.hasHeader('X-Content-Type-Options')).length;

    for (const { request, response } of responses) answer(request, response);

    const after = [begun()];
    for (let i = 0; i < 3; i += 1) {
      await turn();
      after.push(begun());
    }
    assert.equal(after, [16, 32, 40, 40]);
    assert.ok(responses.every(({ response }) => response.statusCode >= 400));
  }),
);

test.run();
