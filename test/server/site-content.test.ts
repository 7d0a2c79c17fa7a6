/** Files that have to be inflated: no part of a long one is inflated for twice, and a bomb but once. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFile } from '../../src/files/file-record.ts';
import { createApp } from '../../src/server/app.ts';
import { type HeldFile, holdInMemory } from '../../src/server/held-bytes.ts';
import { listen } from '../../src/server/listen.ts';
import { SiteContents } from '../../src/server/site-content.ts';
import { openStreamSet } from '../../src/server/stream-set.ts';
import { ValueSpool } from '../../src/server/value-spool.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { StreamReader } from '../../src/store/reader.ts';
import { KEY_A } from '../helpers/keys.ts';
import { rawGet } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('server/site-content');

const MB = 1024 * 1024;

/** A file, and how often its gzip data was begun with. */
function counted(content: Uint8Array): { file: HeldFile; begun: () => number } {
  const value = encodeFile(content, { timeMicros: 1 });
  return countedOf(holdInMemory(value).file());
}

function countedOf(file: HeldFile): { file: HeldFile; begun: () => number } {
  let begun = 0;
  const open: HeldFile['gzip']['open'] = (range) => {
    if (range.start === 0) begun += 1;
    return file.gzip.open(range);
  };
  return { file: { ...file, gzip: { ...file.gzip, open } }, begun: () => begun };
}

function openContents(t: Scope, directory = t.directory): SiteContents {
  return new SiteContents(t.defer(new ValueSpool({ directory }), (one) => one.close()));
}

const HASH = new Uint8Array(32);

test(
  'open :: a hundred ranges of a long file cost what one costs, also all at once',
  scope(async (t) => {
    // Too much gzip data to be tried at once.
    const noise = randomBytes(50_000);
    const content = Buffer.concat([noise, Buffer.alloc(3 * MB, 'prose '), Buffer.from('the end')]);
    const { file, begun } = counted(content);
    const contents = openContents(t);

    const ask = async (): Promise<string> => {
      const held = await contents.open({ id: 'a', hash: HASH, file });
      return String(held.open({ start: held.size - 7, end: held.size }));
    };
    const ends = await Promise.all(Array.from({ length: 50 }, ask));
    for (let i = 0; i < 50; i += 1) ends.push(await ask());

    assert.equal(new Set(ends), new Set(['the end']));
    // Once to see how long it is, once to keep it.
    assert.is(begun(), 2);
  }),
);

test(
  'open :: a bomb is found out once, and damaged data too',
  scope(async (t) => {
    const contents = openContents(t);
    const bomb = counted(Buffer.alloc(65 * MB));
    const whole = holdInMemory(encodeFile(Buffer.alloc(MB, 'prose '), { timeMicros: 1 })).file();
    const gzip = whole.gzip.open({ start: 0, end: whole.gzip.size - 9 }) as Uint8Array;
    const cut = countedOf({
      ...whole,
      gzip: {
        ...whole.gzip,
        size: gzip.length,
        open: ({ start, end }) => gzip.subarray(start, end),
      },
    });
    const other = new Uint8Array(32).fill(1);

    for (let i = 0; i < 5; i += 1) {
      await rejectsCode(
        contents.open({ id: 'a', hash: HASH, file: bomb.file }),
        'FILE_RECORD_INVALID',
      );
      await rejectsCode(
        contents.open({ id: 'a', hash: other, file: cut.file }),
        'FILE_RECORD_INVALID',
      );
    }

    assert.is(bomb.begun(), 1);
    // What is short is tried at once first.
    assert.ok(cut.begun() <= 2, `${cut.begun()} times`);
  }),
);

test(
  'open :: two are inflated at a time; who asks for one too many is told, and may come again',
  scope(async (t) => {
    const contents = openContents(t);
    let running = 0;
    let most = 0;
    const one = holdInMemory(encodeFile(Buffer.alloc(MB / 2, 'prose '), { timeMicros: 1 })).file();
    const open = (): Readable => {
      running += 1;
      most = Math.max(most, running);
      const body = Readable.from([one.gzip.open({ start: 0, end: one.gzip.size })]);
      return body.once('close', () => {
        running -= 1;
      });
    };
    const file: HeldFile = { ...one, gzip: { ...one.gzip, size: 1e6, open } };
    const hashOf = (i: number): Uint8Array => Uint8Array.from({ length: 32 }, () => i);
    const ask = async (i: number): Promise<void> => {
      await contents.open({ id: 'a', hash: hashOf(i), file });
    };

    const asked = Array.from({ length: 130 }, (_, i) => ask(i));
    await rejectsCode(ask(200), 'STREAM_BUSY');
    await Promise.all(asked);
    await ask(200);

    assert.is(most, 2);
  }),
);

test(
  'sendSiteFile :: what is large is never read on the thread that answers',
  scope(async (t) => {
    const stream = createStream(t.path('a.stream'), { secretKey: KEY_A.secretKey });
    const film = Buffer.alloc(5 * MB, 'film ');
    const put = (name: string, stored: boolean): void => {
      stream.setBytes('file', name, encodeFile(film, { timeMicros: 1_000_000, stored }));
    };
    put('film.mp4', true);
    for (let i = 0; i < 3; i += 1) {
      const part = Buffer.concat([film, Buffer.from(`${i}`)]);
      stream.setBytes('file', `${i}.mp4`, encodeFile(part, { timeMicros: 1, stored: true }));
    }
    stream.setBytes('file', 'index.html', encodeFile(Buffer.from('page'), { timeMicros: 1 }));
    stream.close();
    const streams = t.defer(openStreamSet([{ path: stream.path }]), (set) => set.close());
    const app = createApp({ streams, site: KEY_A.publicKey });
    const { port } = t.defer(await listen(app, { port: 0 }), (one) => one.close());
    const lengths: number[] = [];
    const { readValue } = StreamReader.prototype;
    t.defer(readValue, (before) => {
      StreamReader.prototype.readValue = before;
    });
    StreamReader.prototype.readValue = function (record) {
      const value = readValue.call(this, record);
      lengths.push(value?.length ?? 0);
      return value;
    };

    const asked = ['film.mp4', 'film.mp4', '0.mp4', '1.mp4', '2.mp4'].map((name) =>
      rawGet(port, `/${name}`, { headers: ['Range: bytes=-6'] }),
    );
    assert.is((await rawGet(port, '/')).body.toString(), 'page');
    const ends = (await Promise.all(asked)).map(({ body }) => body.toString());

    assert.equal(ends, [' film ', ' film ', 'film 0', 'film 1', 'film 2']);
    assert.ok(lengths.length > 0);
    assert.ok(Math.max(...lengths) < 1000, `${lengths}`);
  }),
);

test.run();
