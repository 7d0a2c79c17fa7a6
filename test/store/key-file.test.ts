import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sign, verify } from '#crypto';
import { isDrayerError } from '../../src/core/errors.ts';
import {
  formatSecretKey,
  generateKeyPair,
  keyPathOf,
  parseSecretKey,
  readKeyFile,
  writeKeyFile,
} from '../../src/store/key-file.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { newStream, openedStream, originalStream } from '../helpers/store.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/key-file');

test('generateKeyPair :: makes keys that sign and verify, each another one', () => {
  const { publicKey, secretKey } = generateKeyPair();
  const message = new Uint8Array([1, 2, 3]);

  assert.ok(verify(sign(message, secretKey), message, publicKey));
  assert.equal([publicKey.length, secretKey.length], [32, 64]);
  assert.is.not(formatSecretKey(generateKeyPair().secretKey), formatSecretKey(secretKey));
});

test('readKeyFile :: reads the key file of the original', () => {
  const path = fileURLToPath(new URL('../vectors/streams/dict.stream.privatekey', import.meta.url));
  const text = readFileSync(path, 'utf8');

  assert.equal(Buffer.from(parseSecretKey(text)), Buffer.from(KEY_A.secretKey));
  assert.is(formatSecretKey(KEY_A.secretKey), text);
});

test(
  'writeKeyFile :: writes what the original reads, for its owner alone, and nothing beside it',
  scope((t) => {
    writeKeyFile(t.path('k'), KEY_A.secretKey);

    const text = readFileSync(t.path('k'), 'utf8');
    assert.is(text.length, 88);
    assert.is(text, Buffer.from(KEY_A.secretKey).toString('base64'));
    assert.is(statSync(t.path('k')).mode & 0o777, 0o600);
    assert.equal(readdirSync(t.directory), ['k']);
    assert.equal(Buffer.from(readKeyFile(t.path('k'))), Buffer.from(KEY_A.secretKey));
  }),
);

test(
  'writeKeyFile :: never replaces a key',
  scope((t) => {
    writeKeyFile(t.path('k'), KEY_A.secretKey);

    assert.throws(() => writeKeyFile(t.path('k'), KEY_B.secretKey), throwsCode('STREAM_EXISTS'));
    assert.equal(Buffer.from(readKeyFile(t.path('k'))), Buffer.from(KEY_A.secretKey));
    assert.equal(readdirSync(t.directory), ['k']);
  }),
);

for (const around of ['\n', '\r\n', ' \n\n', '\t']) {
  test(
    `readKeyFile :: does not mind ${JSON.stringify(around)} around the key`,
    scope((t) => {
      const text = around + formatSecretKey(KEY_A.secretKey) + around;
      writeFileSync(t.path('k'), text, { mode: 0o600 });

      assert.equal(Buffer.from(readKeyFile(t.path('k'))), Buffer.from(KEY_A.secretKey));
    }),
  );
}

const good = Buffer.from(KEY_A.secretKey).toString('base64');
const GARBAGE: Record<string, string> = {
  nothing: '',
  'a key cut off': good.slice(0, 80),
  'a key without padding': good.slice(0, 86),
  'a key and more': `${good}AAAA`,
  'the seed alone': Buffer.from(KEY_A.secretKey.subarray(0, 32)).toString('base64'),
  'the halves of two keys': Buffer.concat([
    KEY_A.secretKey.subarray(0, 32),
    KEY_B.publicKey,
  ]).toString('base64'),
  'spaces inside': `${good.slice(0, 40)} ${good.slice(40)}`,
  'another file': `-----BEGIN PRIVATE KEY-----\n${good}\n`.repeat(100),
};
for (const [what, text] of Object.entries(GARBAGE)) {
  test(
    `readKeyFile :: refuses ${what}, without repeating any of it`,
    scope((t) => {
      writeFileSync(t.path('k'), text, { mode: 0o600 });

      let message = '';
      try {
        readKeyFile(t.path('k'));
      } catch (error) {
        if (!isDrayerError(error, 'KEY_INVALID')) throw error;
        message = `${error.message} ${error.hint}`;
      }

      assert.ok(message.includes(t.path('k')));
      for (let at = 0; at + 8 <= good.length; at += 1) {
        assert.not(message.includes(good.slice(at, at + 8)));
      }
    }),
  );
}

for (const mode of [0o640, 0o604, 0o620, 0o666]) {
  test(
    `readKeyFile :: refuses mode ${mode.toString(8)} and says how to change it`,
    scope((t) => {
      writeKeyFile(t.path('k'), KEY_A.secretKey);
      chmodSync(t.path('k'), mode);

      assert.throws(
        () => readKeyFile(t.path('k')),
        (error: unknown) =>
          isDrayerError(error, 'KEY_MODE') && Boolean(error.hint?.includes('chmod 600')),
      );
    }),
  );
}

test(
  'readKeyFile :: says when there is none',
  scope((t) => {
    assert.throws(() => readKeyFile(t.path('k')), throwsCode('KEY_NOT_FOUND'));
  }),
);

test(
  'openStream :: refuses the key of another stream, before it touches the file',
  scope((t) => {
    const path = originalStream(t, 'dict');
    writeKeyFile(keyPathOf(path), KEY_B.secretKey);
    const before = readFileSync(path);

    assert.throws(() => openedStream(t, 'dict.stream'), throwsCode('KEY_MISMATCH'));
    assert.throws(
      () => openedStream(t, 'dict.stream', { secretKey: KEY_B.secretKey }),
      throwsCode('KEY_MISMATCH'),
    );
    assert.equal(readFileSync(path), before);
  }),
);

test(
  'createStream :: writes no key that it was given',
  scope((t) => {
    newStream(t, 'a.stream', { secretKey: KEY_A.secretKey }).close();

    assert.not(readdirSync(t.directory).includes('a.stream.privatekey'));
    assert.is(openedStream(t).writable, false);
  }),
);

test.run();
