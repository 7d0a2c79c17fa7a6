/**
 * Serves a stream file that it cannot write, for a test that runs as root: `checked-set-child.ts PATH` prints
 * the state of its signatures as it begins, and once its generation is told of.
 */
import { openStreamSet } from '../../src/server/stream-set.ts';
import { signatureStateOf } from '../../src/store/unchecked.ts';

const [, , path = ''] = process.argv;
const set = openStreamSet([{ path }], { pollMs: 5 });
const key = set.list()[0]?.publicKey ?? new Uint8Array();
const print = (): void => {
  const { isWithheld } = set.list()[0] ?? {};
  process.stdout.write(`${signatureStateOf(set.find(key))} ${isWithheld}\n`);
};
// The timer of a stream set keeps no process alive.
const alive = setInterval(() => {}, 1000);
print();
set.onGeneration(() => {
  print();
  clearInterval(alive);
  set.close();
});
