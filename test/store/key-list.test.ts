import { mkdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DrayerError } from '../../src/core/errors.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { allowListOf, readKeyList, watchKeyList, writeKeyList } from '../../src/store/key-list.ts';
import { KEY_A, KEY_B, KEY_C } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const A = formatStreamId(KEY_A.publicKey);
const B = formatStreamId(KEY_B.publicKey);

const test = suite('store/key-list');

test(
  'writeKeyList, readKeyList :: each once, in order, for this user alone',
  scope((t) => {
    const list = allowListOf(t.directory);
    assert.equal(readKeyList(list), []);

    writeKeyList(list, [B, A]);

    assert.equal(readKeyList(list), [B, A]);
    assert.is(statSync(list.path).mode & 0o777, 0o600);
  }),
);

test(
  'readKeyList :: takes any spelling, and allows nobody by a line that is no key',
  scope((t) => {
    const list = allowListOf(t.directory);
    const spelt = formatStreamId(KEY_A.publicKey, 'base32');
    writeFileSync(list.path, `# a comment\n\n  ${spelt}  \r\nno key\n${A}\n*\n`);

    assert.equal(readKeyList(list), [A]);
  }),
);

test(
  'watchKeyList :: sees the file come, change and go',
  scope((t) => {
    const list = allowListOf(t.path('data'));
    const isAllowed = watchKeyList(list, [KEY_C.publicKey]);
    const now = () => [KEY_A, KEY_B, KEY_C].map(({ publicKey }) => isAllowed(publicKey));

    assert.equal(now(), [false, false, true]);
    mkdirSync(t.path('data'));
    writeKeyList(list, [A]);
    assert.equal(now(), [true, false, true]);
    writeKeyList(list, [B]);
    assert.equal(now(), [false, true, true]);
    rmSync(list.path);
    assert.equal(now(), [false, false, true]);
  }),
);

test(
  'readKeyList, watchKeyList :: a list that cannot be read is an error, not an empty one',
  scope((t) => {
    const list = allowListOf(t.directory);
    mkdirSync(list.path);

    assert.throws(() => readKeyList(list), throwsCode('STORAGE_FAILED'));
    assert.throws(() => watchKeyList(list, [])(KEY_A.publicKey), throwsCode('STORAGE_FAILED'));
  }),
);

test(
  'watchKeyList :: what cannot be read is one error until it changes, and is then read again',
  scope((t) => {
    const list = allowListOf(t.directory);
    mkdirSync(list.path);
    const isAllowed = watchKeyList(list, []);
    const errorNow = (): unknown => {
      try {
        return isAllowed(KEY_A.publicKey);
      } catch (error) {
        return error;
      }
    };

    const first = errorNow();
    assert.instance(first, DrayerError);
    assert.is(errorNow(), first);
    rmdirSync(list.path);
    assert.is(errorNow(), false);
    writeKeyList(list, [A]);
    assert.is(errorNow(), true);
    rmSync(list.path);
    mkdirSync(list.path);
    assert.not(errorNow() === first);
  }),
);

test.run();
