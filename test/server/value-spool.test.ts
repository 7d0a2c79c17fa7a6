/** Large values come from files without names: parts are exact, nothing is left open or lying about. */
import { once } from 'node:events';
import { readdirSync, readlinkSync, statfsSync, writeSync } from 'node:fs';
import { Readable } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DrayerError } from '../../src/core/errors.ts';
import { encodeFile } from '../../src/files/file-record.ts';
import type { HeldBytes } from '../../src/server/held-bytes.ts';
import { measureContent, openContent } from '../../src/server/inflate.ts';
import { factsOf, type SpoolFile } from '../../src/server/spool-file.ts';
import { type DistantValue, ValueCache } from '../../src/server/value-cache.ts';
import { type Fill, LARGE_BYTES, ValueSpool } from '../../src/server/value-spool.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { randomFrom } from '../helpers/scale.ts';
import { scope } from '../helpers/scope.ts';
import { rejectsCode, throwsCode } from '../helpers/throws.ts';

const test = suite('server/value-spool');

const MB = 1024 * 1024;

function randomBytes(seed: number, length: number): Uint8Array {
  const random = randomFrom(seed);
  return Uint8Array.from({ length }, () => random.below(256));
}

function writing(value: Uint8Array): Fill {
  return async (fd) => {
    if (fd === undefined) return { facts: factsOf(value), bytes: value };
    writeSync(fd, value);
    return { facts: factsOf(value) };
  };
}

function put(spool: ValueSpool, key: string, value: Uint8Array): Promise<SpoolFile | undefined> {
  return spool.add(key, value.length, writing(value));
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

async function checkParts(
  held: Pick<HeldBytes, 'open' | 'size'>,
  whole: Uint8Array,
): Promise<void> {
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
    const spool = t.defer(new ValueSpool({ directory: t.directory }), (one) => one.close());
    const value = randomBytes(1, MB);

    const held = await put(spool, 'a', value);

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
      const spool = t.defer(new ValueSpool({ directory: t.directory }), (one) => one.close());
      // Half of it compresses, so that there is something to inflate.
      const content = Buffer.concat([randomBytes(2, MB), Buffer.alloc(MB, 'prose ')]);
      const value = encodeFile(content, { timeMicros: 5_000_000, stored });
      const held = await put(spool, 'a', value);
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
  scope(async (t) => {
    const spool = t.defer(new ValueSpool({ directory: t.directory }), (one) => one.close());
    const held = await put(spool, 'a', Buffer.alloc(MB, 255));

    assert.throws(() => held?.file(), throwsCode('FILE_RECORD_INVALID'));
  }),
);

test(
  'dropGone :: a reader in the middle reads on, then the file is closed; a later one is refused',
  scope(async (t) => {
    const spool = t.defer(new ValueSpool({ directory: t.directory }), (one) => one.close());
    const value = randomBytes(3, MB);
    const held = await put(spool, 'a', value);
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
    const spool = new ValueSpool({ directory: t.directory });
    const content = Buffer.concat([randomBytes(4, 2 * MB), Buffer.alloc(MB, 'prose ')]);
    const held = await put(spool, 'a', encodeFile(content, { timeMicros: 1 }));
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

/** Turns of the event loop until a body is read by somebody who takes all at once. */
async function turnsFor(body: Uint8Array | Readable): Promise<number> {
  assert.ok(body instanceof Readable);
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  for await (const piece of body) assert.ok((piece as Buffer).length <= 65_536);
  isOver = true;
  return turns;
}

for (const where of ['a file', 'memory']) {
  test(
    `open :: between two pieces of a value in ${where} everybody else has a turn`,
    scope(async (t) => {
      const directory = where === 'memory' ? '/nowhere/at/all' : t.directory;
      const spool = t.defer(new ValueSpool({ directory }), (one) => one.close());
      const content = randomBytes(8, 4 * MB);
      const held = await put(spool, 'a', encodeFile(content, { timeMicros: 1, stored: true }));
      assert.ok(held);
      const pieces = (4 * MB) / 65_536;

      assert.ok((await turnsFor(held.open({ start: 0, end: held.size }))) >= pieces);
      const whole = openContent(held.file(), content.length, { start: 0, end: content.length });
      assert.ok((await turnsFor(whole)) >= pieces);
    }),
  );
}

test(
  'stream :: a film of which pieces are read does not give way in the middle',
  scope(async (t) => {
    const spool = t.defer(new ValueSpool({ directory: t.directory }), (one) => one.close());
    const content = randomBytes(9, 2 * MB);
    const film = await put(spool, 'film', encodeFile(content, { timeMicros: 1, stored: true }));
    assert.ok(film);
    const body = openContent(film.file(), content.length, { start: 0, end: content.length });
    assert.ok(body instanceof Readable);
    const reading = body[Symbol.asyncIterator]();
    const pieces = [(await reading.next()).value as Buffer];

    for (let i = 0; i < 40; i += 1) await put(spool, `${i}`, Buffer.alloc(LARGE_BYTES));
    for await (const piece of { [Symbol.asyncIterator]: () => reading })
      pieces.push(piece as Buffer);

    assert.ok(Buffer.concat(pieces).equals(content));
    assert.is(spool.find('film'), film);
  }),
);

test(
  'add :: what nobody reads gives way, the least used first; what is read stays',
  scope(async (t) => {
    const spool = t.defer(new ValueSpool({ directory: t.directory }), (one) => one.close());
    const value = Buffer.alloc(LARGE_BYTES);
    const first = await put(spool, '0', value);
    const read = first?.open({ start: 0, end: LARGE_BYTES });
    t.defer(read, (body) => body instanceof Readable && body.destroy());

    for (let i = 1; i <= 60; i += 1) {
      await put(spool, `${i}`, value);
      spool.find('1');
    }

    assert.ok(spool.size <= 34, `${spool.size} files`);
    assert.is(spool.find('0'), first);
    assert.ok(spool.find('1'));
    assert.is(spool.find('2'), undefined);
    assert.ok(spool.find('60'));
  }),
);

test(
  'add :: who asks for what is just coming gets the same; who asks for one too many is told',
  scope(async (t) => {
    const spool = t.defer(new ValueSpool({ directory: t.directory }), (one) => one.close());
    const value = randomBytes(5, LARGE_BYTES);
    let go = (): void => {};
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    let fetched = 0;
    const ask = (key: string): Promise<SpoolFile | undefined> =>
      spool.add(key, value.length, async (fd) => {
        fetched += 1;
        await wait;
        return writing(value)(fd);
      });

    const same = [ask('a'), ask('a'), ask('a')];
    const others = Array.from({ length: 127 }, (_, i) => ask(`${i}`));
    await rejectsCode(ask('one too many'), 'STREAM_BUSY');
    go();

    const [first, ...rest] = await Promise.all(same);
    assert.ok(first);
    for (const one of rest) assert.is(one, first);
    await Promise.all(others);
    assert.is(fetched, 128);
    assert.ok(await ask('one more'));
  }),
);

test(
  'add :: takes no more of the disk than it was told, nor than half of what is free',
  scope(async (t) => {
    const maxBytes = 10 * LARGE_BYTES;
    const spool = new ValueSpool({ directory: t.directory, maxBytes });
    t.defer(spool, (one) => one.close());
    const value = Buffer.alloc(LARGE_BYTES);
    const readers = new Set<Readable>();
    t.defer(readers, (all) => {
      for (const body of all) body.destroy();
    });
    const read = async (key: string): Promise<void> => {
      const body = (await put(spool, key, value))?.open({ start: 0, end: LARGE_BYTES });
      if (body instanceof Readable) readers.add(body);
    };

    for (let i = 0; i < 10; i += 1) await read(`${i}`);
    await rejectsCode(read('11'), 'STREAM_BUSY');
    assert.is(spool.size, 10);
    for (const body of readers) {
      body.destroy();
      await once(body, 'close');
    }
    await read('11');
    assert.ok(spool.size <= 5, `${spool.size} files`);

    const { bavail, bsize } = statfsSync(t.directory);
    const empty = new ValueSpool({ directory: t.directory, maxBytes: Number.MAX_VALUE });
    t.defer(empty, (one) => one.close());
    const most = async () => ({ facts: factsOf(value) });
    await rejectsCode(empty.add('a', bavail * bsize * 0.6, most), 'STREAM_BUSY');
    assert.ok(await empty.add('b', bavail * bsize * 0.4, most));
  }),
);

test(
  'add :: what fails or is gone leaves nothing open, and is tried again',
  scope(async (t) => {
    const spool = t.defer(new ValueSpool({ directory: t.directory }), (one) => one.close());
    const value = Buffer.alloc(LARGE_BYTES);

    assert.is(await spool.add('a', 1, async () => undefined), undefined);
    await rejectsCode(
      spool.add('a', 1, async () => {
        throw new DrayerError('STORAGE_FAILED', 'no');
      }),
      'STORAGE_FAILED',
    );

    assert.is(openBelow(t.directory), 0);
    assert.is(spool.size, 0);
    assert.ok(await put(spool, 'a', value));
    assert.is(openBelow(t.directory), 1);
  }),
);

test(
  'close :: who asked before is still sent what comes after',
  scope(async (t) => {
    const spool = new ValueSpool({ directory: t.directory });
    const value = randomBytes(6, 2 * LARGE_BYTES);
    const coming = put(spool, 'a', value);

    spool.close();
    const body = (await coming)?.open({ start: 0, end: value.length });

    assert.ok(body instanceof Readable);
    assert.ok((await all(body)).equals(value));
    while (openBelow(t.directory) > 0) await new Promise((resolve) => setImmediate(resolve));
  }),
);

test(
  'hold :: a large value is fetched by another thread, once for all who ask; gone is gone',
  scope(async (t) => {
    const stream = t.defer(
      createStream(t.path('a.stream'), { secretKey: KEY_A.secretKey }),
      (one) => one.close(),
    );
    const value = randomBytes(7, MB);
    stream.setBytes('blob', 'large', value);
    stream.setBytes('blob', 'small', Buffer.from('small'));
    stream.setBytes('blob', 'brief', randomBytes(8, MB));
    const reader = t.defer(openReader(stream.path), (one) => one.close());
    const values = new ValueCache({ directory: t.directory });
    t.defer(values, (one) => one.close());
    const hold = (key: string) => values.hold(reader, reader.getRecord('blob', key));

    const [small, first, second, brief] = ['small', 'large', 'large', 'brief'].map(hold);

    assert.not.type(small, 'function');
    assert.type(first, 'function');
    const held = await (first as DistantValue)();
    assert.ok(held);
    assert.is(await (second as DistantValue)(), held);
    assert.ok((await all(held.open({ start: 0, end: MB }))).equals(value));
    assert.is(hold('large'), held);
    stream.deleteBytes('blob', 'brief');
    assert.is(await (brief as DistantValue)(), undefined);
  }),
);

test(
  'hold :: where nothing can be written large values are shared in memory',
  scope(async (t) => {
    const stream = createStream(t.path('a.stream'), { secretKey: KEY_A.secretKey });
    const value = randomBytes(9, 2 * LARGE_BYTES);
    stream.setBytes('blob', 'a', value);
    stream.close();
    const reader = t.defer(openReader(stream.path), (one) => one.close());
    const values = t.defer(new ValueCache({ directory: '/nowhere/at/all' }), (one) => one.close());
    const record = reader.getRecord('blob', 'a');

    const held = await Promise.all(
      [1, 2, 3].map(() => (values.hold(reader, record) as DistantValue)()),
    );

    for (const one of held) assert.is(one, held[0]);
    assert.ok(
      (await all(held[0]?.open({ start: 1, end: value.length }) ?? value)).equals(
        value.subarray(1),
      ),
    );
  }),
);

test.run();
