import { chmodSync } from 'node:fs';
import { Readable } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { givenKey } from '../../src/daemon/given-key.ts';
import { formatSecretKey, generateKeyPair, writeKeyFile } from '../../src/store/key-file.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('daemon/given-key');

function keys(t: Scope) {
  const [flag, text, file] = [generateKeyPair(), generateKeyPair(), generateKeyPair()];
  writeKeyFile(t.path('flag'), flag.secretKey);
  writeKeyFile(t.path('file'), file.secretKey);
  return { flag, text: formatSecretKey(text.secretKey), textKey: text, file };
}

test(
  'givenKey :: a flag wins over the environment, and the text leaves that (T114)',
  scope(async (t) => {
    const { flag, text, textKey, file } = keys(t);
    const environment = { DRAYER_KEY: text, DRAYER_KEY_FILE: t.path('file') };

    assert.equal(await givenKey({ keyFile: t.path('flag') }, environment), {
      secretKey: flag.secretKey,
      keyPath: t.path('flag'),
    });
    assert.not('DRAYER_KEY' in environment);
    assert.equal((await givenKey({}, environment))?.secretKey, file.secretKey);
    const alone = { DRAYER_KEY: text };
    const expected = { secretKey: textKey.secretKey, keyPath: undefined };
    assert.equal(await givenKey({}, alone), expected);
    assert.not('DRAYER_KEY' in alone);
    assert.equal(
      await givenKey({ keyStdin: true }, {}, Readable.from([Buffer.from(text)])),
      expected,
    );
  }),
);

test('givenKey :: nothing given, or only empty variables', async () => {
  assert.is(await givenKey({}, {}), undefined);
  assert.is(await givenKey({}, { DRAYER_KEY: '', DRAYER_KEY_FILE: '' }), undefined);
});

test(
  'givenKey :: two places at once are an error that names both',
  scope(async (t) => {
    const { text } = keys(t);

    await rejectsCode(givenKey({ keyFile: t.path('flag'), keyStdin: true }, {}), 'USAGE');
    const both = givenKey({}, { DRAYER_KEY: text, DRAYER_KEY_FILE: t.path('file') });
    const error = await both.then(String, String);
    assert.match(error, 'DRAYER_KEY and DRAYER_KEY_FILE both say which key to use');
    assert.not.match(error, text);
  }),
);

test('givenKey :: what is no key is refused, whatever it is, and not repeated', async () => {
  await rejectsCode(givenKey({}, { DRAYER_KEY: 'not a key' }), 'KEY_INVALID');
  for (const [text, code] of [
    ['', 'KEY_INVALID'],
    ['secret words', 'KEY_INVALID'],
    ['x'.repeat(1025), 'TOO_LARGE'],
  ] as const) {
    await rejectsCode(givenKey({ keyStdin: true }, {}, Readable.from([Buffer.from(text)])), code);
  }
});

test('givenKey :: a key is not typed where it would stay on the screen', async () => {
  const terminal = Object.assign(Readable.from([]), { isTTY: true });

  await rejectsCode(givenKey({ keyStdin: true }, {}, terminal), 'USAGE');
});

test(
  'givenKey :: a key file others can read is refused unless that is allowed (T114)',
  scope(async (t) => {
    const { flag } = keys(t);
    chmodSync(t.path('flag'), 0o644);

    await rejectsCode(givenKey({ keyFile: t.path('flag') }, {}), 'KEY_MODE');
    const given = await givenKey({ keyFile: t.path('flag'), allowReadableKey: true }, {});
    assert.equal(given?.secretKey, flag.secretKey);
  }),
);

test.run();
