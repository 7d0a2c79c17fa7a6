/** Streams that were heard of, while the clock of the machine is set. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Nearby } from '../../src/discovery/nearby.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';

const test = suite('discovery/nearby');
const HOUR_MS = 3_600_000;

test('list :: what is not heard of any more goes after ten minutes, wherever the clock jumps', () => {
  let [clockMs, steadyMs] = [10 * HOUR_MS, 0];
  const nearby = new Nearby(
    () => clockMs,
    () => steadyMs,
  );
  const hear = (publicKey: Uint8Array): unknown =>
    nearby.hear({ publicKey, modified: 1, address: 'a', url: 'http://a', isSigned: true });
  hear(KEY_A.publicKey);

  clockMs += HOUR_MS;
  assert.is(nearby.list().length, 1);
  clockMs -= 5 * HOUR_MS;
  steadyMs += 300_000;
  hear(KEY_B.publicKey);
  steadyMs += 300_001;

  assert.equal(
    nearby.list().map(({ publicKey }) => publicKey),
    [KEY_B.publicKey],
  );
  assert.is(nearby.list()[0]?.lastHeardMs, 6 * HOUR_MS);
});

test.run();
