import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeWords, encodeWords } from '../../src/core/pgp-words.ts';
import { vectorJson } from '../helpers/old-wire.ts';
import { throwsCode } from '../helpers/throws.ts';

const list = vectorJson<{ even: string[]; odd: string[] }>('pgp-words.json');
const { pgp_cases: cases } = vectorJson<{ pgp_cases: { bytes_hex: string; standard: string }[] }>(
  'keys.json',
);

const test = suite('core/pgp-words');

test('encodeWords :: every byte has its word at even and at odd places', () => {
  for (let byte = 0; byte < 256; byte += 1) {
    const words = `${list.even[byte]} ${list.odd[byte]}`.toLowerCase();

    assert.is(encodeWords(Uint8Array.of(byte, byte)), words);
    assert.equal(decodeWords(words), Uint8Array.of(byte, byte));
  }
});

test('decodeWords :: the list has 512 different words', () => {
  assert.is(new Set([...list.even, ...list.odd].map((word) => word.toLowerCase())).size, 512);
});

for (const { bytes_hex, standard } of cases) {
  test(`encodeWords, decodeWords :: ${bytes_hex === '' ? 'no bytes' : bytes_hex.slice(0, 40)}`, () => {
    const bytes = new Uint8Array(Buffer.from(bytes_hex, 'hex'));

    assert.is(encodeWords(bytes), standard.toLowerCase());
    assert.equal(decodeWords(standard), bytes);
  });
}

test('decodeWords :: capitals, spaces and dashes do not matter', () => {
  assert.equal(
    decodeWords('  Aardvark-ADROITNESS \n absurd - adviser '),
    Uint8Array.of(0, 0, 1, 1),
  );
});

test('decodeWords :: says which word is wrong and why', () => {
  assert.throws(
    () => decodeWords('aardvark aardvark'),
    says('word 2, aardvark, cannot stand there'),
  );
  assert.throws(() => decodeWords('adroitness'), says('word 1, adroitness, cannot stand there'));
  assert.throws(() => decodeWords('aardvark nonsense'), says('word 2, nonsense, is not in the'));
  assert.throws(
    () => decodeWords('x'.repeat(50)),
    says(`word 1, ${'x'.repeat(20)}…, is not in the`),
  );
});

function says(part: string): (error: unknown) => boolean {
  return (error) => throwsCode('STREAM_ID_INVALID')(error) && String(error).includes(part);
}

test.run();
