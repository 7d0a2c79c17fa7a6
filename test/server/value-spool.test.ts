/** Large values come from files without names: parts are exact, nothing is left open or lying about. */
import { readdirSync, readlinkSync } from 'node:fs';
import { Readable } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFile } from '../../src/files/file-record.ts';
import type { HeldBytes } from '../../src/server/held-bytes.ts';
import { measureContent, openContent } from '../../src/server/inflate.ts';
import { ValueCache } from '../../src/server/value-cache.ts';
import { LARGE_BYTES, ValueSpool } from '../../src/server/value-spool.ts';
import { randomFrom } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('server/value-spool');

const MB = 1024 * 1024;

function randomBytes(seed: number, length: number): Uint8Array {
  const random = randomFrom(seed);
  return Uint8Array.from({ length }, () => random.below(256));
}

async function all(bytes: Uint8Array | Readable): Promise<Buffer> {
  if (bytes instanceof Uint8Array) return Buffer.from(bytes);
  const pieces: Buffer[] = [];
  for await (const piece of bytes) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** Descriptors of this process that are files below `directory`, unlinked ones too. */
function openBelow(directory: string): number {
  let count = 0;
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)) count += 1;
    } catch {
      // The one the list itself was read with.
    }
  }
  return count;
}

async function checkParts(held: HeldBytes, whole: Uint8Array): Promise<void> {
  const { length } = whole;
  const edges = [0, 1, 2, 65_535, 65_536, 65_537, 131_073, length - 65_536, length - 1, length];
  for (const start of edges) {
    for (const end of edges.filter((edge) => edge > start)) {
      const got = await all(held.open({ start, end }));
      assert.ok(got.equals(whole.subarray(start, end)), `${start} to ${end}`);
    }
  }
}

test(
  'open :: every part of a value is what was put in; nothing of it has a name',
  scope(async (t) => {
    const spool = t.defer(new ValueSpool(t.directory), (one) => one.close());
    const value = randomBytes(1, MB);

    const held = spool.add('a', value);

    assert.ok(held);
    assert.equal(readdirSync(t.directory), []);
    assert.is(held.size, MB);
    await checkParts(held, value);
    assert.is(spool.find('a'), held);
    assert.is(spool.find('b'), undefined);
  }),
);

for (const stored of [true, false]) {
  test(
    `file :: content and gzip data of a ${stored ? 'stored' : 'compressed'} file, in part and whole`,
    scope(async (t) => {
      const spool = t.defer(new ValueSpool(t.directory), (one) => one.close());
      // Half of it compresses, so that there is something to inflate.
      const content = Buffer.concat([randomBytes(2, MB), Buffer.alloc(MB, 'prose ')]);
      const value = encodeFile(content, { timeMicros: 5_000_000, stored });
      const held = spool.add('a', value);
      assert.ok(held);

      const file = held.file();
      const size = await measureContent(file, 64 * MB);

      assert.is(file.timeMicros, 5_000_000);
      assert.is(size, content.length);
      assert.is(file.storedBytes() !== undefined, stored);
      await checkParts(file.gzip, value.subarray(value.length - file.gzip.size));
      await checkParts({ size, open: (range) => openContent(file, size, range) }, content);
    }),
  );
}

test(
  'file :: a value that is no file says so, as one in memory does',
  scope((t) => {
    const spool = t.defer(new ValueSpool(t.directory), (one) => one.close());
    const held = spool.add('a', Buffer.alloc(MB, 255));

    assert.throws(() => held?.file(), throwsCode('FILE_RECORD_INVALID'));
  }),
);

test(
  'dropGone :: a reader in the middle reads on, then the file is closed; a later one is refused',
  scope(async (t) => {
    const spool = t.defer(new ValueSpool(t.directory), (one) => one.close());
    const value = randomBytes(3, MB);
    const held = spool.add('a', value);
    assert.ok(held);
    const body = held.open({ start: 0, end: MB });
    assert.ok(body instanceof Readable);
    const reading = body[Symbol.asyncIterator]();
    const first = (await reading.next()).value as Buffer;

    spool.dropGone((key) => key === 'a');

    assert.is(spool.find('a'), undefined);
    assert.is(openBelow(t.directory), 1);
    let bytes = first.length;
    for await (const piece of { [Symbol.asyncIterator]: () => reading }) {
      bytes += (piece as Buffer).length;
    }
    assert.is(bytes, MB);
    if (!body.closed) await new Promise((resolve) => body.once('close', resolve));
    assert.is(openBelow(t.directory), 0);
    assert.throws(() => held.open({ start: 0, end: 1 }), throwsCode('STREAM_BUSY'));
  }),
);

test(
  'open :: a reader who goes in the middle, of an inflated part too, leaves nothing open',
  scope(async (t) => {
    const spool = new ValueSpool(t.directory);
    const content = Buffer.concat([randomBytes(4, 2 * MB), Buffer.alloc(MB, 'prose ')]);
    const held = spool.add('a', encodeFile(content, { timeMicros: 1 }));
    assert.ok(held);
    const file = held.file();

    for (const body of [
      held.open({ start: 0, end: held.size }),
      openContent(file, content.length, { start: 10, end: content.length }),
    ]) {
      assert.ok(body instanceof Readable);
      await new Promise((resolve) => body.once('readable', resolve));
      body.destroy();
      if (!body.closed) await new Promise((resolve) => body.once('close', resolve));
    }
    spool.close();

    // The inflater's source is closed by a turn of its own.
    while (openBelow(t.directory) > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.is(spool.size, 0);
  }),
);

test(
  'add :: what nobody reads gives way, the least used first; what is read stays',
  scope((t) => {
    const spool = t.defer(new ValueSpool(t.directory), (one) => one.close());
    const value = Buffer.alloc(LARGE_BYTES);
    const first = spool.add('0', value);
    const read = first?.open({ start: 0, end: LARGE_BYTES });
    t.defer(read, (body) => body instanceof Readable && body.destroy());

    for (let i = 1; i <= 60; i += 1) {
      spool.add(`${i}`, value);
      spool.find('1');
    }

    assert.ok(spool.size <= 34, `${spool.size} files`);
    assert.is(spool.find('0'), first);
    assert.ok(spool.find('1'));
    assert.is(spool.find('2'), undefined);
    assert.ok(spool.find('60'));
  }),
);

test('hold :: where nothing can be written large values are shared in memory', () => {
  const values = new ValueCache('/nowhere/at/all');
  const value = Buffer.alloc(2 * LARGE_BYTES, 'x');
  let reads = 0;
  const read = (): Buffer => {
    reads += 1;
    return value;
  };

  const held = [1, 2, 3].map(() => values.hold({ id: 'a', hash: new Uint8Array(32) }, read));
  values.close();

  assert.is(reads, 1);
  for (const one of held) assert.is(one?.size, value.length);
});

test.run();
