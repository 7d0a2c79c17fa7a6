/** Keeping the process of the DHT, where the system itself is in the way. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DhtProcess } from '../../src/discovery/dht-process.ts';
import { scope } from '../helpers/scope.ts';

const test = suite('discovery/dht-process');
const execPath = process.execPath;

test.after.each(() => {
  process.execPath = execPath;
});

test(
  'begin :: where no process can begin it is tried again, later each time, until one does (T082)',
  scope(async (t) => {
    process.execPath = '/nonexistent/node';
    const waits: number[] = [];
    let hear: () => void = () => {};
    const heard = new Promise<void>((resolve) => {
      hear = resolve;
    });
    const child = new DhtProcess({
      againMs: 20,
      aliveMs: 100,
      onBegin: () => {},
      onMessage: () => hear(),
      onEnd: (how, againMs) => {
        assert.match(how, 'ENOENT');
        waits.push(againMs);
        if (waits.length === 3) process.execPath = execPath;
      },
    });
    t.defer(child, (one) => one.close());

    child.begin();
    await heard;

    assert.is(waits.length, 3);
    assert.ok(waits.every((waitMs, at) => waitMs >= 16 * 2 ** at && waitMs <= 24 * 2 ** at));
  }),
);

test(
  'close :: of one that could not begin ends at once, and nothing begins after it',
  scope(async () => {
    process.execPath = '/nonexistent/node';
    let begins = 0;
    const child = new DhtProcess({
      againMs: 1,
      onBegin: () => {
        begins += 1;
      },
      onMessage: () => {},
      onEnd: () => {},
    });

    child.begin();
    await child.close();
    await child.close();

    assert.is(begins, 1);
    assert.is(child.pid, undefined);
  }),
);

test.run();
