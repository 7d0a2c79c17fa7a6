import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeIgnoreRules } from '../../src/publish/ignore-rules.ts';
import { type Walk, walkDirectory } from '../../src/publish/walk.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { scope } from '../helpers/scope.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('publish/walk');

test(
  'walkDirectory :: every regular file is found, hidden ones and empty ones too',
  scope(async (t) => {
    const root = writeSite(t.path('site'), {
      'index.html': 'hello',
      'a/b/c.txt': 'deep',
      '.well-known/x': 'hidden',
      'empty.txt': '',
      'a b+c%d.txt': 'odd',
    });
    mkdirSync(t.path('site', 'no-files'));

    const walk = await walkOf(root);

    const expected = ['.well-known/x', 'a b+c%d.txt', 'a/b/c.txt', 'empty.txt', 'index.html'];
    assert.equal(keysOf(walk), expected);
    assert.is(walk.files.find(({ key }) => key === 'a/b/c.txt')?.bytes, 4);
    assert.equal(walk.skipped, []);
    assert.equal(walk.faults, []);
  }),
);

test(
  'walkDirectory :: symbolic links are not followed, wherever they lead',
  scope(async (t) => {
    writeSite(t.path('outside'), { 'secret.txt': 'secret' });
    const root = writeSite(t.path('site'), { 'index.html': 'hello' });
    symlinkSync('../outside', t.path('site', 'directory'));
    symlinkSync('../outside/secret.txt', t.path('site', 'file'));
    symlinkSync('.', t.path('site', 'loop'));
    symlinkSync('nowhere', t.path('site', 'dangling'));

    const walk = await walkOf(root);

    assert.equal(keysOf(walk), ['index.html']);
    assert.equal(reasonsOf(walk), {
      dangling: 'symbolic link',
      directory: 'symbolic link',
      file: 'symbolic link',
      loop: 'symbolic link',
    });
  }),
);

test(
  'walkDirectory :: pipes and sockets are passed over, and do not hold it up',
  scope(async (t) => {
    const root = writeSite(t.path('site'), { 'index.html': 'hello' });
    execFileSync('mkfifo', [t.path('site', 'pipe')]);
    const server = t.defer(createServer(), (s) => new Promise((done) => s.close(done)));
    await new Promise<void>((done) => server.listen(t.path('site', 'socket'), done));

    const walk = await walkOf(root);

    assert.equal(keysOf(walk), ['index.html']);
    assert.equal(reasonsOf(walk), { pipe: 'named pipe', socket: 'socket' });
  }),
);

test(
  'walkDirectory :: a name that is not UTF-8 is a fault that shows its bytes',
  scope(async (t) => {
    const root = writeSite(t.path('site'), { 'ok.txt': 'fine', '\ufffd.txt': 'a real U+FFFD' });
    writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xff, 0x6f])]), 'x');

    const walk = await walkOf(root);

    assert.equal(keysOf(walk), ['ok.txt', '\ufffd.txt']);
    assert.equal(walk.faults, [
      { path: 'f\ufffdo', code: 'PATH_INVALID', message: 'expected a name in UTF-8, got 66ff6f' },
    ]);
  }),
);

test(
  'walkDirectory :: names become keys in NFC, and are opened as they are spelled',
  scope(async (t) => {
    const root = writeSite(t.path('site'), { 'u\u0308.txt': 'decomposed' });

    const { files } = await walkOf(root);

    assert.equal(
      files.map(({ key, path }) => [key, path]),
      [['\u00fc.txt', join(root, 'u\u0308.txt')]],
    );
  }),
);

test(
  'walkDirectory :: names no browser can ask for are faults',
  scope(async (t) => {
    const root = writeSite(t.path('site'), { 'a\\b': 'x', 'new\nline': 'x', fine: 'x' });

    const walk = await walkOf(root);

    assert.equal(keysOf(walk), ['fine']);
    assert.equal(faultsOf(walk), [
      ['a\\b', 'PATH_INVALID'],
      ['new\nline', 'PATH_INVALID'],
    ]);
  }),
);

test(
  'walkDirectory :: long names and deep directories are found',
  scope(async (t) => {
    const deep = `${'d/'.repeat(200)}f`;
    const root = writeSite(t.path('site'), { [deep]: 'x', ['n'.repeat(255)]: 'x' });

    assert.equal(keysOf(await walkOf(root)), [deep, 'n'.repeat(255)]);
  }),
);

test(
  'walkDirectory :: keys, streams, version control and environments are left out',
  scope(async (t) => {
    const secrets = [
      'site.stream',
      'site.stream.privatekey',
      'site.stream.privatekey.bak',
      'OTHER.PRIVATEKEY',
      'site.stream.mark',
      'site.stream.part',
      'site.stream.part-values/0a1b',
      'site.stream-wal',
      'site.stream.part-shm',
      '.env',
      '.env.production',
      '.ENV',
      '.npmrc',
      'id_rsa',
      'id_ed25519',
      'a/.git/config',
      'node_modules/x/index.js',
    ];
    const published = [
      '.well-known/security.txt',
      'a/live.stream.html',
      'environment.html',
      'git.html',
      'id_card.png',
      'id_rsa.pub',
      'upstream',
    ];
    const root = writeSite(
      t.path('site'),
      Object.fromEntries([...secrets, ...published].map((path) => [path, 'x'])),
    );

    const walk = await walkOf(root);

    assert.equal(keysOf(walk), published);
    // Directories are left out as a whole.
    const expected = secrets.map((path) =>
      path.replace(/(\.git|node_modules|part-values)\/.*/, '$1'),
    );
    assert.equal(walk.skipped.map(({ path }) => path).sort(), expected.sort());
  }),
);

test(
  'walkDirectory :: the patterns and own files of the rules are left out',
  scope(async (t) => {
    const root = writeSite(t.path('site'), {
      'drafts/a.html': 'x',
      'b.tmp': 'x',
      'keep.tmp': 'x',
      'my.db': 'x',
      'c.html': 'x',
    });

    const walk = await walkOf(root, {
      patterns: ['drafts/', '*.tmp', '!keep.tmp'],
      ownFiles: [join(root, 'my.db')],
    });

    assert.equal(keysOf(walk), ['c.html', 'keep.tmp']);
    assert.equal(reasonsOf(walk), {
      'b.tmp': 'ignored',
      drafts: 'ignored',
      'my.db': 'part of the stream itself',
    });
  }),
);

test(
  'walkDirectory :: a directory that cannot be read is a fault',
  scope(async (t) => {
    const root = writeSite(t.path('site'), { 'a/b.txt': 'x', 'c.txt': 'x' });
    chmodSync(t.directory, 0o755);
    chmodSync(t.path('site', 'a'), 0);
    t.defer(undefined, () => chmodSync(t.path('site', 'a'), 0o700));
    const nobody = 65_534;

    // The superuser can read everything.
    if (process.getuid?.() === 0) process.seteuid?.(nobody);
    t.defer(undefined, () => process.seteuid?.(process.getuid?.() ?? 0));
    const walk = await walkOf(root);

    assert.equal(keysOf(walk), ['c.txt']);
    assert.equal(faultsOf(walk), [['a', 'FILE_UNREADABLE']]);
  }),
);

test(
  'walkDirectory :: a directory that becomes a link meanwhile does not lead out of the site',
  scope(async (t) => {
    writeSite(t.path('outside'), { 'secret.txt': 'secret' });
    const root = writeSite(t.path('site'), { 'a/b.txt': 'x', 'c.txt': 'x' });
    const rules = makeIgnoreRules();

    const onFile = () => {
      renameSync(t.path('site', 'a'), t.path('site-a'));
      symlinkSync('../outside', t.path('site', 'a'));
    };
    const walk = await walkDirectory(root, { rules, onFile });

    assert.equal(keysOf(walk), ['c.txt']);
    assert.equal(faultsOf(walk), [['a', 'FILE_CHANGING']]);
  }),
);

test(
  'walkDirectory :: a directory that disappears meanwhile is a fault',
  scope(async (t) => {
    const root = writeSite(t.path('site'), { 'a/b.txt': 'x', 'c.txt': 'x' });
    const rules = makeIgnoreRules();

    const onFile = () => rmSync(t.path('site', 'a'), { recursive: true });
    const walk = await walkDirectory(root, { rules, onFile });

    assert.equal(keysOf(walk), ['c.txt']);
    assert.equal(faultsOf(walk), [['a', 'FILE_CHANGING']]);
  }),
);

test(
  'walkDirectory :: the signal ends it between two slices',
  scope(async (t) => {
    const files = Array.from({ length: 3000 }, (_, index) => [`${index % 50}/${index}.txt`, 'x']);
    const root = writeSite(t.path('site'), Object.fromEntries(files));
    const controller = new AbortController();
    const rules = makeIgnoreRules();
    let found = 0;
    const walking = walkDirectory(root, {
      rules,
      signal: controller.signal,
      onFile: () => {
        found += 1;
        if (found === 10) controller.abort();
        // Long enough that the first slice is over.
        for (const end = performance.now() + 1; performance.now() < end; );
      },
    });

    await rejectsCode(walking, 'ABORTED');

    assert.ok(found < 3000, `${found} files`);
  }),
);

async function walkOf(
  root: string,
  options: { patterns?: string[]; ownFiles?: string[] } = {},
): Promise<Walk> {
  return walkDirectory(realpathSync(root), { rules: makeIgnoreRules(options) });
}

function faultsOf({ faults }: Walk): [path: string, code: string][] {
  return faults.map(({ path, code }): [string, string] => [path, code]).sort();
}

function keysOf({ files }: Walk): string[] {
  return files.map(({ key }) => key).sort();
}

function reasonsOf({ skipped }: Walk): Record<string, string> {
  const sorted = [...skipped].sort((a, b) => (a.path < b.path ? -1 : 1));
  return Object.fromEntries(sorted.map(({ path, reason }) => [path, reason]));
}

test.run();
