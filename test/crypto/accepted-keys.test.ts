import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keyPairFromSeed } from '#crypto';
import { isAcceptablePublicKey } from '../../src/crypto/edwards.ts';

const test = suite('crypto/accepted-keys');

test('isAcceptablePublicKey :: the verdict is the same when asked again, also after many other keys', () => {
  const good = keyPairFromSeed(new Uint8Array(32).fill(9)).publicKey;
  // Half of all y are on no point: one of the next few is.
  const bad = [1, 2, 3, 4, 5, 6, 7, 8]
    .map((step) => Uint8Array.from(good, (byte, i) => (i === 0 ? byte ^ step : byte)))
    .filter((key) => !isAcceptablePublicKey(key));

  assert.ok(bad.length > 0);
  for (let round = 0; round < 1100; round += 1) {
    if (round < 1050) isAcceptablePublicKey(keyOf(round));
    if (round % 100 === 0) assert.is(isAcceptablePublicKey(good), true);
  }
  for (const key of bad) assert.is(isAcceptablePublicKey(key), false);
});

function keyOf(round: number): Uint8Array {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, round);
  return keyPairFromSeed(seed).publicKey;
}

test.run();
