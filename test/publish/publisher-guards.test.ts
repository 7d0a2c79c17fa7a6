import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { publishDirectory } from '../../src/publish/publisher.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { KEY_A } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { newStream, openedStream } from '../helpers/store.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('publish/publisher: guards');
const SITE = { 'index.html': '<h1>hello</h1>', 'a/b.css': 'p {}', 'img/c.png': 'not really' };

test(
  'publishDirectory :: an emptied directory does not empty the stream',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    await publishDirectory(root, stream);
    rmSync(root, { recursive: true });
    mkdirSync(root);

    await rejectsCode(publishDirectory(root, stream), 'MASS_DELETE');

    assert.is(stream.reader.listByType('file', { order: 'id', limit: 9 }).length, 3);
    const report = await publishDirectory(root, stream, { allowMassDelete: true });
    assert.is(report.removed.length, 3);
    assert.equal(stream.reader.listByType('file', { order: 'id', limit: 9 }), []);
  }),
);

test(
  'publishDirectory :: more than half of the files and more than ten do not go unasked',
  scope(async (t) => {
    const files = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}.txt`, 'x']));
    const cases: [before: number, after: number, isRefused: boolean][] = [
      [20, 9, true],
      [22, 11, false],
      [12, 2, false],
      [12, 1, true],
    ];
    for (const [before, after, isRefused] of cases) {
      const name = `${before}-${after}`;
      const stream = newStream(t, `${name}.stream`);
      await publishDirectory(writeSite(t.path(name, 'old'), files(before)), stream);

      const publishing = publishDirectory(writeSite(t.path(name, 'new'), files(after)), stream);

      if (isRefused) await rejectsCode(publishing, 'MASS_DELETE');
      else assert.is((await publishing).removed.length, before - after, name);
    }
  }),
);

test(
  'publishDirectory :: a dry run is refused where the publish would be: behind the mark of the key',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const first = newStream(t);
    await publishDirectory(root, first);
    first.close();
    copyFileSync(first.path, t.path('backup'));
    writeSite(root, { 'new.html': 'x' });
    const second = openedStream(t);
    await publishDirectory(root, second);
    second.close();
    copyFileSync(t.path('backup'), first.path);
    const restored = openedStream(t);

    await rejectsCode(publishDirectory(root, restored, { dryRun: true }), 'STREAM_BEHIND_MARK');
    await rejectsCode(publishDirectory(root, restored), 'STREAM_BEHIND_MARK');
  }),
);

test(
  'publishDirectory :: an empty directory into an empty stream is nothing to do',
  scope(async (t) => {
    mkdirSync(t.path('site'));
    const stream = newStream(t);

    const report = await publishDirectory(t.path('site'), stream);

    assert.is(report.wrote, false);
    assert.is(stream.reader.generation().count, 0);
  }),
);

test(
  'publishDirectory :: a file with the private key in it, in any spelling, stops everything',
  scope(async (t) => {
    const stream = newStream(t);
    const key = readFileSync(`${stream.path}.privatekey`, 'utf8');
    const bytes = Buffer.from(key, 'base64');
    const seed = bytes.subarray(0, 32);
    const spellings: [string, string | Uint8Array][] = [
      ['the key file', key],
      ['inside a page', `<pre>${key}</pre>`],
      ['base64url', bytes.toString('base64url')],
      ['the seed in base64', seed.toString('base64')],
      ['hex', bytes.toString('hex')],
      ['HEX', seed.toString('hex').toUpperCase()],
      ['raw', Buffer.concat([Buffer.from('x'), bytes])],
      ['raw seed', seed],
    ];
    for (const [name, content] of spellings) {
      const root = writeSite(t.path(name), { ...SITE, 'z.html': content });

      const error = await rejectsCode(publishDirectory(root, stream), 'SECRET_IN_SITE');

      assert.match(error.message, 'z.html');
      assert.not.match(error.message, seed.toString('base64'));
      assert.is(stream.reader.generation().count, 0, name);
    }
  }),
);

test(
  "publishDirectory :: another stream's key file stops everything, whatever its name",
  scope(async (t) => {
    const stream = newStream(t);
    const key = Buffer.from(KEY_A.secretKey);
    const spellings = {
      'as it is': key.toString('base64'),
      'with white space': `\n  ${key.toString('base64')}\r\n\n`,
      base64url: key.toString('base64url'),
    };
    for (const [name, content] of Object.entries(spellings)) {
      const root = writeSite(t.path(name), { ...SITE, 'notes.txt': content });

      const error = await rejectsCode(publishDirectory(root, stream), 'SECRET_IN_SITE');

      assert.match(error.message, 'notes.txt: it is the private key of a stream');
      assert.is(stream.reader.generation().count, 0, name);
    }
  }),
);

test(
  'publishDirectory :: 64 other bytes in base64, a signature for example, are no key',
  scope(async (t) => {
    const stream = newStream(t);
    const signature = Buffer.alloc(64, 7).toString('base64');
    const root = writeSite(t.path('site'), { 'a.sig': signature });

    assert.equal((await publishDirectory(root, stream)).added, ['a.sig']);
  }),
);

test(
  'publishDirectory :: the public key may be published',
  scope(async (t) => {
    const stream = newStream(t);
    const root = writeSite(t.path('site'), { 'key.txt': stream.id });

    assert.equal((await publishDirectory(root, stream)).added, ['key.txt']);
  }),
);

test(
  'publishDirectory :: a key that is not beside the stream is looked for too',
  scope(async (t) => {
    const { secretKey } = KEY_A;
    const stream = newStream(t, 'a.stream', { secretKey });
    const root = writeSite(t.path('site'), { 'k.txt': Buffer.from(secretKey).toString('base64') });

    await rejectsCode(publishDirectory(root, stream, { secretKey }), 'SECRET_IN_SITE');
  }),
);

test(
  'publishDirectory :: the limit is the largest file that passes; a larger one stops everything',
  scope(async (t) => {
    const stream = newStream(t);
    const root = writeSite(t.path('site'), { ...SITE, 'large.bin': 'x'.repeat(1000) });

    const error = await rejectsCode(
      publishDirectory(root, stream, { maxFileBytes: 999 }),
      'TOO_LARGE',
    );

    assert.match(error.message, 'large.bin: expected at most 999 bytes, got 1000');
    assert.is(stream.reader.generation().count, 0);
    assert.is((await publishDirectory(root, stream, { maxFileBytes: 1000 })).added.length, 4);
  }),
);

test(
  'publishDirectory :: names one disk could not keep apart stop everything',
  scope(async (t) => {
    const clashes: [string, string][] = [
      ['README', 'readme'],
      ['straße.html', 'STRASSE.html'],
      ['u\u0308', '\u00fc'],
      ['docs', 'DOCS/a.html'],
    ];
    for (const [index, names] of clashes.entries()) {
      const files = Object.fromEntries(names.map((name) => [name, 'x']));
      const root = writeSite(t.path(`site-${index}`), files);
      const stream = newStream(t, `${index}.stream`);

      await rejectsCode(publishDirectory(root, stream), 'PATH_INVALID');

      assert.is(stream.reader.generation().count, 0);
    }
  }),
);

test(
  'publishDirectory :: every file that cannot be published is listed',
  scope(async (t) => {
    const stream = newStream(t);
    const root = writeSite(t.path('site'), { ...SITE, 'a\\b': 'x', 'c\nd': 'x' });

    const error = await rejectsCode(publishDirectory(root, stream), 'PATH_INVALID');

    assert.match(error.message, 'nothing was published because of 2 files');
    assert.match(error.message, 'no backslash');
    assert.match(error.message, 'no control characters');
  }),
);

test(
  'publishDirectory :: a file that cannot be read stops everything',
  scope(async (t) => {
    const stream = newStream(t);
    const root = writeSite(t.path('site'), SITE);
    // Vanished between the walk and the reading, which a signal's listener can bring about.
    const report = publishDirectory(root, stream, {
      threads: 1,
      onProgress: ({ files }) => {
        if (files === 1) rmSync(root, { recursive: true });
      },
    });

    const error = await rejectsCode(report, 'FILE_CHANGING');

    assert.match(error.message, 'it disappeared');
    assert.is(stream.reader.generation().count, 0);
  }),
);

test.run();
