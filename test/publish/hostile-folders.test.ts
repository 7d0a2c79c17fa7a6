/**
 * Folders as they should not be, by the numbers of the threat list (T099–T105): what is published is
 * what is in them and nothing else, what cannot be is said of all files at once, nothing is half done.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DrayerError, exitOf } from '../../src/core/errors.ts';
import { inflateFile } from '../../src/files/file-record.ts';
import { makePathMatcher } from '../../src/publish/ignore-rules.ts';
import { type PublishOptions, publishDirectory } from '../../src/publish/publisher.ts';
import type { Stream } from '../../src/store/stream.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { KEY_A } from '../helpers/keys.ts';
import { scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { newStream } from '../helpers/store.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('publish/hostile folders');
const PAGE = { 'index.html': '<h1>Hello</h1>' };

/** Keys and contents of all files a stream holds. */
function contentsOf({ reader }: Stream): Record<string, string> {
  const records = [...reader.entries({ type: 'file' })];
  return Object.fromEntries(
    records.map((record) => {
      const value = reader.readValue(record) ?? new Uint8Array();
      return [record.key, Buffer.from(inflateFile(value, 1_000_000)).toString()];
    }),
  );
}

function skippedOf({ skipped }: { skipped: readonly { path: string; reason: string }[] }) {
  return Object.fromEntries(skipped.map(({ path, reason }) => [path, reason]));
}

function asNobody(t: Scope): void {
  // The superuser can read everything.
  if (process.getuid?.() !== 0) return;
  chmodSync(t.directory, 0o777);
  process.seteuid?.(65_534);
  t.defer(undefined, () => process.seteuid?.(0));
}

test(
  'T099 links :: out of the site, round in circles, to nowhere: passed over and said',
  scope(async (t) => {
    writeSite(t.path('outside'), { 'secret.txt': 'secret' });
    const root = writeSite(t.path('site'), PAGE);
    symlinkSync('../outside', t.path('site', 'folder'));
    symlinkSync('../outside/secret.txt', t.path('site', 'file.txt'));
    symlinkSync('.', t.path('site', 'loop'));
    symlinkSync('nowhere', t.path('site', 'dangling'));
    symlinkSync('index.html', t.path('site', 'inside.html'));
    const stream = newStream(t);

    const report = await publishDirectory(root, stream);

    assert.equal(contentsOf(stream), PAGE);
    const names = ['dangling', 'file.txt', 'folder', 'inside.html', 'loop'];
    assert.equal(Object.keys(skippedOf(report)).sort(), names);
    assert.ok(report.skipped.every(({ reason }) => reason === 'symbolic link'));
  }),
);

test(
  'T099 links :: a file, or the folder above it, that becomes a link while others are read',
  scope(async (t) => {
    // One of the two folders is read first, the other one is not what it was when its turn comes.
    const swaps: Record<string, (folder: string) => void> = {
      file: (folder) => {
        unlinkSync(`${folder}/1.txt`);
        symlinkSync('../../outside/1.txt', `${folder}/1.txt`);
      },
      folder: (folder) => {
        renameSync(folder, `${folder}-moved`);
        symlinkSync('../outside', folder);
      },
    };
    writeSite(t.path('outside'), { '1.txt': 'secret' });
    for (const [name, swap] of Object.entries(swaps)) {
      const stream = newStream(t, `${name}.stream`);
      const root = writeSite(t.path(name), { 'a/1.txt': 'ours', 'b/1.txt': 'ours' });
      let isSwapped = false;
      const onProgress = () => {
        if (!isSwapped) for (const name of ['a', 'b']) swap(`${root}/${name}`);
        isSwapped = true;
      };

      const error = await rejectsCode(
        publishDirectory(root, stream, { threads: 1, onProgress }),
        'FILE_CHANGING',
      );

      assert.match(error.message, 'symbolic link');
      assert.equal(contentsOf(stream), {}, name);
    }
  }),
);

test(
  'T100 special files :: pipes, sockets and devices are passed over, and nothing waits for them',
  scope(async (t) => {
    const root = writeSite(t.path('site'), PAGE);
    execFileSync('mkfifo', [t.path('site', 'pipe')]);
    const server = t.defer(createServer(), (s) => new Promise((done) => s.close(done)));
    await new Promise<void>((done) => server.listen(t.path('site', 'socket'), done));
    const expected: Record<string, string> = { pipe: 'named pipe', socket: 'socket' };
    if (canMakeDevices(t)) {
      execFileSync('mknod', [t.path('site', 'zero'), 'c', '1', '5']);
      expected['zero'] = 'device';
    }
    const stream = newStream(t);

    const report = await publishDirectory(root, stream);

    assert.equal(skippedOf(report), expected);
    assert.equal(contentsOf(stream), PAGE);
  }),
);

function canMakeDevices(t: Scope): boolean {
  try {
    execFileSync('mknod', [t.path('trial'), 'c', '1', '5'], { stdio: 'ignore' });
    return true;
  } catch {
    // Only the superuser may, and not everywhere.
    return false;
  }
}

test(
  'T100 special files :: what may not be read is listed, all of it, and nothing goes',
  scope(async (t) => {
    const { secretKey } = KEY_A;
    const stream = newStream(t, 'a.stream', { secretKey });
    const root = writeSite(t.path('site'), { ...PAGE, 'a.txt': 'x', 'b/c.txt': 'x', 'd.txt': 'x' });
    for (const name of ['a.txt', 'b']) chmodSync(t.path('site', name), 0);
    t.defer(undefined, () => chmodSync(t.path('site', 'b'), 0o700));
    asNobody(t);

    const publishing = publishDirectory(root, stream, { secretKey, maxFileBytes: 13 });
    const error = await rejectsCode(publishing, 'FILE_UNREADABLE');

    assert.match(error.message, 'because of 3 files');
    assert.match(error.message, /\na\.txt: EACCES/);
    assert.match(error.message, /\nb: EACCES/);
    assert.match(error.message, '\nindex.html: expected at most 13 bytes, got 14');
  }),
);

type Names = readonly (string | Buffer)[];

/** The table of docs/PUBLISHING.md. */
const REFUSED: Readonly<Record<string, Names>> = {
  'bytes that are no UTF-8': [Buffer.from([0x66, 0xff, 0x6f])],
  'a line break': ['a\nb'],
  'a control character': ['a\u0007b'],
  'a backslash': ['a\\b'],
  'case only': ['README', 'readme'],
  'NFC and NFD': ['\u00fc', 'u\u0308'],
  'ß and ss': ['straße.html', 'STRASSE.html'],
  'a ligature': ['ﬁle', 'file'],
  'a file and a folder': ['docs', 'DOCS/a.html'],
};

const PUBLISHED: Readonly<Record<string, readonly [name: string, key: string]>> = {
  'NFD alone': ['u\u0308.txt', '\u00fc.txt'],
  'a device of Windows': ['CON', 'CON'],
  'a stream of NTFS': ['a:b', 'a:b'],
  'a dot at the end': ['a.', 'a.'],
  'a space at the end': ['a ', 'a '],
  '255 bytes': ['n'.repeat(255), 'n'.repeat(255)],
  '200 folders': [`${'d/'.repeat(200)}f`, `${'d/'.repeat(200)}f`],
  'a question mark': ['a?b#c%20.html', 'a?b#c%20.html'],
};

test(
  'T102 names :: what no disk or browser could keep apart or ask for is refused',
  scope(async (t) => {
    for (const [index, [what, names]] of Object.entries(REFUSED).entries()) {
      const root = writeSite(t.path(`site-${index}`), PAGE);
      for (const name of names) {
        if (typeof name === 'string') writeSite(root, { [name]: 'x' });
        else writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), 'x');
      }
      const stream = newStream(t, `${index}.stream`);

      const error = await rejectsCode(publishDirectory(root, stream), 'PATH_INVALID');

      assert.match(error.message, /because of a file:\n[^\n]+$/, what);
      assert.equal(contentsOf(stream), {}, what);
    }
  }),
);

test(
  'T102 names :: what only some systems cannot keep is published as it is',
  scope(async (t) => {
    for (const [index, [what, [name, key]]] of Object.entries(PUBLISHED).entries()) {
      const stream = newStream(t, `${index}.stream`);

      await publishDirectory(writeSite(t.path(`site-${index}`), { [name]: 'x' }), stream);

      assert.equal(contentsOf(stream), { [key]: 'x' }, what);
    }
  }),
);

test(
  'T103 sizes :: empty, exactly the limit, one above',
  scope(async (t) => {
    const stream = newStream(t);
    const root = writeSite(t.path('site'), { empty: '', exact: 'x'.repeat(1000) });

    await publishDirectory(root, stream, { maxFileBytes: 1000 });
    assert.equal(contentsOf(stream), { empty: '', exact: 'x'.repeat(1000) });

    writeSite(root, { above: 'x'.repeat(1001), 'far above': 'x'.repeat(5000), empty: 'new' });
    const error = await rejectsCode(
      publishDirectory(root, stream, { maxFileBytes: 1000 }),
      'TOO_LARGE',
    );
    assert.match(
      error.message,
      'because of 2 files:\nabove: expected at most 1000 bytes, got 1001',
    );
    assert.match(error.message, '\nfar above: expected at most 1000 bytes, got 5000');
    assert.is(contentsOf(stream)['empty'], '', 'nothing is half published');
  }),
);

test(
  'T103 sizes :: many files',
  scope(async (t) => {
    const count = Math.min(100_000, scaled(2000));
    const root = t.path('site');
    for (let i = 0; i < count; i += 1) {
      if (i % 1000 === 0) mkdirSync(`${root}/${i / 1000}`, { recursive: true });
      writeFileSync(`${root}/${Math.floor(i / 1000)}/${i}.txt`, `${i}`);
    }
    const stream = newStream(t);

    assert.is((await publishDirectory(root, stream)).added.length, count);
    assert.is((await publishDirectory(root, stream)).unchanged, count);
  }),
);

test(
  'T104 gone :: a folder that is empty, has only litter, or is not there, empties no stream',
  scope(async (t) => {
    const stream = newStream(t);
    const root = writeSite(t.path('site'), PAGE);
    await publishDirectory(root, stream);
    const states: [string, () => void, 'MASS_DELETE' | 'DIRECTORY_NOT_FOUND'][] = [
      ['empty', () => rmSync(`${root}/index.html`), 'MASS_DELETE'],
      ['litter', () => writeSite(root, { '.DS_Store': 'x', 'lost+found/x': 'x' }), 'MASS_DELETE'],
      ['gone', () => rmSync(root, { recursive: true }), 'DIRECTORY_NOT_FOUND'],
      ['a file', () => writeFileSync(root, 'x'), 'DIRECTORY_NOT_FOUND'],
    ];
    for (const [what, make, code] of states) {
      make();

      await rejectsCode(publishDirectory(root, stream), code);

      assert.equal(contentsOf(stream), PAGE, what);
    }
  }),
);

test(
  'T104 gone :: a folder that disappears while it is read empties no stream',
  scope(async (t) => {
    const stream = newStream(t);
    const root = writeSite(t.path('site'), { ...PAGE, 'a.txt': 'a' });
    await publishDirectory(root, stream);
    writeSite(root, { ...PAGE, 'a.txt': 'A', 'b.txt': 'B' });
    const onProgress = () => rmSync(root, { recursive: true, force: true });

    await rejectsCode(publishDirectory(root, stream, { threads: 1, onProgress }), 'FILE_CHANGING');

    assert.equal(contentsOf(stream), { ...PAGE, 'a.txt': 'a' });
  }),
);

test(
  'T105 secrets :: what is never published is left out, whatever is configured',
  scope(async (t) => {
    const stream = newStream(t, 'site.stream');
    const secrets = [
      '.env',
      '.env.local',
      '.git/config',
      'id_ed25519',
      '.npmrc',
      'x.stream',
      '.ssh/k',
    ];
    const root = writeSite(t.path('site'), PAGE);
    writeSite(root, Object.fromEntries(secrets.map((name) => [name, 'secret'])));
    writeSite(root, { 'copy.privatekey': readFileSync(`${stream.path}.privatekey`) });
    const everything: PublishOptions = { ignore: ['!**', '!.*', '!*'], allowSecrets: true };

    const { skipped } = await publishDirectory(root, stream, everything);

    assert.equal(contentsOf(stream), PAGE);
    assert.is(skipped.length, secrets.length + 1);
  }),
);

test(
  'T105 secrets :: the key pasted into a page is refused, also where secrets are allowed',
  scope(async (t) => {
    const stream = newStream(t);
    const key = readFileSync(`${stream.path}.privatekey`, 'latin1');
    const root = writeSite(t.path('site'), { ...PAGE, 'blog/a.html': `<p>my key: ${key}</p>` });

    const error = await rejectsCode(
      publishDirectory(root, stream, { allowSecrets: true }),
      'SECRET_IN_SITE',
    );

    assert.is(exitOf('SECRET_IN_SITE'), 8);
    assert.match(error.message, 'blog/a.html: it contains the private key of this very stream');
    assert.not.match(error.message, key.slice(0, 20));
    assert.equal(contentsOf(stream), {});
  }),
);

test(
  'A26 :: everything that is wrong with a site is said at once, the gravest first',
  scope(async (t) => {
    const stream = newStream(t);
    const root = writeSite(t.path('site'), {
      ...PAGE,
      'key.html': readFileSync(`${stream.path}.privatekey`),
      'token.js': `ghp_${'aB3dE5fG7hJ9kL2mN4pQ6rS8tU1vW3xY5zA7'}`,
      'large.bin': 'x'.repeat(2000),
      README: 'x',
      readme: 'x',
      'a\\b': 'x',
      'sub/.drayerignore/x': 'x',
    });

    const error = await rejectsCode(
      publishDirectory(root, stream, { maxFileBytes: 1000 }),
      'SECRET_IN_SITE',
    );

    const [head, ...lines] = error.message.split('\n').map((line) => line.replace(/: .*/, ''));
    assert.is(head, 'nothing was published because of 6 files:');
    assert.is(lines[0], 'key.html');
    assert.is(lines.at(-1), 'token.js');
    // Either of the twins names the other.
    const between = lines.slice(1, -1).map((line) => line.toLowerCase());
    assert.equal(between.sort(), ['a\\b', 'large.bin', 'readme', 'sub/.drayerignore']);
    const faults = error instanceof DrayerError ? error.details?.['faults'] : undefined;
    assert.is((faults as object[]).length, 6);
    assert.equal(contentsOf(stream), {});
  }),
);

test('makePathMatcher :: paths in the syntax of .gitignore', () => {
  const isAllowed = makePathMatcher(['/docs/', '*.pem', '!no.pem']);

  assert.equal(
    ['docs/a', 'a/docs/a', 'x.pem', 'a/no.pem'].map((path) => isAllowed(path)),
    [true, false, true, false],
  );
});

test.run();
