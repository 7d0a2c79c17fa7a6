import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import {
  allowPathOf,
  readAllowed,
  watchAllowed,
  writeAllowed,
} from '../../src/store/push-allow.ts';
import { KEY_A, KEY_B, KEY_C } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const A = formatStreamId(KEY_A.publicKey);
const B = formatStreamId(KEY_B.publicKey);

const test = suite('store/push-allow');

test(
  'writeAllowed, readAllowed :: each once, in order, for this user alone',
  scope((t) => {
    const path = allowPathOf(t.directory);
    assert.equal(readAllowed(path), []);

    writeAllowed(path, [B, A]);

    assert.equal(readAllowed(path), [B, A]);
    assert.is(statSync(path).mode & 0o777, 0o600);
  }),
);

test(
  'readAllowed :: takes any spelling, and allows nobody by a line that is no key',
  scope((t) => {
    const path = allowPathOf(t.directory);
    const spelt = formatStreamId(KEY_A.publicKey, 'base32');
    writeFileSync(path, `# a comment\n\n  ${spelt}  \r\nno key\n${A}\n*\n`);

    assert.equal(readAllowed(path), [A]);
  }),
);

test(
  'watchAllowed :: sees the file come, change and go',
  scope((t) => {
    const path = allowPathOf(t.path('data'));
    const isAllowed = watchAllowed(path, [KEY_C.publicKey]);
    const now = () => [KEY_A, KEY_B, KEY_C].map(({ publicKey }) => isAllowed(publicKey));

    assert.equal(now(), [false, false, true]);
    mkdirSync(t.path('data'));
    writeAllowed(path, [A]);
    assert.equal(now(), [true, false, true]);
    writeAllowed(path, [B]);
    assert.equal(now(), [false, true, true]);
    rmSync(path);
    assert.equal(now(), [false, false, true]);
  }),
);

test(
  'readAllowed, watchAllowed :: a list that cannot be read is an error, not an empty one',
  scope((t) => {
    const path = allowPathOf(t.directory);
    mkdirSync(path);

    assert.throws(() => readAllowed(path), throwsCode('STORAGE_FAILED'));
    assert.throws(() => watchAllowed(path, [])(KEY_A.publicKey), throwsCode('STORAGE_FAILED'));
  }),
);

test.run();
