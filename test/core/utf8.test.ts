import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeUtf8, encodeUtf8 } from '../../src/core/utf8.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('core/utf8');

for (const text of ['', 'a', '\0', '\ufeffa', 'e\u0301', '中😀', '\uffff\u{10ffff}']) {
  test(`decodeUtf8 :: gives back to the letter ${JSON.stringify(text)} (R2)`, () => {
    assert.is(decodeUtf8(encodeUtf8(text)), text);
  });
}

const INVALID: [string, number[]][] = [
  ['a lone continuation byte', [0x80]],
  ['a cut sequence', [0xe4, 0xb8]],
  ['an overlong form', [0xc0, 0xaf]],
  ['an overlong NUL', [0xc0, 0x80]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['a code point beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ['Latin-1', [0x66, 0xfc, 0x72]],
];
for (const [name, bytes] of INVALID) {
  test(`decodeUtf8 :: refuses ${name}, and repairs nothing (T006)`, () => {
    assert.throws(() => decodeUtf8(new Uint8Array(bytes)), throwsCode('MALFORMED'));
  });
}

test.run();
