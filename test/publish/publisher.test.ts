import { execFileSync } from 'node:child_process';
import {
  cpSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DrayerError } from '../../src/core/errors.ts';
import { decodeFile, inflateFile } from '../../src/files/file-record.ts';
import { type PublishOptions, publishDirectory } from '../../src/publish/publisher.ts';
import { openStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { clockBehind } from '../helpers/clock-behind.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { KEY_A } from '../helpers/keys.ts';
import { scope } from '../helpers/scope.ts';
import { newStream, originalStream } from '../helpers/store.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('publish/publisher');
const SITE = { 'index.html': '<h1>hello</h1>', 'a/b.css': 'p {}', 'img/c.png': 'not really' };

test(
  'publishDirectory :: the stream holds every file with its content and its own time (R24)',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    utimesSync(t.path('site', 'index.html'), 0, 1_540_000_000.5);
    const stream = newStream(t);

    const report = await publishDirectory(root, stream);

    assert.equal(report.added, ['a/b.css', 'img/c.png', 'index.html']);
    assert.equal([report.changed, report.removed, report.unchanged], [[], [], 0]);
    assert.is(report.wrote, true);
    assert.is(report.generation.tip, stream.reader.generation().tip);
    assert.equal(contentsOf(stream), SITE);
    const value = stream.getBytes('file', 'index.html') ?? new Uint8Array();
    assert.is(decodeFile(value).timeMicros, 1_540_000_000_500_000);
  }),
);

test(
  'publishDirectory :: what was added, changed and removed becomes one generation',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    await publishDirectory(root, stream);
    const generations: number[] = [];
    stream.on('change', ({ tip }) => generations.push(tip));

    writeSite(root, { 'index.html': '<h1>news</h1>', 'new/d.txt': 'd' });
    rmSync(t.path('site', 'a'), { recursive: true });
    const report = await publishDirectory(root, stream);

    assert.equal(report.added, ['new/d.txt']);
    assert.equal(report.changed, ['index.html']);
    assert.equal(report.removed, ['a/b.css']);
    assert.is(report.unchanged, 1);
    assert.is(generations.length, 1);
    assert.equal(contentsOf(stream), {
      'img/c.png': 'not really',
      'index.html': '<h1>news</h1>',
      'new/d.txt': 'd',
    });
  }),
);

test(
  'publishDirectory :: a second run with nothing changed reads, writes and signs nothing',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const { path } = newStream(t);
    await once(path, root);
    const before = filesOf(path);

    const report = await once(path, root, {
      onProgress: () => assert.unreachable('a file was read'),
    });

    assert.is(report.wrote, false);
    assert.is(report.unchanged, 3);
    assert.is(report.bytesRead, 0);
    assert.equal(filesOf(path), before);
  }),
);

test(
  'publishDirectory :: a file that was only touched keeps its record, and is read once (R24)',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    await publishDirectory(root, stream);
    const before = stream.reader.getRecord('file', 'index.html');

    utimesSync(t.path('site', 'index.html'), 1, 1);
    const touched = await publishDirectory(root, stream);
    const again = await publishDirectory(root, stream);

    assert.is(touched.wrote, false);
    assert.is(touched.bytesRead, SITE['index.html'].length);
    assert.is(again.bytesRead, 0);
    assert.equal(stream.reader.getRecord('file', 'index.html'), before);
  }),
);

test(
  'publishDirectory :: a fresh checkout elsewhere changes nothing (R24)',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    const { generation } = await publishDirectory(root, stream);
    cpSync(root, t.path('checkout'), { recursive: true });

    const report = await publishDirectory(t.path('checkout'), stream);

    assert.is(report.wrote, false);
    assert.is(report.unchanged, 3);
    assert.is(report.generation.tip, generation.tip);
  }),
);

test(
  'publishDirectory :: values another program wrote are kept while their content is the same (R24)',
  scope(async (t) => {
    const { secretKey } = KEY_A;
    const stream = t.defer(openStream(originalStream(t, 'site'), { secretKey }), (s) => s.close());
    const keys = [...stream.keys({ type: 'file' })];
    const site = Object.fromEntries(
      // What the original allows as a key need not be a path.
      keys
        .filter((key) => !key.startsWith('/'))
        .map((key) => [key, inflateFile(stream.getBytes('file', key) ?? new Uint8Array())]),
    );
    const root = writeSite(t.path('site'), site);
    const hashes = hashesOf(stream);

    const report = await publishDirectory(root, stream);

    assert.equal([report.added, report.changed, report.removed], [[], [], ['/lead.html']]);
    hashes.delete('/lead.html');
    assert.equal(hashesOf(stream), hashes);
  }),
);

test(
  'publishDirectory :: a change that keeps size and time is noticed',
  scope(async (t) => {
    const root = writeSite(t.path('site'), { 'a.txt': 'one' });
    utimesSync(t.path('site', 'a.txt'), 1, 1);
    const stream = newStream(t);
    await publishDirectory(root, stream);

    writeFileSync(t.path('site', 'a.txt'), 'two');
    utimesSync(t.path('site', 'a.txt'), 1, 1);
    const report = await publishDirectory(root, stream);

    assert.equal(report.changed, ['a.txt']);
    assert.equal(contentsOf(stream), { 'a.txt': 'two' });
  }),
);

test(
  'publishDirectory :: a record another program changed is put right again',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    await publishDirectory(root, stream);
    stream.putFile('index.html', new TextEncoder().encode('something else'));
    stream.putFile('more.html', new TextEncoder().encode('more'));

    const report = await publishDirectory(root, stream);

    assert.equal([report.changed, report.removed], [['index.html'], ['more.html']]);
    assert.equal(contentsOf(stream), SITE);
  }),
);

test(
  'publishDirectory :: records of other types are left alone',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    stream.set('index.html', { note: 'an object of the same key' });

    await publishDirectory(root, stream);
    rmSync(t.path('site', 'index.html'));
    await publishDirectory(root, stream);

    assert.equal(stream.get('index.html'), { note: 'an object of the same key' });
    assert.is(stream.getFile('index.html'), undefined);
  }),
);

test(
  'publishDirectory :: an entry that is no file is left out, and said',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    await publishDirectory(root, stream);

    renameSync(t.path('site', 'index.html'), t.path('outside.html'));
    symlinkSync(t.path('outside.html'), t.path('site', 'index.html'));
    execFileSync('mkfifo', [t.path('site', 'pipe')]);
    const report = await publishDirectory(root, stream);

    assert.equal(report.removed, ['index.html']);
    assert.equal(report.skipped, [
      { path: 'index.html', reason: 'symbolic link' },
      { path: 'pipe', reason: 'named pipe' },
    ]);
  }),
);

test(
  'publishDirectory :: the stream itself is never published, whatever its name',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t, 'site/my-site.db');

    const report = await publishDirectory(root, stream);

    assert.equal(report.added, ['a/b.css', 'img/c.png', 'index.html']);
  }),
);

test(
  'publishDirectory :: ignore patterns leave files out, and take published ones away',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    await publishDirectory(root, stream);

    const report = await publishDirectory(root, stream, { ignore: ['*.css'] });

    assert.equal(report.removed, ['a/b.css']);
  }),
);

test(
  'publishDirectory :: a rehearsal tells what would happen and changes nothing',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    await publishDirectory(root, stream);
    writeSite(root, { 'index.html': 'changed', 'd.txt': 'd' });
    rmSync(t.path('site', 'a'), { recursive: true });
    const before = stream.reader.generation();

    const report = await publishDirectory(root, stream, { dryRun: true });

    assert.equal([report.added, report.changed], [['d.txt'], ['index.html']]);
    assert.equal(report.removed, ['a/b.css']);
    assert.is(report.wrote, false);
    assert.equal(stream.reader.generation(), before);
    assert.equal(contentsOf(stream), SITE);
  }),
);

test(
  'publishDirectory :: a signal stops it, and nothing was published',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    const controller = new AbortController();

    const early = publishDirectory(root, stream, { signal: AbortSignal.abort() });
    await rejectsCode(early, 'ABORTED');
    const midway = publishDirectory(root, stream, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await rejectsCode(midway, 'ABORTED');

    assert.is(stream.reader.generation().count, 0);
    assert.equal((await publishDirectory(root, stream)).added.length, 3);
  }),
);

test(
  'publishDirectory :: a stream without its key is refused before anything is read',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const { path } = newStream(t);
    renameSync(`${path}.privatekey`, t.path('elsewhere'));
    const stream = t.defer(openStream(path), (s) => s.close());
    const onProgress = () => assert.unreachable('a file was read');

    await rejectsCode(publishDirectory(root, stream, { onProgress }), 'STREAM_READ_ONLY');

    assert.equal((await publishDirectory(root, stream, { dryRun: true })).added.length, 3);
  }),
);

test(
  'publishDirectory :: a directory that is missing or a file is refused',
  scope(async (t) => {
    const stream = newStream(t);
    writeFileSync(t.path('file'), 'x');

    await rejectsCode(publishDirectory(t.path('nowhere'), stream), 'DIRECTORY_NOT_FOUND');
    await rejectsCode(publishDirectory(t.path('file'), stream), 'DIRECTORY_NOT_FOUND');
  }),
);

test(
  'publishDirectory :: what another program commits meanwhile is compared again (R11)',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    const other = t.defer(openStream(stream.path), (s) => s.close());
    let isFirst = true;
    const onProgress = () => {
      if (isFirst) other.putFile('stray.html', new TextEncoder().encode('stray'));
      isFirst = false;
    };

    const report = await publishDirectory(root, stream, { onProgress });

    assert.equal(report.removed, ['stray.html']);
    assert.equal(contentsOf(stream), SITE);
  }),
);

test(
  'publishDirectory :: it gives up when others never stop changing the stream (R11)',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    const other = t.defer(openStream(stream.path), (s) => s.close());
    let count = 0;
    const onProgress = () => {
      count += 1;
      other.set('count', count);
    };

    await rejectsCode(publishDirectory(root, stream, { onProgress }), 'STREAM_BUSY');

    assert.equal(contentsOf(stream), {});
  }),
);

test(
  'publishDirectory :: what could not be remembered is read again, and no harm is done',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    // The listener runs between the commit and the saving of the stat cache.
    stream.on('change', () => {
      stream.statCache.save = () => {
        throw new DrayerError('STREAM_BUSY', 'another process is writing');
      };
    });

    const first = await publishDirectory(root, stream);
    const second = await once(stream.path, root);

    assert.is(first.wrote, true);
    assert.is(second.wrote, false);
    assert.is(second.bytesRead, 28);
  }),
);

test(
  'publishDirectory :: a file that may change again unnoticed is forgotten, and read again',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const stream = newStream(t);
    await publishDirectory(root, stream);
    const before = [...stream.statCache.all().keys()].sort();
    writeFileSync(t.path('site', 'index.html'), '<h1>later</h1>');

    clockBehind(t, 3_600_000);
    const changed = await publishDirectory(root, stream);
    const again = await publishDirectory(root, stream);

    assert.equal(before, ['a/b.css', 'img/c.png', 'index.html']);
    assert.equal([...stream.statCache.all().keys()].sort(), ['a/b.css', 'img/c.png']);
    assert.equal(changed.changed, ['index.html']);
    assert.equal([again.wrote, again.bytesRead], [false, '<h1>later</h1>'.length]);
  }),
);

test(
  'publishDirectory :: progress ends with everything read',
  scope(async (t) => {
    const root = writeSite(t.path('site'), SITE);
    const seen: number[] = [];
    let last: unknown;

    await publishDirectory(root, newStream(t), {
      onProgress: (progress) => {
        seen.push(progress.files);
        last = progress;
      },
    });

    assert.equal(seen, [1, 2, 3]);
    assert.equal(last, { files: 3, totalFiles: 3, bytes: 28, totalBytes: 28 });
  }),
);

test(
  'publishDirectory :: a large site goes through several threads and comes out the same',
  scope(async (t) => {
    const site = Object.fromEntries(
      Array.from({ length: 900 }, (_, index) => [`${index % 30}/${index}.html`, page(index)]),
    );
    const root = writeSite(t.path('site'), site);
    const streams = [newStream(t, 'one.stream'), newStream(t, 'two.stream')] as const;

    await publishDirectory(root, streams[0], { threads: 1 });
    await publishDirectory(root, streams[1], { threads: 2 });

    assert.equal(contentsOf(streams[1]), site);
    assert.equal(hashesOf(streams[1]), hashesOf(streams[0]));
  }),
);

function page(index: number): string {
  return `<h1>${index}</h1>\n${`<p>page ${index}</p>\n`.repeat(900 + (index % 7))}`;
}

async function once(path: string, root: string, options: PublishOptions = {}) {
  const stream = openStream(path);
  try {
    return await publishDirectory(root, stream, options);
  } finally {
    stream.close();
  }
}

function contentsOf(stream: Stream): Record<string, string> {
  return Object.fromEntries(
    [...stream.keys({ type: 'file' })].map((key) => {
      return [key, Buffer.from(stream.getFile(key) ?? []).toString()];
    }),
  );
}

function hashesOf(stream: Stream): Map<string, string> {
  const records = [...stream.reader.entries({ type: 'file' })];
  return new Map(records.map(({ key, hash }) => [key, Buffer.from(hash).toString('hex')]));
}

function filesOf(path: string): unknown {
  return [path, `${path}.mark`].map((file) => {
    return [readFileSync(file).toString('base64'), statSync(file).mtimeMs];
  });
}

test.run();
