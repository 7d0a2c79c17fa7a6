/** Work is done in turns of the event loop, in order, so much in each. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limitTurns } from '../../src/server/event-turns.ts';

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

  assert.throws(() => {
    inTurn(() => {
      throw new RangeError('at work');
    });
  }, /at work/);
  inTurn(() => {
    isDone = true;
  });

  await turn();
  assert.ok(isDone);
});

test.run();
