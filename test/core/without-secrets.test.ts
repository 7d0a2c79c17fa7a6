import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeSecretWords } from '../../src/core/secret-words.ts';
import { withoutSecrets } from '../../src/core/without-secrets.ts';

const test = suite('core/without-secrets');

test('withoutSecrets :: a secret key in any form is taken out, ids and hashes stay', () => {
  const secret = Buffer.from(Array.from({ length: 64 }, (_, i) => (i * 37 + 250) % 256));
  const id = secret.subarray(32);

  for (const form of ['base64', 'base64url', 'hex'] as const) {
    assert.is(withoutSecrets(`/a/${secret.toString(form)}: no key`), '/a/[secret key]: no key');
    assert.is(withoutSecrets(`id ${id.toString(form)}.`), `id ${id.toString(form)}.`);
  }
});

test('withoutSecrets :: a backup in words is taken out, a sentence stays', () => {
  const words = encodeSecretWords(new Uint8Array(32).map((_, i) => (i * 73 + 11) % 256));
  const sentence = 'the folder that holds the finished site was empty when the last build ended';

  assert.is(withoutSecrets(`no such file: ${words}`), 'no such file: [secret key]');
  assert.is(withoutSecrets(sentence), sentence);
});

test.run();
