import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { readMark } from '../../src/store/mark.ts';
import { createStream } from '../../src/store/open-stream.ts';
import type { Generation } from '../../src/store/reader.ts';
import type { Transaction } from '../../src/store/transaction.ts';
import { KEY_A } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { bytesOf, countingClock, newStream, openedReader, openedStream } from '../helpers/store.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('store/stream');

test(
  'Stream :: is used like a map',
  scope((t) => {
    const stream = newStream(t);

    assert.is(stream.set('b', { text: 'ä', list: [1, null, true] }), stream);
    stream.set('a', 'one').set('c', 2 ** 53 - 1);

    assert.equal(stream.get('b'), { text: 'ä', list: [1, null, true] });
    assert.is(stream.get('missing'), undefined);
    assert.equal([stream.has('a'), stream.has('missing')], [true, false]);
    assert.equal([...stream.keys()], ['a', 'b', 'c']);
    assert.equal([...stream.entries()].length, 3);
    assert.equal(Object.fromEntries(stream)['c'], 2 ** 53 - 1);
    assert.equal([stream.delete('a'), stream.delete('a')], [true, false]);
    assert.equal([...stream.keys()], ['b', 'c']);
  }),
);

test(
  'Stream :: is the same after it was closed and opened',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1).putFile('x/y.html', bytesOf('hello')).putPost('title', 'text');
    stream.close();
    stream.close();

    const again = openedStream(t);

    assert.is(again.writable, true);
    assert.is(again.id, stream.id);
    assert.is(again.get('a'), 1);
    assert.equal(Buffer.from(again.getFile('x/y.html') ?? []).toString(), 'hello');
    assert.is(again.getPost('title'), 'text');
  }),
);

test(
  'keys, entries :: come in the order of their UTF-8 bytes, of one type',
  scope((t) => {
    const stream = newStream(t);
    const keys = ['', ' ', 'A', 'Z', 'a', 'z', 'é', '\uffff', '\u{10000}', '中'];
    stream.transaction((tx) => {
      for (const key of [...keys].reverse()) tx.set(key, key).setBytes('other', key, bytesOf('x'));
    });

    const ordered = keys.sort((a, b) => Buffer.compare(bytesOf(a), bytesOf(b)));
    assert.equal([...stream.keys()], ordered);
    assert.equal(
      [...stream.entries()],
      ordered.map((key) => [key, key]),
    );
    assert.is([...stream.entries({ type: 'other' })].length, 10);
    assert.equal(
      Buffer.from([...stream.entries({ type: 'other' })][0]?.[1] as Uint8Array),
      Buffer.from('x'),
    );
  }),
);

test(
  'entries :: allows any writes meanwhile, also across pages',
  scope((t) => {
    const stream = newStream(t);
    stream.transaction((tx) => {
      for (let i = 0; i < 600; i += 1) tx.set(`k${String(i).padStart(3, '0')}`, i);
    });

    let seen = 0;
    for (const [key, value] of stream) {
      assert.is(value, seen);
      seen += 1;
      if (seen % 100 === 0) stream.delete(key);
      if (seen === 250) stream.set('k599', -1).delete('k300');
      if (seen === 300) seen += 1;
      if (seen === 599) break;
    }

    assert.is(stream.get('k599'), -1);
    assert.is([...stream.keys()].length, 600 - 5 - 1);
  }),
);

test(
  'set :: the same value again is no new generation, another timestamp is',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', { x: 1 }).setBytes('t', 'b', bytesOf('v'), { timestamp: 5 });
    const before = stream.reader.generation();

    stream
      .set('a', { x: 1 })
      .setBytes('t', 'b', bytesOf('v'))
      .setBytes('t', 'b', bytesOf('v'), { timestamp: 5 });
    stream.delete('nothing');
    stream.transaction((tx) => tx.set('new', 1).delete('new'));
    assert.is(stream.reader.generation().tip, before.tip);

    stream.setBytes('t', 'b', bytesOf('v'), { timestamp: 6 });
    assert.is(stream.reader.generation().snapshot?.seq, (before.snapshot?.seq ?? 0) + 1);
    assert.is(stream.reader.getRecord('t', 'b').timestamp, 6);
  }),
);

test(
  'transaction :: is one generation, and returns what its function returns',
  scope((t) => {
    const stream = newStream(t);
    const heard: Generation[] = [];
    stream.on('change', (generation) => heard.push(generation));

    const result = stream.transaction((tx) => {
      tx.set('a', 1).set('b', 2).putFile('f.txt', bytesOf('x')).putPost('t', 'p');
      tx.setPrimaryServers([{ type: 'http', url: 'http://example.com/' }]);
      return 'done';
    });

    assert.is(result, 'done');
    assert.is(heard.length, 1);
    assert.equal([heard[0]?.snapshot?.seq, heard[0]?.count, heard[0]?.covered], [1, 6, true]);
    assert.is(heard[0]?.snapshotRecord?.id, 1);
  }),
);

test(
  'transaction :: sees what it has done itself, nobody else does before its end',
  scope((t) => {
    const stream = newStream(t);
    const reader = openedReader(t);
    stream.set('a', 1).set('b', 1);

    stream.transaction((tx) => {
      tx.set('a', 2);
      assert.equal([tx.get('a'), tx.get('b'), tx.get('c')], [2, 1, undefined]);
      assert.is(tx.delete('b'), true);
      assert.is(tx.delete('b'), false);
      assert.equal([tx.has('a'), tx.has('b'), tx.get('b')], [true, false, undefined]);
      tx.set('b', 3);
      assert.equal([tx.has('b'), tx.get('b'), stream.get('b')], [true, 3, 1]);
      assert.is(reader.generation().snapshot?.seq, 2);
    });

    assert.equal([stream.get('a'), stream.get('b')], [2, 3]);
    assert.is(reader.generation().snapshot?.seq, 3);
  }),
);

test(
  'transaction :: changes nothing when its function throws',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1);
    const { tip } = stream.reader.generation();

    assert.throws(
      () => {
        stream.transaction((tx) => {
          tx.set('a', 2).delete('a');
          throw new RangeError('mine');
        });
      },
      (error: unknown) => error instanceof RangeError,
    );

    assert.equal([stream.get('a'), stream.reader.generation().tip], [1, tip]);
    stream.set('a', 3);
    assert.is(stream.get('a'), 3);
  }),
);

test(
  'transaction :: takes no promises, no writes around it, none after it',
  scope(async (t) => {
    const stream = newStream(t);
    let kept: Transaction | undefined;

    assert.throws(() => stream.transaction(async (tx) => tx.set('a', 1)), throwsCode('USAGE'));
    assert.throws(() => stream.transaction(() => stream.set('a', 1)), throwsCode('USAGE'));
    assert.throws(() => stream.transaction(() => stream.transaction(() => 1)), throwsCode('USAGE'));
    stream.transaction((tx) => {
      kept = tx;
    });
    assert.throws(() => kept?.set('a', 1), throwsCode('USAGE'));
    assert.throws(() => kept?.delete('a'), throwsCode('USAGE'));

    assert.is(stream.has('a'), false);
    assert.is(stream.reader.generation().tip, 0);
  }),
);

test(
  'transaction :: takes values of any size, beyond what is kept in memory',
  scope((t) => {
    const stream = newStream(t);
    const values = Array.from({ length: 5 }, (_, index) => new Uint8Array(9_000_000).fill(index));

    stream.transaction((tx) => {
      for (const [index, value] of values.entries()) tx.setBytes('big', `v${index}`, value);
      assert.is(tx.getBytes('big', 'v4')?.[8_999_999], 4);
    });

    for (const [index, value] of values.entries()) {
      assert.ok(Buffer.from(stream.getBytes('big', `v${index}`) ?? []).equals(value));
    }
  }),
);

test(
  'putFile :: refuses what is no site path',
  scope((t) => {
    const stream = newStream(t);

    for (const key of ['../x', '/x', 'a//b', '', 'a\0b', 'a/./b']) {
      assert.throws(() => stream.putFile(key, bytesOf('x')), throwsCode('PATH_INVALID'));
    }
    assert.is(stream.reader.generation().tip, 0);
  }),
);

test(
  'putFile :: content that is there already keeps its value and its time (R24)',
  scope((t) => {
    const stream = newStream(t);
    stream.putFile('a.html', bytesOf('hello'), { timeMicros: 5 });
    const { hash: before, modified } = stream.reader.getRecord('file', 'a.html');

    stream.putFile('a.html', bytesOf('hello'), { timeMicros: 6 });
    assert.is(stream.reader.getRecord('file', 'a.html').modified, modified);

    for (const content of ['hello!', 'hell', '', 'HELLO']) {
      stream.putFile('a.html', bytesOf(content), { timeMicros: 6 });
      assert.is(Buffer.from(stream.getFile('a.html') ?? []).toString(), content);
    }
    stream.setBytes('file', 'b', bytesOf('no file')).putFile('b', bytesOf('x'));
    assert.is(Buffer.from(stream.getFile('b') ?? []).toString(), 'x');
    assert.is.not(stream.reader.getRecord('file', 'a.html').hash, before);
    assert.throws(() => stream.getFile('a.html', 4), throwsCode('FILE_RECORD_INVALID'));
  }),
);

test(
  'posts :: come the newest first, also across pages, and keep their place when edited',
  scope((t) => {
    const stream = newStream(t, 'a.stream', { now: countingClock() });
    stream.transaction((tx) => {
      for (let i = 0; i < 250; i += 1) tx.putPost(`post ${i}`, `text ${i}`, { timestamp: i });
    });
    stream.putPost('post 3', 'edited', { timestamp: 1000 });
    stream.deletePost('post 100');

    const posts = [...stream.posts()];

    assert.is(posts.length, 249);
    assert.equal(posts[0], { title: 'post 249', text: 'text 249', timestamp: 249 });
    assert.equal(posts[245], { title: 'post 3', text: 'edited', timestamp: 1000 });
    assert.equal([...newStream(t, 'b.stream').posts()], []);
  }),
);

test(
  'commit :: takes values by their hash: prepared, handed in, or already in the stream',
  scope((t) => {
    const stream = newStream(t);
    const [a, b, c] = ['aaa', 'bbb', 'ccc'].map((text) => bytesOf(text.repeat(1000))) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    stream.setBytes('file', 'old name', c).setBytes('file', 'stays', bytesOf('s'));
    stream.prepareValue(hash(a), a);

    const generation = stream.commit(
      {
        puts: [
          { type: 'file', key: 'a', hash: hash(a), timestamp: 7 },
          { type: 'file', key: 'a again', hash: hash(a) },
          { type: 'file', key: 'b', hash: hash(b) },
          { type: 'file', key: 'new name', hash: hash(c) },
          { type: 'file', key: 'copy', hash: hash(bytesOf('s')) },
        ],
        deletes: [
          { type: 'file', key: 'old name' },
          { type: 'file', key: 'never was' },
        ],
      },
      (wanted) => (Buffer.compare(wanted, hash(b)) === 0 ? b : undefined),
    );

    assert.is(generation.count, 7);
    assert.ok(Buffer.from(stream.getBytes('file', 'a again') ?? []).equals(a));
    assert.ok(Buffer.from(stream.getBytes('file', 'b') ?? []).equals(b));
    assert.ok(Buffer.from(stream.getBytes('file', 'new name') ?? []).equals(c));
    assert.is(Buffer.from(stream.getBytes('file', 'copy') ?? []).toString(), 's');
    assert.is(stream.reader.getRecord('file', 'a').timestamp, 7);
  }),
);

test(
  'commit :: two records that change places keep both values',
  scope((t) => {
    const stream = newStream(t);
    const [one, two] = [bytesOf('one'), bytesOf('two')];
    stream.setBytes('file', 'a', one).setBytes('file', 'b', two);

    stream.commit({
      puts: [
        { type: 'file', key: 'a', hash: hash(two) },
        { type: 'file', key: 'b', hash: hash(one) },
      ],
      deletes: [],
    });

    assert.is(Buffer.from(stream.getBytes('file', 'a') ?? []).toString(), 'two');
    assert.is(Buffer.from(stream.getBytes('file', 'b') ?? []).toString(), 'one');
  }),
);

test(
  'commit :: a value that is nowhere changes nothing',
  scope((t) => {
    const stream = newStream(t);
    stream.set('a', 1);
    const { tip } = stream.reader.generation();
    const put = { type: 'file', key: 'x', hash: hash(bytesOf('x')) };

    assert.throws(
      () => stream.commit({ puts: [put], deletes: [{ type: 'obj', key: 'a' }] }),
      throwsCode('VALUE_NOT_HELD'),
    );

    assert.equal([stream.reader.generation().tip, stream.get('a')], [tip, 1]);
    assert.equal(stream.reader.prove('obj', 'a').record?.key, 'a');
  }),
);

test(
  'Stream :: goes on where it is when the program goes to another folder',
  scope((t) => {
    const before = process.cwd();
    t.defer(before, (folder) => process.chdir(folder));
    mkdirSync(t.path('elsewhere'));
    process.chdir(t.path('.'));
    const stream = t.defer(createStream('a.stream'), (it) => it.close());
    stream.set('old', 'x'.repeat(10_000));

    process.chdir(t.path('elsewhere'));
    stream.delete('old');
    const large = new Uint8Array(700_000).fill(7);
    stream.setBytes('file', 'large', large);
    const { tip } = stream.reader.generation();
    stream.close();

    assert.equal(readdirSync('.'), []);
    assert.is(readMark(t.path('a.stream.mark'))?.modified, tip);
    assert.not(readFileSync(t.path('a.stream')).includes('x'.repeat(100)));
  }),
);

test(
  'prepareValue :: what is prepared survives the transactions of others and a failed commit',
  scope((t) => {
    const stream = newStream(t);
    const value = bytesOf('prepared');
    const missing = { type: 'file', key: 'y', hash: hash(bytesOf('y')) };
    const put = { type: 'file', key: 'x', hash: hash(value) };
    stream.prepareValue(put.hash, value);

    stream.set('between', 1);
    assert.throws(
      () => stream.commit({ puts: [put, missing], deletes: [] }),
      throwsCode('VALUE_NOT_HELD'),
    );
    stream.commit({ puts: [put], deletes: [] });

    assert.is(Buffer.from(stream.getBytes('file', 'x') ?? []).toString(), 'prepared');
    stream.prepareValue(missing.hash, bytesOf('y'));
    stream.discardPrepared();
    assert.throws(
      () => stream.commit({ puts: [missing], deletes: [] }),
      throwsCode('VALUE_NOT_HELD'),
    );
  }),
);

test(
  'on :: tells of each generation once, until it is ended; refresh finds those of others',
  scope((t) => {
    const stream = newStream(t);
    const other = openedStream(t);
    const heard: (number | undefined)[] = [];
    const end = stream.on('change', ({ snapshot }) => heard.push(snapshot?.seq));

    stream.set('a', 1).set('a', 1).set('a', 2);
    stream.refresh();
    other.set('b', 1);
    assert.equal(heard, [1, 2]);
    assert.is(stream.refresh().snapshot?.seq, 3);
    stream.refresh();
    assert.equal(heard, [1, 2, 3]);
    other.set('b', 2);
    stream.set('a', 3);
    assert.equal(heard, [1, 2, 3, 5]);

    end();
    stream.set('a', 4);
    assert.equal(heard, [1, 2, 3, 5]);
    assert.throws(() => stream.on('changed' as 'change', () => undefined), throwsCode('USAGE'));
  }),
);

test(
  'createStream :: makes a stream and its key once',
  scope((t) => {
    newStream(t).set('a', 1);

    assert.equal(
      readdirSync(t.directory).filter((name) => !/-(wal|shm)$/.test(name)),
      ['a.stream', 'a.stream.mark', 'a.stream.privatekey'],
    );
    assert.throws(() => newStream(t), throwsCode('STREAM_EXISTS'));
    assert.throws(() => newStream(t, 'no/such.stream'), throwsCode('DIRECTORY_NOT_FOUND'));
    assert.throws(() => newStream(t, 'spaced.stream '), throwsCode('PATH_INVALID'));
    writeFileSync(t.path('b.stream'), 'something else');
    assert.throws(() => newStream(t, 'b.stream'), throwsCode('STREAM_EXISTS'));
    assert.is(existsSync(t.path('b.stream.privatekey')), false);
  }),
);

test(
  'createStream :: uses a key that has signed nothing yet, never one that has',
  scope((t) => {
    const stream = newStream(t);
    stream.close();
    rmSync(stream.path);

    const again = newStream(t);
    assert.is(again.id, stream.id);
    again.set('a', 1);
    again.close();
    rmSync(again.path);

    assert.throws(() => newStream(t), throwsCode('STREAM_BEHIND_MARK'));
  }),
);

test(
  'createStream :: without snapshots, makes none, also when opened again',
  scope((t) => {
    newStream(t, 'a.stream', { snapshots: false }).set('a', 1).close();

    const again = openedStream(t);
    again.set('b', 2).delete('a');

    assert.equal(
      [again.reader.generation().count, again.reader.generation().snapshot],
      [1, undefined],
    );
    assert.is(again.reader.getRecord('obj', 'b').id, 2);
    assert.throws(() => again.reader.prove('obj', 'b'), throwsCode('RECORD_NOT_FOUND'));
  }),
);

test(
  'openStream :: without the key reads and refuses to write',
  scope((t) => {
    newStream(t, 'a.stream', { secretKey: KEY_A.secretKey }).set('a', 1).close();

    const reading = openedStream(t);

    assert.equal([reading.get('a'), reading.writable], [1, false]);
    assert.throws(() => reading.set('a', 2), throwsCode('STREAM_READ_ONLY'));
    assert.throws(
      () => reading.prepareValue(hash(bytesOf('')), bytesOf('')),
      throwsCode('STREAM_READ_ONLY'),
    );
    assert.throws(
      () => openedStream(t, 'a.stream', { secretKey: new Uint8Array(63) }),
      throwsCode('KEY_INVALID'),
    );
    assert.throws(() => openedStream(t, 'missing'), throwsCode('STREAM_NOT_FOUND'));
  }),
);

test(
  'openStream :: a generation can be given a lifetime',
  scope((t) => {
    const now = (): number => 1_700_000_000_000_000;
    const stream = newStream(t, 'a.stream', { now, lifetimeMicros: 1_000_000 });

    stream.set('a', 1);

    assert.is(stream.reader.generation().snapshot?.exp, now() + 1_000_000);
    assert.is(stream.reader.generation().snapshot?.time, now());
  }),
);

test(
  'renewSnapshot :: makes a new snapshot when half of its lifetime is over (R20)',
  scope((t) => {
    let time = 1_700_000_000_000_000;
    const now = (): number => time;
    const stream = newStream(t, 'a.stream', { now, lifetimeMicros: 1000 });
    assert.is(stream.renewSnapshot(), false);
    stream.set('a', 1);
    const { snapshot: first } = stream.reader.generation();
    assert.ok(first);

    time += 500;
    assert.is(stream.renewSnapshot(), false);
    time += 1;
    assert.is(stream.renewSnapshot(), true);
    assert.is(stream.renewSnapshot(), false);

    const { snapshot, covered, count } = stream.reader.generation();
    assert.equal([snapshot?.seq, snapshot?.exp, covered, count], [2, time + 1000, true, 2]);
    assert.equal([snapshot?.root, snapshot?.previous], [first.root, first.root]);
    stream.close();
    const again = openedStream(t, 'a.stream', { now });
    time += 1000;
    assert.is(again.renewSnapshot(), true, 'the lifetime is kept in the file');
    again.set('b', 1);
    assert.is(again.reader.generation().snapshot?.exp, time + 1000);
    again.close();
    const forever = openedStream(t, 'a.stream', { now, lifetimeMicros: 0 });
    time += 1_000_000;
    assert.is(forever.renewSnapshot(), false);
    forever.close();
    assert.is(openedStream(t, 'a.stream', { now }).renewSnapshot(), false, 'and so is none');
  }),
);

test(
  'Stream :: works with a clock that stands still, runs backwards or sits in 2099 (R9)',
  scope((t) => {
    const times = [4_000_000_000_000_000, 5, 5, 5, 1_700_000_000_000_000, 1];
    const stream = newStream(t, 'a.stream', { now: () => times.shift() ?? 3 });

    for (let i = 0; i < 6; i += 1) stream.set(`k${i % 3}`, i);
    stream.delete('k0');

    const { tip, covered, snapshot } = stream.reader.generation();
    assert.ok(tip > 4_000_000_000_000_000);
    assert.equal([covered, snapshot?.seq, snapshot?.count], [true, 7, 2]);
  }),
);

test.run();
