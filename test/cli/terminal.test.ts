import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { visible, visibleLines } from '../../src/cli/terminal.ts';

const test = suite('cli/terminal');

test('visible :: leaves words of every language alone', () => {
  for (const text of ['Grüße & Küsse.txt', '日本語', 'עברית', '👩‍🚀', 'a b']) {
    assert.is(visible(text), text);
  }
});

test('visible :: a name can neither move the cursor, nor end the line, nor turn itself round', () => {
  assert.is(visible('a\u001b[2Jb'), 'a\\x1b[2Jb');
  assert.is(visible('a\r\nb\tc\u0000'), 'a\\x0d\\x0ab\\x09c\\x00');
  assert.is(visible('\u009b31m'), '\\x9b31m');
  assert.is(visible('photo_\u202egpj.exe'), 'photo_\\u202egpj.exe');
  assert.is(visible('\u2066x\u2069'), '\\u2066x\\u2069');
});

test('visibleLines :: a list stays a list, everything else is made visible', () => {
  assert.equal(visibleLines('two files:\na\u001b[2J\nb\r'), ['two files:', 'a\\x1b[2J', 'b\\x0d']);
});

test.run();
