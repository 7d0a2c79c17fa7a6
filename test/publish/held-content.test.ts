import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { encodeFile } from '../../src/files/file-record.ts';
import { heldContentHash } from '../../src/publish/held-content.ts';

const test = suite('publish/held-content');
const CONTENT = new TextEncoder().encode('hello '.repeat(50));

test('heldContentHash :: it is the hash of the content, however that is stored', () => {
  for (const stored of [true, false]) {
    const value = encodeFile(CONTENT, { timeMicros: 5, stored });

    assert.equal(heldContentHash(value, CONTENT.length), hash(CONTENT));
  }
});

test('heldContentHash :: another length is known without inflating', () => {
  const value = encodeFile(CONTENT, { timeMicros: 5 });
  // Damaged in the middle: inflating it would say so.
  value[60] = (value[60] ?? 0) ^ 0xff;

  assert.is(heldContentHash(value, CONTENT.length + 1), undefined);
});

test('heldContentHash :: a value that cannot be read is nothing to compare with', () => {
  const cut = encodeFile(CONTENT, { timeMicros: 5 }).slice(0, 30);
  const damaged = encodeFile(CONTENT, { timeMicros: 5 });
  damaged[40] = (damaged[40] ?? 0) ^ 0xff;

  for (const value of [new Uint8Array(), new Uint8Array(40), cut, damaged]) {
    assert.is(heldContentHash(value, CONTENT.length), undefined);
  }
});

test.run();
