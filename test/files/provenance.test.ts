import { encode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeProvenance, encodeProvenance } from '../../src/files/provenance.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('files/provenance');

const WHOLE = {
  commit: '0123456789abcdef0123456789abcdef01234567',
  workflow: 'Déploiement',
  run: 'https://github.example/a/b/actions/runs/7',
  repository: 'https://github.example/a/b',
};

test('encodeProvenance :: comes back as it was, and any msgpack reader reads it', () => {
  const bytes = encodeProvenance(WHOLE);

  assert.equal(decodeProvenance(bytes), WHOLE);
  assert.equal(Buffer.from(bytes), Buffer.from(encode({ v: 1, ...WHOLE })));
  assert.equal(decodeProvenance(encodeProvenance({ commit: 'abcdef0' })), { commit: 'abcdef0' });
});

test('encodeProvenance :: refuses what is no commit and no plain address, without printing it', () => {
  const bad = [
    { commit: 'main' },
    { run: 'javascript:alert(1)' },
    { repository: 'https://ci:hunter2@git.example/a' },
    { workflow: 'x'.repeat(2049) },
    { workflow: '\ud800' },
  ];

  for (const provenance of bad) {
    const encode = (): Uint8Array => encodeProvenance(provenance);
    assert.throws(encode, throwsCode('USAGE'));
    assert.throws(encode, (error: Error) => !error.message.includes('hunter2'));
  }
});

test('decodeProvenance :: leaves out what anybody may have written there', () => {
  const strange = encode({ ...WHOLE, commit: 7, run: 'file:///etc/passwd', later: [1] });

  assert.equal(decodeProvenance(strange), {
    workflow: WHOLE.workflow,
    repository: WHOLE.repository,
  });
  for (const value of [encode([1]), encode({ commit: 'no' }), new Uint8Array([0xc1])]) {
    assert.is(decodeProvenance(value), undefined);
  }
});

test.run();
