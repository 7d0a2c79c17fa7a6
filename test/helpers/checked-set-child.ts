/**
 * Serves a stream file that it cannot write, for a test that runs as root: `checked-set-child.ts PATH [left]`
 * prints the state of its signatures, whether it is withheld and the number of its generation as it begins, and
 * whenever they are others. `left`: another process checks. It ends when its input does.
 */
import { openStreamSet } from '../../src/server/stream-set.ts';
import { signatureStateOf } from '../../src/store/unchecked.ts';

const [, , path = '', who] = process.argv;
const set = openStreamSet([{ path }], { pollMs: 5, checks: who !== 'left' });
let last = '';
const print = (): void => {
  const [{ publicKey, isWithheld } = {}] = set.list();
  const reader = publicKey && set.find(publicKey);
  const line = `${signatureStateOf(reader)} ${isWithheld} ${reader?.generation().snapshot?.seq}`;
  if (line !== last) process.stdout.write(`${line}\n`);
  last = line;
};
print();
const timer = setInterval(print, 5);
process.stdin.resume().once('end', () => {
  clearInterval(timer);
  set.close();
});
