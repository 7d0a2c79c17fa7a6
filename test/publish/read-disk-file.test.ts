import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import { stampOf } from '../../src/publish/disk-stat.ts';
import { type ReadOptions, readDiskFile } from '../../src/publish/read-disk-file.ts';
import { clockBehind } from '../helpers/clock-behind.ts';
import { scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('publish/read-disk-file');

test(
  'readDiskFile :: content, time and stamp are those of the file',
  scope((t) => {
    for (const size of [0, 1, 300_000, 9 * 1024 * 1024]) {
      const path = fileOf(t, Buffer.alloc(size, 'x'));
      utimesSync(path, 0, 1_540_000_000.5);

      const { content, timeMicros, stamp } = readDiskFile(path, options());

      assert.is(content.length, size);
      assert.equal(Buffer.from(content).equals(readFileSync(path)), true);
      assert.is(timeMicros, 1_540_000_000_500_000);
      assert.is(stamp, stampOf(statSync(path, { bigint: true })));
    }
  }),
);

test(
  'readDiskFile :: the limit is the largest size that passes',
  scope((t) => {
    const path = fileOf(t, 'four');

    assert.is(readDiskFile(path, options({ maxBytes: 4 })).content.length, 4);
    assert.throws(() => readDiskFile(path, options({ maxBytes: 3 })), throwsCode('TOO_LARGE'));
  }),
);

test(
  'readDiskFile :: one change while it is read is survived, and the later content taken',
  scope((t) => {
    const path = fileOf(t, 'first');
    let opened = 0;
    const onOpen = () => {
      opened += 1;
      if (opened === 1) writeFileSync(path, 'second');
    };

    const { content } = readDiskFile(path, options({ onOpen }));

    assert.is(Buffer.from(content).toString(), 'second');
    assert.ok(opened >= 2);
  }),
);

test(
  'readDiskFile :: a file that changes every time is refused',
  scope((t) => {
    const changes: [string, (path: string) => void][] = [
      ['growing', (path) => appendFileSync(path, 'more')],
      ['shrinking', (path) => truncateSync(path, Math.floor(statSync(path).size / 2))],
      ['rewritten', (path) => writeFileSync(path, 'other')],
      ['touched', (path) => utimesSync(path, 0, Math.random() * 1e9)],
    ];
    for (const [name, change] of changes) {
      const path = fileOf(t, 'x'.repeat(1000));
      const read = () => readDiskFile(path, options({ onOpen: () => change(path) }));

      assert.throws(read, throwsCode('FILE_CHANGING'), name);
    }
  }),
);

test(
  'readDiskFile :: what took the place of the file is not read',
  scope((t) => {
    writeFileSync(t.path('secret'), 'secret');
    mkdirSync(t.path('directory'));
    symlinkSync(t.path('secret'), t.path('link'));
    execFileSync('mkfifo', [t.path('pipe')]);

    for (const name of ['missing', 'directory', 'link', 'pipe']) {
      const read = () => readDiskFile(t.path(name), options());
      assert.throws(read, throwsCode('FILE_CHANGING'), name);
    }
  }),
);

test(
  'readDiskFile :: a directory that became a link since the walk does not lead out of the site',
  scope((t) => {
    mkdirSync(t.path('site', 'a'), { recursive: true });
    mkdirSync(t.path('outside'));
    writeFileSync(t.path('site', 'a', 'f'), 'ours');
    writeFileSync(t.path('outside', 'f'), 'secret');
    const path = `${realpathSync(t.path('site'))}/a/f`;
    const found = stampOf(statSync(path, { bigint: true }));
    renameSync(t.path('site', 'a'), t.path('site', 'b'));
    symlinkSync('../outside', t.path('site', 'a'));

    assert.throws(() => readDiskFile(path, options({ found })), throwsCode('FILE_CHANGING'));
  }),
);

test(
  'readDiskFile :: a file replaced since the walk by another of its place is read',
  scope((t) => {
    const path = fileOf(t, 'old');
    const found = stampOf(statSync(path, { bigint: true }));
    writeFileSync(t.path('new'), 'new');
    renameSync(t.path('new'), path);

    const { content } = readDiskFile(path, options({ found }));

    assert.is(Buffer.from(content).toString(), 'new');
  }),
);

test(
  'readDiskFile :: what is as the walk found it is read with one look, anything else with more',
  scope(async (t) => {
    const path = fileOf(t, 'found');
    await new Promise((resolve) => setTimeout(resolve, 30));
    const found = stampOf(statSync(path, { bigint: true }));
    let opened = 0;
    const onOpen = () => {
      opened += 1;
    };
    const read = (overrides: Partial<ReadOptions> = {}) => {
      opened = 0;
      return readDiskFile(path, options({ found, onOpen, ...overrides }));
    };

    const { content, timeMicros, stamp } = read();
    assert.is(Buffer.from(content).toString(), 'found');
    assert.is(opened, 1);
    const again = readDiskFile(path, options());
    assert.equal([timeMicros, stamp], [again.timeMicros, again.stamp]);
    assert.is(stamp, found);

    assert.throws(() => read({ maxBytes: 4 }), throwsCode('TOO_LARGE'));
    // As long as it was, and something else.
    writeFileSync(path, 'other');
    assert.is(Buffer.from(read().content).toString(), 'other');
    assert.is(opened, 2);
    // Touched since; and before the file system's clock has gone on.
    const touched = stampOf(statSync(path, { bigint: true }));
    utimesSync(path, 1, 1);
    assert.is.not(read({ found: touched }).stamp, touched);
    writeFileSync(path, 'again');
    read({ found: stampOf(statSync(path, { bigint: true })) });
    assert.is(opened, 2);
    rmSync(path);
    assert.throws(() => read(), throwsCode('FILE_CHANGING'));
  }),
);

test(
  'readDiskFile :: whatever is done to a file while it is read, what comes is what it was (T101)',
  scope((t) => {
    const path = fileOf(t, 'x'.repeat(5000));
    const edits: ((size: number) => void)[] = [
      (size) => truncateSync(path, size),
      (size) => appendFileSync(path, 'y'.repeat(size)),
      (size) => writeFileSync(path, 'z'.repeat(size)),
      (size) => overwrite(path, size, 'middle'),
    ];
    const edit = fc.record({ edit: fc.constantFrom(...edits), size: fc.nat({ max: 4000 }) });
    // One list of edits for each attempt; fewer lists than attempts leave the file alone at last.
    const attempts = fc.array(fc.array(edit, { maxLength: 2 }), { maxLength: 2 });
    const isKnown = fc.boolean();

    fc.assert(
      fc.property(attempts, isKnown, (lists, isFound) => {
        const found = isFound ? stampOf(statSync(path, { bigint: true })) : '';
        const pending = [...lists];
        const onOpen = () => {
          for (const { edit, size } of pending.shift() ?? []) edit(size);
        };
        const content = Buffer.from(readDiskFile(path, options({ found, onOpen })).content);

        return content.equals(readFileSync(path));
      }),
      { numRuns: scaled(40) },
    );
  }),
);

test(
  'readDiskFile :: beside a process that replaces the file, only whole versions are seen (T101)',
  scope(async (t) => {
    const path = fileOf(t, versionOf(0));
    const program = `
      const fs = require('node:fs');
      const path = process.argv[1];
      for (let i = 1; ; i += 1) {
        fs.writeFileSync(path + '.new', String(i % 26).padStart(2, '0').repeat(1000 + (i % 26)));
        fs.renameSync(path + '.new', path);
        if (i === 26) process.stdout.write('ready');
      }`;
    const stdio = ['ignore', 'pipe', 'inherit'] as const;
    const writer = spawn(process.execPath, ['-e', program, path], { stdio: [...stdio] });
    t.defer(writer, async () => {
      const exit = once(writer, 'exit');
      writer.kill();
      await exit;
    });
    await once(writer.stdout, 'data');

    const versions = Array.from({ length: 26 }, (_, index) => versionOf(index));
    for (let attempt = 0; attempt < scaled(50); attempt += 1) {
      const seen = tryRead(path);
      assert.ok(seen === undefined || versions.includes(seen), `torn: ${seen}`);
    }
  }),
);

function versionOf(index: number): string {
  return String(index % 26)
    .padStart(2, '0')
    .repeat(1000 + (index % 26));
}

function tryRead(path: string): string | undefined {
  try {
    return Buffer.from(readDiskFile(path, options()).content).toString();
  } catch (error) {
    if (isDrayerError(error, 'FILE_CHANGING')) return undefined;
    throw error;
  }
}

function overwrite(path: string, position: number, text: string): void {
  const file = openSync(path, 'r+');
  writeSync(file, text, position);
  closeSync(file);
}

test(
  'readDiskFile :: what the system refuses is said',
  scope((t) => {
    const path = fileOf(t, 'x');

    assert.throws(() => readDiskFile(`${path}/y`, options()), throwsCode('FILE_UNREADABLE'));
  }),
);

test(
  'readDiskFile :: a file that was changed just now is remembered only after it has settled',
  scope((t) => {
    const path = fileOf(t, 'x');
    const changedAtNs = statSync(path, { bigint: true }).ctimeNs;

    const { stamp } = readDiskFile(path, options());

    assert.is.not(stamp, undefined);
    assert.ok(BigInt(Date.now()) * 1_000_000n - changedAtNs >= 20_000_000n, 'it waited');
  }),
);

test(
  'readDiskFile :: a file that cannot be waited for is read, and not to be remembered',
  scope((t) => {
    const path = fileOf(t, 'x');
    // A disk whose clock is ahead, as that of a server may be.
    clockBehind(t, 3_600_000);

    const { content, stamp } = readDiskFile(path, options());

    assert.is(content.length, 1);
    assert.is(stamp, undefined);
  }),
);

function fileOf(t: Scope, content: string | Uint8Array): string {
  const path = `${realpathSync(t.directory)}/file`;
  rmSync(path, { force: true });
  writeFileSync(path, content);
  return path;
}

function options(overrides: Partial<ReadOptions> = {}): ReadOptions {
  return { maxBytes: 64 * 1024 * 1024, found: '', ...overrides };
}

test.run();
