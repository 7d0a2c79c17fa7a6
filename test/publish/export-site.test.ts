/** Exporting a site that somebody else made: every file where it belongs, or no file at all (T106). */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFile } from '../../src/files/file-record.ts';
import { findExportFaults, findNameFault } from '../../src/publish/export-names.ts';
import { type ExportReport, exportSite } from '../../src/publish/export-site.ts';
import { publishDirectory } from '../../src/publish/publisher.ts';
import { openReader } from '../../src/store/open-reader.ts';
import type { Stream } from '../../src/store/stream.ts';
import { readFolder } from '../helpers/fetch-site.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { newStream, rawDatabase } from '../helpers/store.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('publish/export-site');

const content = (text: string): Uint8Array => new TextEncoder().encode(text);
const value = (text: string): Uint8Array => encodeFile(content(text), { timeMicros: 1e15 });

/** A stream with files under any keys at all, as another program may write them. */
function streamOf(t: Scope, keys: readonly string[]): Stream {
  const stream = newStream(t);
  stream.transaction((tx) => {
    for (const key of keys) tx.setBytes('file', key, value(key));
  });
  return stream;
}

async function exported(
  t: Scope,
  stream: Stream,
  name = 'out',
  options = {},
): Promise<ExportReport> {
  const reader = openReader(stream.path);
  try {
    return await exportSite(reader, t.path(name), options);
  } finally {
    reader.close();
  }
}

/** What lies in the test's folder besides the stream. */
function rest(t: Scope): string[] {
  return readdirSync(t.directory).filter((name) => !name.startsWith('a.'));
}

test(
  'exportSite :: a folder that was published comes back, byte for byte, with its times',
  scope(async (t) => {
    mkdirSync(t.path('site', 'deep', 'er'), { recursive: true });
    for (const [name, text] of [
      ['index.html', '<h1>'],
      ['deep/er/x.txt', 'x'.repeat(100_000)],
      ['deep/empty', ''],
      ['deep/größe ü?.txt', 'ü'],
      ['photo.jpg', String.fromCharCode(...Array(2000).keys())],
    ] as const) {
      writeFileSync(t.path('site', name), text);
      utimesSync(t.path('site', name), 1_600_000_000.25, 1_600_000_000.25);
    }
    const stream = newStream(t);
    await publishDirectory(t.path('site'), stream);

    const report = await exported(t, stream);

    assert.equal(readFolder(t.path('out')), readFolder(t.path('site')));
    assert.equal([report.files, report.generation.snapshot?.seq], [5, 1]);
    assert.is(statSync(t.path('out', 'deep', 'er', 'x.txt')).mtimeMs, 1_600_000_000_250);
    assert.is(statSync(t.path('out')).mode & 0o777, 0o777 & ~process.umask());
    assert.equal(rest(t).sort(), ['out', 'site']);
  }),
);

const UNSAFE: readonly string[] = [
  '../evil',
  'a/../../evil',
  '/etc/passwd',
  './x',
  'a//b',
  'a/',
  '..',
  '.',
  '',
  'a\\..\\..\\evil',
  'C:\\evil',
  'C:evil',
  '\\\\server\\share\\evil',
  '//server/share/evil',
  'index.html:hidden',
  'a\u0000b',
  'a\nb',
  'a\u001b[2Jb',
  'a.',
  'a ',
  'a./b',
  'a /b',
  '...',
  'con',
  'CON.txt',
  'a/Nul',
  'com1.html',
  'LPT\u00b9',
  'aux .txt',
  '.git/config',
  '.GIT/hooks/pre-commit',
  '.g\u200cit/config',
  'sub/.git',
  'GIT~1/config',
  `${'n'.repeat(256)}`,
  `${'ü'.repeat(128)}`,
  `${'a/'.repeat(2048)}b`,
];

for (const key of UNSAFE) {
  test(
    `exportSite :: refuses ${JSON.stringify(key.slice(0, 30))}, and writes nothing`,
    scope(async (t) => {
      const stream = streamOf(t, ['good.html', key]);

      const error = await rejectsCode(exported(t, stream), 'PATH_INVALID');

      assert.match(error.message, 'nothing was written because of a file');
      assert.equal(rest(t), []);
      const { files, skipped } = await exported(t, stream, 'out', { skipUnsafe: true });
      assert.equal([files, skipped.map((fault) => fault.key)], [1, [key]]);
      assert.equal(readFolder(t.path('out')), new Map([['good.html', Buffer.from('good.html')]]));
      assert.equal(rest(t), ['out'], 'nothing outside of it');
    }),
  );
}

test('findNameFault :: leaves ordinary names alone', () => {
  for (const key of [
    'index.html',
    '.well-known/security.txt',
    '.gitignore',
    'a b/c.tar.gz',
    'console.js',
    'com10.html',
    'auxiliary',
    'ü/日本語.html',
    '-rf',
    '~',
    '$HOME',
    'a..b',
    '.hidden',
    'git',
  ]) {
    assert.is(findNameFault(key), undefined, key);
  }
});

const CLASHES: readonly (readonly string[])[] = [
  ['README', 'readme'],
  ['straße', 'STRASSE'],
  ['\ufb01le', 'file'],
  ['Ünder', 'u\u0308nder'],
  ['a', 'a/b'],
  ['A', 'a/b/c'],
  ['x\u200by', 'xy'],
];

for (const keys of CLASHES) {
  test(`findExportFaults :: refuses both of ${JSON.stringify(keys)}`, () => {
    const faults = findExportFaults(['other', ...keys]);

    assert.equal(new Set(faults.map(({ key }) => key)), new Set(keys));
  });
}

test('findExportFaults :: files that share a folder, or a beginning, do not clash', () => {
  assert.equal(findExportFaults(['a/b', 'a/c', 'a.b', 'ab', 'A/d']), []);
});

test(
  'exportSite :: into what is there already writes nothing, into an empty folder it does',
  scope(async (t) => {
    const stream = streamOf(t, ['index.html', 'x/y']);
    mkdirSync(t.path('full'));
    writeFileSync(t.path('full', '.hidden'), '');
    writeFileSync(t.path('file'), '');
    symlinkSync(t.path('nowhere'), t.path('dangling'));
    symlinkSync(t.path('full'), t.path('link'));
    mkdirSync(t.path('empty'));

    for (const name of ['full', 'file', 'dangling', 'link']) {
      await rejectsCode(exported(t, stream, name), 'USAGE');
    }
    await rejectsCode(exported(t, stream, 'no/such'), 'DIRECTORY_NOT_FOUND');
    assert.equal(readdirSync(t.path('full')), ['.hidden']);
    assert.not.ok(existsSync(t.path('nowhere')));

    const { ino } = statSync(t.path('empty'));
    await exported(t, stream, 'empty');
    assert.equal(readdirSync(t.path('empty')).sort(), ['index.html', 'x']);
    assert.is(statSync(t.path('empty')).ino, ino, 'the same folder, which a shell may stand in');
  }),
);

test(
  'exportSite :: one generation, though the stream changes meanwhile',
  scope(async (t) => {
    const keys = Array.from({ length: 300 }, (_, i) => `page-${i}`);
    const stream = streamOf(t, keys);
    let changes = 0;

    const report = await exported(t, stream, 'out', {
      onProgress: ({ files }: { files: number }) => {
        if (files !== 50) return;
        changes += 1;
        stream.transaction((tx) => {
          tx.deleteBytes('file', 'page-299');
          tx.setBytes('file', 'page-298', value('other'));
        });
      },
    });

    assert.is(changes, 1);
    assert.equal([report.files, report.generation.snapshot?.seq], [300, 1]);
    assert.is(readFileSync(t.path('out', 'page-298'), 'utf8'), 'page-298');
    assert.is(stream.reader.generation().snapshot?.seq, 2, 'the writer did not have to wait');
  }),
);

test(
  'exportSite :: stopped in the middle leaves nothing',
  scope(async (t) => {
    const stream = streamOf(
      t,
      Array.from({ length: 500 }, (_, i) => `${i}`),
    );
    for (const name of ['new', 'empty']) {
      if (name === 'empty') mkdirSync(t.path('empty'));
      const stop = new AbortController();
      const options = {
        signal: stop.signal,
        onProgress: ({ files }: { files: number }) => {
          if (files === 150) stop.abort();
        },
      };

      await rejectsCode(exported(t, stream, name, options), 'ABORTED');
    }
    assert.equal(rest(t), ['empty']);
    assert.equal(readdirSync(t.path('empty')), []);
  }),
);

test(
  'exportSite :: a value that is not held, or is no file, is named',
  scope(async (t) => {
    const stream = streamOf(t, ['a', 'b']);
    stream.setBytes('file', 'c', content('no file at all'));

    const error = await rejectsCode(exported(t, stream), 'PATH_INVALID');
    assert.match(error.message, '\nc: file record: ');
    const { skipped } = await exported(t, stream, 'most', { skipUnsafe: true });
    assert.equal(
      skipped.map(({ key }) => key),
      ['c'],
    );

    rawDatabase(t, stream.path).exec("UPDATE record SET value = NULL WHERE key = 'b'");
    const wanted = await rejectsCode(
      exported(t, stream, 'x', { skipUnsafe: true }),
      'VALUE_NOT_HELD',
    );
    assert.match(wanted.message, 'the content of "b" is not held here; nothing was written');
    assert.equal(rest(t), ['most']);
  }),
);

test(
  'exportSite :: times that no disk has do not stop it',
  scope(async (t) => {
    const stream = newStream(t);
    for (const timeMicros of [0, 1, 8e15, Number.MAX_SAFE_INTEGER]) {
      stream.setBytes('file', `${timeMicros}`, encodeFile(content('x'), { timeMicros }));
    }

    const { files } = await exported(t, stream);

    assert.is(files, 4);
    assert.ok(lstatSync(t.path('out', '0')).isFile());
  }),
);

test.run();
