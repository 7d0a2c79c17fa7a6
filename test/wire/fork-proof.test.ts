import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeForkProof, isForkProof } from '../../src/wire/fork-proof.ts';
import { encodeRecords } from '../../src/wire/record-codec.ts';
import { forkProofOf } from '../helpers/fork-proof.ts';
import { KEY_B } from '../helpers/keys.ts';
import { record, TEST_KEYS } from '../helpers/records.ts';

const test = suite('wire/fork-proof');

const { publicKey } = TEST_KEYS;
const [one, other] = [record({ id: 1 }), record({ id: 1, key: 'other' })];

test('isForkProof :: two records that the key has signed are one (R16)', () => {
  assert.ok(isForkProof(forkProofOf(TEST_KEYS), publicKey));
  assert.ok(isForkProof(encodeForkProof([one, other], publicKey), publicKey));
});

test('isForkProof :: nothing else is', () => {
  const proof = encodeForkProof([one, other], publicKey);
  const altered = { ...other, timestamp: other.timestamp + 1 };
  const none: [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['garbage', new Uint8Array(300).fill(7)],
    ['zeros', new Uint8Array(proof.length)],
    ['more behind it', new Uint8Array([...proof, 0])],
    ['of another key', forkProofOf(KEY_B)],
    ['of another key, as if it were of this', encodeRecords([one, other], KEY_B.publicKey)],
    ['one record twice', encodeForkProof([one, one], publicKey)],
    ['one record', encodeRecords([one], publicKey)],
    ['three', encodeRecords([one, other, record({ id: 2 })], publicKey)],
    ['not as it was signed', encodeForkProof([one, altered], publicKey)],
  ];
  for (let end = 1; end < proof.length; end += 7) none.push([`${end}`, proof.subarray(0, end)]);

  for (const [what, body] of none) assert.is(isForkProof(body, publicKey), false, what);
});

test.run();
