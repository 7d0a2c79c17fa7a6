import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { decodeWords, encodeWords } from '../../src/core/pgp-words.ts';
import {
  BACKUP_WORDS,
  decodeSecretWords,
  encodeSecretWords,
  findWordFaults,
  splitWords,
} from '../../src/core/secret-words.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('core/secret-words');

const seed = Uint8Array.from({ length: 32 }, (_, i) => i * 7);
const words = encodeSecretWords(seed).split(' ');
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });

function says(part: string): (error: unknown) => boolean {
  return (error) => throwsCode('KEY_INVALID')(error) && String(error).includes(part);
}

function changed(place: number, word: string): string {
  return words.with(place - 1, word).join(' ');
}

test('encodeSecretWords :: the seed in standard words, then four bytes of a hash', () => {
  const label = new TextEncoder().encode('drayer key backup');
  const check = hash(Uint8Array.from([...label, ...seed])).subarray(0, 4);

  assert.is(words.length, BACKUP_WORDS);
  assert.is(words.slice(0, 32).join(' '), encodeWords(seed));
  assert.equal(decodeWords(words.slice(32).join(' ')), check);
});

test('decodeSecretWords :: gives back every seed, however it is typed', () => {
  fc.assert(
    fc.property(seeds, (any) => {
      const text = encodeSecretWords(any);
      assert.equal(decodeSecretWords(text), any);
      const typed = text
        .split(' ')
        .map((word, i) => `${i + 1}. ${word.toUpperCase()}${i % 4 === 3 ? '\r\n' : ','}`);
      assert.equal(decodeSecretWords(typed.join(' ')), any);
    }),
  );
});

test('decodeSecretWords :: a word that is misread for another of the list is named, and which it was', () => {
  fc.assert(
    fc.property(seeds, fc.nat(BACKUP_WORDS - 1), fc.integer({ min: 1, max: 255 }), (any, i, by) => {
      const right = encodeSecretWords(any).split(' ');
      const bytes = decodeWords(right.join(' '));
      const wrong = encodeWords(bytes.with(i, ((bytes[i] ?? 0) + by) % 256)).split(' ');

      assert.throws(
        () => decodeSecretWords(wrong.join(' ')),
        says(`word ${i + 1}, ${wrong[i]}, does not fit the check words; ${right[i]} would`),
      );
    }),
  );
});

test('decodeSecretWords :: two words of one list that changed places are named', () => {
  const swapped = words.with(4, words[10] ?? '').with(10, words[4] ?? '');

  assert.throws(() => decodeSecretWords(swapped.join(' ')), says('words 5 and 11 do not fit'));
});

test('decodeSecretWords :: two misread words are noticed', () => {
  const text = words
    .with(4, words[8] ?? '')
    .with(20, words[2] ?? '')
    .join(' ');

  assert.throws(() => decodeSecretWords(text), says('at least two are wrong'));
});

test('decodeSecretWords :: every word that is in no list is named with the nearest one', () => {
  const typed = words.with(2, 'bodbuard').with(3, 'aplle').join(' ');

  assert.throws(() => decodeSecretWords(typed), says('word 3, bodbuard, is not in the list'));
  assert.throws(() => decodeSecretWords(changed(1, 'ardvark')), says('the nearest is aardvark'));
  assert.throws(() => decodeSecretWords(changed(2, 'advizer')), says('the nearest is adviser'));
  const error = assertThrown(() => decodeSecretWords(typed));
  assert.match(error.message, /\nword 4, aplle, is not in the list; the nearest is \w+/);
});

test('decodeSecretWords :: a missing word, a doubled one and a swap of neighbours show where', () => {
  assert.throws(
    () => decodeSecretWords(words.toSpliced(6, 1).join(' ')),
    says(`word 7, ${words[7]}, cannot stand there`),
  );
  assert.throws(
    () => decodeSecretWords(words.toSpliced(6, 0, words[6] ?? '').join(' ')),
    says(`word 8, ${words[6]}, cannot stand there`),
  );
  assert.throws(
    () =>
      decodeSecretWords(
        words
          .with(0, words[1] ?? '')
          .with(1, words[0] ?? '')
          .join(' '),
      ),
    says('word 1, '),
  );
  assert.throws(
    () => decodeSecretWords(words.slice(0, 34).join(' ')),
    says('expected 36 words, got 34'),
  );
  assert.throws(
    () => decodeSecretWords([...words, words[0]].join(' ')),
    says('expected 36 words, got 37'),
  );
});

test('decodeSecretWords :: of something else says little, and ends', () => {
  assert.throws(() => decodeSecretWords(''), says('expected 36 words, got 0'));
  const long = assertThrown(() => decodeSecretWords('x'.repeat(1_000_000)));
  assert.ok(long.message.length < 200, long.message);
});

test('findWordFaults :: stops where everything is one place off', () => {
  assert.equal(findWordFaults(splitWords(words.join('-'))), []);
  assert.is(findWordFaults(words.slice(1)).length, 1);
});

function assertThrown(body: () => unknown): Error {
  try {
    body();
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected an error');
}

test.run();
