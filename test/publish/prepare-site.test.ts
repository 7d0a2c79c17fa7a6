import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type PreparedSite, prepareSite } from '../../src/publish/prepare-site.ts';
import { openStream } from '../../src/store/open-stream.ts';
import { writeSite } from '../helpers/disk-site.ts';
import { inOtherProcess } from '../helpers/other-process.ts';
import { scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { throwsCode } from '../helpers/throws.ts';

const test = suite('publish/prepare-site');

test(
  'prepareSite :: the stream and its key are made beside the folder, never inside',
  scope((t) => {
    writeSite(t.path('site'), { 'index.html': 'x' });

    const prepared = prepareSite(t.path('site'));

    const streamPath = `${realpathSync(t.directory)}/site.stream`;
    const keyPath = `${streamPath}.privatekey`;
    assert.equal(prepared, {
      streamPath,
      created: true,
      keyCreated: true,
      keyPath,
      gitignoreUpdated: undefined,
    });
    assert.is(statSync(keyPath).mode & 0o777, 0o600);
    assert.equal(readdirSync(t.path('site')), ['index.html']);
    t.defer(openStream(streamPath), (stream) => stream.close());
  }),
);

test(
  'prepareSite :: the folder may be the working directory, and be named with a slash',
  scope((t) => {
    mkdirSync(t.path('site'));
    const expected = `${realpathSync(t.directory)}/site.stream`;

    const slash = prepareSite(`${t.path('site')}/`);
    const here = process.cwd();
    t.defer(here, (path) => process.chdir(path));
    process.chdir(t.path('site'));
    const dot = prepareSite('.');

    assert.is(slash.streamPath, expected);
    assert.is(dot.streamPath, expected);
    assert.equal([slash.created, dot.created], [true, false]);
  }),
);

test(
  'prepareSite :: a stream that is there is used as it is',
  scope((t) => {
    mkdirSync(t.path('site'));
    const { streamPath, keyPath } = prepareSite(t.path('site'));
    const key = readFileSync(keyPath, 'utf8');
    const bytes = readFileSync(streamPath);

    const again = prepareSite(t.path('site'));

    assert.is(again.created, false);
    assert.is(readFileSync(keyPath, 'utf8'), key);
    assert.equal(readFileSync(streamPath).equals(bytes), true);
  }),
);

test(
  'prepareSite :: the stream may be elsewhere, but not inside the folder',
  scope((t) => {
    mkdirSync(t.path('site', 'deep'), { recursive: true });
    mkdirSync(t.path('streams'));

    const prepared = prepareSite(t.path('site'), { streamPath: t.path('streams', 'x.stream') });
    const inside = () =>
      prepareSite(t.path('site'), { streamPath: t.path('site', 'deep', 'x.stream') });

    assert.is(prepared.streamPath, `${realpathSync(t.directory)}/streams/x.stream`);
    assert.throws(inside, throwsCode('USAGE'));
    assert.equal(readdirSync(t.path('site', 'deep')), []);
  }),
);

test(
  'prepareSite :: the file system, a home directory and what holds one are refused',
  scope((t) => {
    const home = process.env['HOME'];
    t.defer(home, (path) => {
      if (path === undefined) delete process.env['HOME'];
      else process.env['HOME'] = path;
    });
    mkdirSync(t.path('people', 'ann', 'site'), { recursive: true });
    process.env['HOME'] = t.path('people', 'ann');

    for (const directory of ['/', homedir(), dirname(homedir())]) {
      assert.throws(() => prepareSite(directory), throwsCode('USAGE'), directory);
    }
    assert.is(prepareSite(t.path('people', 'ann', 'site')).created, true);
    assert.equal(existsSync(`${homedir()}.stream`), false);
  }),
);

test(
  'prepareSite :: a folder that is missing or a file is refused, and nothing is made',
  scope((t) => {
    writeFileSync(t.path('file'), 'x');

    assert.throws(() => prepareSite(t.path('nowhere')), throwsCode('DIRECTORY_NOT_FOUND'));
    assert.throws(() => prepareSite(t.path('file')), throwsCode('DIRECTORY_NOT_FOUND'));
    assert.equal(readdirSync(t.directory), ['file']);
  }),
);

test(
  'prepareSite :: in a git repository the key is ignored from the start, once',
  scope((t) => {
    const { streamPath, keyPath, gitignoreUpdated } = inRepository(t);
    const [first, second] = [readIgnore(t), prepareSite(t.path('site')).gitignoreUpdated];

    assert.is(gitignoreUpdated, `${realpathSync(t.directory)}/.gitignore`);
    assert.is(second, undefined);
    assert.is(readIgnore(t), first);
    for (const path of [streamPath, keyPath, `${streamPath}-wal`, `${streamPath}.mark`]) {
      assert.is(isIgnoredByGit(t, path), true, path);
    }
    assert.is(isIgnoredByGit(t, t.path('site', 'index.html')), false);
  }),
);

test(
  'prepareSite :: a .gitignore keeps what it has, also without a last newline',
  scope((t) => {
    writeFileSync(t.path('.gitignore'), 'node_modules\n/dist');

    const { gitignoreUpdated } = inDirectory(t);

    assert.is(gitignoreUpdated, `${realpathSync(t.directory)}/.gitignore`);
    const lines = readIgnore(t).split('\n');
    assert.equal(lines.slice(0, 2), ['node_modules', '/dist']);
    assert.ok(lines.includes('/site.stream.privatekey'));
  }),
);

test(
  'prepareSite :: where git ignores the key already, nothing is added',
  scope((t) => {
    execFileSync('git', ['init', '-q', t.directory]);
    writeFileSync(t.path('.gitignore'), '*.privatekey\n');
    mkdirSync(t.path('sub', 'site'), { recursive: true });

    const { gitignoreUpdated, streamPath } = prepareSite(t.path('sub', 'site'));

    assert.is(gitignoreUpdated, undefined);
    assert.is(existsSync(t.path('sub', '.gitignore')), false);
    // The stream alone is not secret: whether git takes it is the owner's choice.
    assert.is(isIgnoredByGit(t, streamPath), false);
  }),
);

test(
  'prepareSite :: a rule that takes the key back in is not trusted',
  scope((t) => {
    execFileSync('git', ['init', '-q', t.directory]);
    writeFileSync(t.path('.gitignore'), '*.privatekey\n');
    mkdirSync(t.path('sub', 'site'), { recursive: true });
    writeFileSync(t.path('sub', '.gitignore'), '!site.stream.privatekey\n');

    const { gitignoreUpdated, keyPath } = prepareSite(t.path('sub', 'site'));

    assert.is(gitignoreUpdated, `${realpathSync(t.path('sub'))}/.gitignore`);
    assert.is(isIgnoredByGit(t, keyPath), true);
  }),
);

test(
  'prepareSite :: names that look like patterns are ignored as they are',
  scope((t) => {
    execFileSync('git', ['init', '-q', t.directory]);
    for (const name of ['a*b', '[x]', '!new', '#1', 'two words', 'quest?']) {
      mkdirSync(t.path(name));

      const { keyPath, streamPath } = prepareSite(t.path(name));

      assert.is(isIgnoredByGit(t, keyPath), true, name);
      assert.is(isIgnoredByGit(t, streamPath), true, name);
    }
    assert.is(isIgnoredByGit(t, t.path('aXb.stream')), false);
    assert.is(isIgnoredByGit(t, t.path('x.stream')), false);
  }),
);

test(
  'prepareSite :: without git no .gitignore is made',
  scope((t) => {
    assert.is(inDirectory(t).gitignoreUpdated, undefined);
    assert.is(existsSync(t.path('.gitignore')), false);
  }),
);

function inDirectory(t: Scope): PreparedSite {
  writeSite(t.path('site'), { 'index.html': 'x' });
  return prepareSite(t.path('site'));
}

function inRepository(t: Scope): PreparedSite {
  execFileSync('git', ['init', '-q', t.directory]);
  return inDirectory(t);
}

function readIgnore(t: Scope): string {
  return readFileSync(t.path('.gitignore'), 'utf8');
}

function isIgnoredByGit(t: Scope, path: string): boolean {
  const argumentsOf = ['-C', t.directory, 'check-ignore', '-q', '--', path];
  try {
    execFileSync('git', argumentsOf, { stdio: 'ignore' });
    return true;
  } catch (error) {
    // 1 is git's word for "not ignored".
    if (error instanceof Error && 'status' in error && error.status === 1) return false;
    throw error;
  }
}

const ROUNDS = scaled(20);

test(
  'prepareSite :: of several that begin the same site in one moment each gets the same stream',
  scope(async (t) => {
    for (let i = 0; i < ROUNDS; i += 1) writeSite(t.path(`${i}`), { 'index.html': 'x' });
    // They wait for the same moments, so that some of them meet between key and stream.
    const code = `
      const { prepareSite } = await import('\${SRC}publish/prepare-site.ts');
      prepareSite(${JSON.stringify(t.path('0'))});
      const begin = ${Date.now() + 1500};
      let made = 0;
      for (let i = 1; i < ${ROUNDS}; i += 1) {
        while (Date.now() < begin + i * 25);
        made += Number(prepareSite(${JSON.stringify(t.directory)} + '/' + i).created);
      }
      console.log(made);`;

    const made = await Promise.all([1, 2, 3].map(() => inOtherProcess(code)));

    assert.is(
      made.map(Number).reduce((sum, one) => sum + one, 0),
      ROUNDS - 1,
    );
    for (let i = 0; i < ROUNDS; i += 1) openStream(t.path(`${i}.stream`)).close();
  }),
);

test.run();
