import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { openPushedValues } from '../../src/store/pushed-values.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { bytesOf } from '../helpers/store.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('store/pushed-values');

const ONE = bytesOf('one');
const TWO = bytesOf('twotwo');

async function* chunksOf(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function* brokenOff(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
  throw new Error('gone');
}

function folderOf(t: Scope): string {
  return t.path('a.stream.pushed');
}

test(
  'receive, read :: a value comes in pieces and is there, also for the next process',
  scope(async (t) => {
    const values = openPushedValues(t.path('a.stream'));
    assert.not(existsSync(folderOf(t)));

    await values.receive(hash(TWO), 6, chunksOf(TWO.subarray(0, 2), TWO.subarray(2)));

    for (const one of [values, openPushedValues(t.path('a.stream'))]) {
      assert.ok(one.has(hash(TWO)));
      assert.equal(new Uint8Array(one.read(hash(TWO)) ?? []), TWO);
      assert.is(one.bytes, 6);
      assert.not(one.has(hash(ONE)));
      assert.is(one.read(hash(ONE)), undefined);
    }
  }),
);

test(
  'receive :: keeps nothing of what is too short, too long, another value or broken off',
  scope(async (t) => {
    const values = openPushedValues(t.path('a.stream'));

    await rejectsCode(values.receive(hash(ONE), 4, chunksOf(ONE)), 'MALFORMED');
    await rejectsCode(values.receive(hash(ONE), 2, chunksOf(ONE)), 'MALFORMED');
    await rejectsCode(values.receive(hash(TWO), 3, chunksOf(ONE)), 'MALFORMED');
    const gone = await values.receive(hash(ONE), 3, brokenOff(ONE)).catch((error) => error);

    assert.is(gone.message, 'gone');
    assert.equal(readdirSync(folderOf(t)), []);
    assert.is(values.bytes, 0);
  }),
);

test(
  'bytes :: what is on its way counts',
  scope(async (t) => {
    const values = openPushedValues(t.path('a.stream'));
    let during = 0;
    async function* slow(): AsyncGenerator<Uint8Array> {
      during = values.bytes;
      yield ONE;
    }

    await values.receive(hash(ONE), 3, slow());

    assert.is(during, 3);
    assert.is(values.bytes, 3);
  }),
);

test(
  'discard :: what a generation has, and what is a day old',
  scope(async (t) => {
    const values = openPushedValues(t.path('a.stream'));
    for (const value of [ONE, TWO]) {
      await values.receive(hash(value), value.length, chunksOf(value));
    }

    values.discard([hash(ONE), hash(bytesOf('never here'))]);
    assert.not(values.has(hash(ONE)));
    assert.ok(values.has(hash(TWO)));
    const day = 24 * 60 * 60 * 1000;
    values.discard([], Date.now() + day - 60_000);
    assert.ok(values.has(hash(TWO)));
    values.discard([], Date.now() + day + 60_000);
    assert.not(values.has(hash(TWO)));
    assert.equal(readdirSync(folderOf(t)), []);
  }),
);

test(
  'openPushedValues :: throws away what a process did not finish, and leaves what is not its own',
  scope((t) => {
    mkdirSync(folderOf(t));
    for (const name of ['part-1-1', 'notes.txt']) writeFileSync(`${folderOf(t)}/${name}`, 'x');

    const values = openPushedValues(t.path('a.stream'));

    assert.equal(readdirSync(folderOf(t)), ['notes.txt']);
    assert.is(values.bytes, 0);
  }),
);

test(
  'read :: a file that went away is no value',
  scope(async (t) => {
    const values = openPushedValues(t.path('a.stream'));
    await values.receive(hash(ONE), 3, chunksOf(ONE));
    writeFileSync(`${folderOf(t)}/${Buffer.from(hash(ONE)).toString('hex')}`, '');

    assert.is(values.read(hash(ONE)), undefined);
    assert.not(values.has(hash(ONE)));
  }),
);

test.run();
