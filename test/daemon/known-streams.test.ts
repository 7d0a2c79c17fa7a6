import { mkdir, writeFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Config } from '../../src/config/load-config.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { findStream, type KnownStream, listKnownStreams } from '../../src/daemon/known-streams.ts';
import { streamPathOf } from '../../src/publish/site-directory.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('daemon/known-streams');

function makeStream(path: string): Uint8Array {
  const stream = createStream(path);
  const { publicKey } = stream;
  stream.close();
  return publicKey;
}

function config(t: Scope, streams: Config['streams']): Config {
  return { file: t.path('drayer.config.ts'), root: t.directory, streams };
}

function own(t: Scope, name: string): KnownStream {
  const directory = t.path(name);
  return { path: streamPathOf(directory), name, directory, keyFile: undefined };
}

test(
  'listKnownStreams :: the config first, then the mirrors; halves of files are none',
  scope(async (t) => {
    await mkdir(t.path('data'));
    for (const name of ['b.stream', 'a.stream', 'c.stream.part', 'a.stream-wal', 'notes.txt']) {
      await writeFile(t.path('data', name), '');
    }
    const streams = [
      { directory: t.path('site'), path: undefined, keyFile: undefined, name: 'site' },
      { directory: undefined, path: t.path('x.stream'), keyFile: t.path('k'), name: 'ex' },
    ];

    const known = await listKnownStreams(config(t, streams), t.path('data'));

    assert.equal(
      known.map(({ path, name, keyFile }) => [path, name, keyFile]),
      [
        [t.path('site.stream'), 'site', undefined],
        [t.path('x.stream'), 'ex', t.path('k')],
        [t.path('data', 'a.stream'), undefined, undefined],
        [t.path('data', 'b.stream'), undefined, undefined],
      ],
    );
  }),
);

test(
  'listKnownStreams :: without a config, the streams of the folder come first',
  scope(async (t) => {
    await mkdir(t.path('data'));
    for (const path of [t.path('site.stream'), t.path('data', 'm.stream')])
      await writeFile(path, '');
    const none = { file: undefined, root: t.directory, streams: [] };

    const known = await listKnownStreams(none, t.path('data'));
    const same = await listKnownStreams(none, t.directory);

    assert.equal(
      known.map(({ path, name }) => [path, name]),
      [
        [t.path('site.stream'), 'site'],
        [t.path('data', 'm.stream'), undefined],
      ],
    );
    assert.is((await findStream(undefined, known)).name, 'site');
    assert.is(same.length, 1);
    assert.is((await listKnownStreams(config(t, []), t.path('data'))).length, 1);
  }),
);

test(
  'listKnownStreams :: a data folder that is not there yet holds nothing',
  scope(async (t) => {
    assert.equal(await listKnownStreams(config(t, []), t.path('none')), []);
  }),
);

test(
  'findStream :: by file, folder, name and id in any spelling',
  scope(async (t) => {
    await mkdir(t.path('site'));
    const publicKey = makeStream(t.path('site.stream'));
    makeStream(t.path('other.stream'));
    const known = [{ ...own(t, 'site'), name: 'home' }, own(t, 'other')];

    for (const text of [
      t.path('site.stream'),
      t.path('site'),
      `${t.path('site')}/`,
      'home',
      formatStreamId(publicKey),
      formatStreamId(publicKey, 'base64url'),
      formatStreamId(publicKey, 'base32'),
      formatStreamId(publicKey, 'words'),
    ]) {
      assert.is((await findStream(text, known)).name, 'home', text);
    }
  }),
);

test(
  'findStream :: a folder and a file that no config knows',
  scope(async (t) => {
    await mkdir(t.path('site'));
    makeStream(t.path('site.stream'));

    assert.equal(await findStream(t.path('site'), []), own(t, 'site'));
    assert.equal(await findStream(t.path('site.stream'), []), {
      path: t.path('site.stream'),
      name: 'site',
      directory: undefined,
      keyFile: undefined,
    });
  }),
);

test(
  'findStream :: without a name the only one that exists is meant',
  scope(async (t) => {
    makeStream(t.path('b.stream'));

    assert.is((await findStream(undefined, [own(t, 'a'), own(t, 'b')])).name, 'b');
  }),
);

test(
  'findStream :: without a name several are a question that lists them',
  scope(async (t) => {
    makeStream(t.path('a.stream'));
    makeStream(t.path('b.stream'));

    const mirrors = ['a', 'b'].map((name) => ({ ...own(t, name), name: undefined }));
    for (const known of [mirrors, [own(t, 'a'), own(t, 'b')]]) {
      const error = await rejectsCode(findStream(undefined, known), 'INPUT_NEEDED');

      assert.is(error.message, 'which one of 2 streams?');
      assert.is((error as { hint?: string }).hint, 'name one: a, b');
    }
    // An own one comes before mirrors.
    const [, b] = mirrors;
    assert.is((await findStream(undefined, [own(t, 'a'), ...(b ? [b] : [])])).name, 'a');
  }),
);

test(
  'findStream :: what is not published yet says how to publish it',
  scope(async (t) => {
    await mkdir(t.path('site'));

    for (const find of [findStream(undefined, [own(t, 'site')]), findStream(t.path('site'), [])]) {
      const error = await rejectsCode(find, 'STREAM_NOT_FOUND');
      assert.match(error.message, 'not published yet');
      assert.is((error as { hint?: string }).hint, `drayer publish ${t.path('site')}`);
    }
  }),
);

test(
  'findStream :: nothing at all, and a name that is nothing',
  scope(async (t) => {
    const none = await rejectsCode(findStream(undefined, []), 'STREAM_NOT_FOUND');
    assert.is(none.message, 'there is no stream here yet');

    const known = [own(t, 'a')];
    const wrong = await rejectsCode(findStream('tpyo', known), 'STREAM_NOT_FOUND');
    assert.is(wrong.message, 'tpyo: no such stream, file or folder');
    assert.is((wrong as { hint?: string }).hint, 'there are a');
    await rejectsCode(findStream('x'.repeat(5000), known), 'STREAM_NOT_FOUND');
  }),
);

test(
  'findStream :: a damaged neighbour does not stand in the way of an id',
  scope(async (t) => {
    await writeFile(t.path('a.stream'), 'no stream at all, only text');
    const publicKey = makeStream(t.path('b.stream'));

    const found = await findStream(formatStreamId(publicKey), [own(t, 'a'), own(t, 'b')]);

    assert.is(found.name, 'b');
  }),
);

test.run();
