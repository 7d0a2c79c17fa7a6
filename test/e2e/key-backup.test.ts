/** A key goes onto paper and comes back: typed, piped, from the page; and never anywhere else. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeSecretWords } from '../../src/core/secret-words.ts';
import { type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/key-backup');
const onLinux = process.platform === 'linux' ? test : test.skip;

type Own = {
  readonly sh: Shell;
  readonly id: string;
  readonly key: string;
  readonly words: string;
};

async function published(t: Scope): Promise<Own> {
  const sh = shell(t);
  mkdirSync(t.path('site'));
  writeFileSync(t.path('site', 'index.html'), '<h1>Hello</h1>');
  const { id } = JSON.parse((await sh.run('publish', 'site', '--json')).stdout);
  const key = readFileSync(t.path('site.stream.privatekey'), 'utf8');
  return { sh, id, key, words: wordsOf(key) };
}

function wordsOf(key: string): string {
  return encodeSecretWords(new Uint8Array(Buffer.from(key, 'base64').subarray(0, 32)));
}

test(
  'key backup :: writes a page for its owner alone, and prints nothing of it',
  scope(async (t) => {
    const { sh, id, key, words } = await published(t);

    // The run rejects when a form of the key is printed.
    const { status, stdout, stderr } = await sh.run('key', 'backup', 'site');

    assert.is(status, 0, stderr);
    assert.match(stdout, `wrote a page with the secret key of ${id}: site.stream.privatekey.html`);
    assert.match(stderr, 'then delete it: rm site.stream.privatekey.html');
    const path = t.path('site.stream.privatekey.html');
    assert.is(statSync(path).mode & 0o777, 0o600);
    const html = readFileSync(path, 'utf8');
    const text = html.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
    for (const [i, word] of words.split(' ').entries()) assert.match(text, ` ${i + 1} ${word} `);
    assert.match(text, id);
    assert.match(text, key);
    assert.match(text, `drayer key restore site.stream.privatekey --id ${id}`);
    assert.match(text, 'drayer recover site.stream --from URL');
    assert.match(text, new RegExp(`Backed up ${new Date().getUTCFullYear()}-`));
    assert.is((await sh.run('key', 'backup', 'site')).status, 1, 'it is not overwritten');
    const json = await sh.run('key', 'backup', '--out', 'x.privatekey.html', '--json');
    assert.equal(JSON.parse(json.stdout), {
      id,
      keyPath: t.path('site.stream.privatekey'),
      backup: t.path('x.privatekey.html'),
    });
  }),
);

test(
  'key backup :: of a key that has no stream yet, by any name, as key new and key ci say; and of one whose stream is damaged',
  scope(async (t) => {
    const sh = shell(t);
    for (const making of [
      ['key', 'new', 'garden'],
      ['key', 'ci', '--new', 'ci.key'],
    ]) {
      const name = making.at(-1) ?? '';
      const made = await sh.run(...making);
      assert.match(made.stderr, 'drayer key backup ');
      const { status, stderr } = await sh.run('key', 'backup', name);
      assert.is(status, 0, stderr);
      const page = readFileSync(t.path(`${name}.privatekey.html`), 'utf8');
      assert.match(page, readFileSync(t.path(name), 'utf8').trim());
    }

    await published(t);
    writeFileSync(t.path('site.stream'), 'what a broken disk left of it');
    const damaged = await sh.run('key', 'backup', 'site.stream.privatekey');
    assert.is(damaged.status, 0, damaged.stderr);
  }),
);

test(
  'key backup :: a page that got into the site is not published',
  scope(async (t) => {
    const { sh } = await published(t);
    await sh.run('key', 'backup', 'site', '--out', 'page.html');
    renameSync(t.path('page.html'), t.path('site', 'page.html'));

    const { status, stderr } = await sh.run('publish', 'site');

    assert.is(status, 8, stderr);
    assert.match(stderr, 'page.html');
  }),
);

test(
  'key backup :: is not written into a site, of this stream or of another one, nor by way of a link',
  scope(async (t) => {
    const { sh } = await published(t);
    mkdirSync(t.path('blog', 'deep'), { recursive: true });
    writeFileSync(t.path('drayer.config.mjs'), "export default { directory: 'blog' };\n");
    symlinkSync(t.path('site'), t.path('elsewhere'));
    for (const place of ['site', 'elsewhere', 'blog', join('blog', 'deep'), join('site', 'not')]) {
      const { status, stderr } = await sh.run(
        ...['key', 'backup', 'site.stream.privatekey', '--out', join(place, 'page.html')],
      );
      assert.is(status, 8, stderr);
      assert.match(stderr, 'what lies there gets published');
      assert.not(existsSync(t.path(place, 'page.html')));
    }

    // Like the names of sites, and none of them.
    mkdirSync(t.path('site-backups'));
    const beside = await sh.run(
      ...['key', 'backup', 'site.stream.privatekey', '--out', join('site-backups', 'page.html')],
    );
    assert.is(beside.status, 0, beside.stderr);
  }),
);

for (const [what, text] of [
  ['the words', ({ words }: Own) => words],
  ['the words with numbers and capitals', ({ words }: Own) => numbered(words)],
  ['the text of the code', ({ key }: Own) => `${key}\n`],
  [
    'the page',
    (_own: Own, t: Scope) => readFileSync(t.path('site.stream.privatekey.html'), 'utf8'),
  ],
] as const) {
  test(
    `key restore :: from ${what}, piped or in a file`,
    scope(async (t) => {
      const own = await published(t);
      await own.sh.run('key', 'backup', 'site');
      const backup = text(own, t);
      writeFileSync(t.path('backup.privatekey.html'), backup);

      const piped = await own.sh.pipe(
        backup,
        'key',
        'restore',
        'a.stream.privatekey',
        '--id',
        own.id,
      );
      const read = await own.sh.run(
        'key',
        'restore',
        'b.stream',
        '--input',
        'backup.privatekey.html',
      );

      assert.is(piped.status, 0, piped.stderr);
      assert.is(read.status, 0, read.stderr);
      assert.match(
        piped.stdout,
        `restored the secret key of ${own.id}: ${t.path('a.stream.privatekey')}`,
      );
      assert.match(piped.stderr, 'drayer recover');
      assert.match(piped.stderr, '--unused-key');
      for (const name of ['a.stream.privatekey', 'b.stream.privatekey']) {
        assert.is(readFileSync(t.path(name), 'utf8'), own.key);
        assert.is(statSync(t.path(name)).mode & 0o777, 0o600);
      }
    }),
  );
}

function numbered(words: string): string {
  return words
    .split(' ')
    .map((word, i) => `${i + 1}. ${word.toUpperCase()}`)
    .join('\n');
}

test(
  'key restore :: then publish refuses, recover, and publish goes on',
  scope(async (t) => {
    const { sh, words, id } = await published(t);
    const server = sh.start('serve', 'site', '--port', '0');
    const [url] = await server.waitFor(SITE_URL);
    const there = shell(t, { directory: t.path('there'), home: 'other' });
    mkdirSync(t.path('there', 'site'));
    writeFileSync(t.path('there', 'site', 'index.html'), 'changed there');
    assert.is((await there.pipe(words, 'key', 'restore', 'site.stream', '--id', id)).status, 0);

    const refused = await there.run('publish', 'site');
    assert.is(refused.status, 8, refused.stderr);
    assert.match(refused.stderr, 'drayer recover');
    assert.not.ok(existsSync(t.path('there', 'site.stream')));

    const recovered = await there.run('recover', 'site.stream', '--from', url);
    assert.is(recovered.status, 0, recovered.stderr);
    const published2 = JSON.parse((await there.run('publish', 'site', '--json')).stdout);
    assert.equal([published2.id, published2.seq], [id, 2]);
  }),
);

test(
  'key restore :: says what is wrong, and writes nothing',
  scope(async (t) => {
    const { sh, words, id } = await published(t);
    const list = words.split(' ');
    const typo = list.with(2, `${list[2]}x`).join(' ');
    await sh.run('key', 'new', 'other.privatekey');
    const other = readFileSync(t.path('other.privatekey'), 'utf8');
    const cases = [
      [typo, ['new.key'], 2, `word 3, ${list[2]}x, is not in the list; the nearest is ${list[2]}`],
      [list.slice(1).join(' '), ['new.key'], 2, `word 1, ${list[1]}, cannot stand there`],
      ['', ['new.key'], 2, 'expected 36 words, got 0'],
      [other.slice(0, 60), ['new.key'], 2, 'expected the base64 of 64 bytes, got 60 characters'],
      [other, ['new.key', '--id', id], 8, `not of ${id}`],
      [words, ['other.privatekey'], 1, 'there is a private key already'],
      [other, ['site.stream'], 8, 'site.stream is another one'],
      [words, ['no/such/key'], 1, 'its folder is missing'],
    ] as const;
    const before = readFileSync(t.path('site.stream.privatekey'), 'utf8');

    for (const [input, args, status, message] of cases) {
      const run = await sh.pipe(input, 'key', 'restore', ...args);
      assert.is(run.status, status, `${message}: ${run.stderr}`);
      assert.match(run.stderr, message);
      assert.match(run.stderr, 'hint: ');
      assert.not.match(run.stderr, / {2}at |undefined/);
      assert.not.ok(existsSync(t.path('new.key')), message);
    }
    assert.is(readFileSync(t.path('site.stream.privatekey'), 'utf8'), before);
    assert.is(readFileSync(t.path('other.privatekey'), 'utf8'), other);
  }),
);

test(
  'a secret as an argument :: is refused and not repeated (T114)',
  scope(async (t) => {
    const { sh, words, key } = await published(t);

    for (const args of [
      ['key', 'restore', words],
      ['key', 'restore', words.split(' ').slice(0, 32).join(' ')],
      ['key', 'restore', key],
      ['key', 'restore', 'new.key', '--id', words],
      ['key', 'restore', 'new.key', '--input', words],
      ['key', 'show', words],
      ['publish', words],
      ['publish', 'site', '--key-file', words],
    ]) {
      const run = await sh.run(...args);
      assert.ok(run.status > 0, args.join(' '));
      assert.not.ok(existsSync(t.path(words)), 'no file is called like that');
    }
  }),
);

test(
  'key backup --print :: is refused where stdout is no terminal',
  scope(async (t) => {
    const { sh } = await published(t);

    for (const more of [[], ['--json']]) {
      const { status, stdout, stderr } = await sh.run('key', 'backup', 'site', '--print', ...more);
      assert.is(status, 8, stderr);
      assert.match(stderr, '--print shows the secret key on a terminal, and stdout is none');
      assert.not.match(stdout, /restore/);
    }
  }),
);

onLinux(
  'key backup --print :: shows the words on a terminal',
  scope(async (t) => {
    const { sh, words } = await published(t);
    // Out of the way of the check that no run prints a key: this one shall.
    renameSync(t.path('site.stream.privatekey'), t.path('hidden.key'));

    const { stdout, status } = await sh.startOnTerminal('key', 'backup', 'hidden.key', '--print')
      .ended;

    assert.is(status, 0, stdout);
    const shown = stdout.split('\n').filter((line) => /^ +\d+\. /.test(line));
    assert.is(
      shown.map((line) => line.replace(/[\d.]/g, '').trim().split(/\s+/).join(' ')).join(' '),
      words,
    );
  }),
);

onLinux(
  'key restore :: on a terminal asks for the words, and again for a line with a wrong one',
  scope(async (t) => {
    const { sh, words, key } = await published(t);
    renameSync(t.path('site.stream.privatekey'), t.path('hidden.key'));
    const list = words.split(' ');
    const running = sh.startOnTerminal('key', 'restore', 'typed.key');

    await running.waitFor(/type the 36 words/);
    running.child.stdin?.write(`${list.slice(0, 8).join(' ')}\n\n`);
    running.child.stdin?.write(`${list.slice(8, 15).join(' ')} ${list[15]}q\n`);
    await running.waitFor(/warning: word 16, \w+, is not in the list[\s\S]*type this line again/);
    running.child.stdin?.write(`${list.slice(8, 30).join(' ')}\n`);
    running.child.stdin?.write(`${list.slice(30).join(' ')}\n`);
    const { status, stdout } = await running.ended;

    assert.is(status, 0, stdout);
    assert.is(readFileSync(t.path('typed.key'), 'utf8'), key);
  }),
);

onLinux(
  '--key-stdin :: a key is not typed where it stays on the screen',
  scope(async (t) => {
    const { sh } = await published(t);

    const { status, stdout } = await sh.startOnTerminal('publish', 'site', '--key-stdin').ended;

    assert.is(status, 2);
    assert.match(stdout, 'expected the key from a pipe, not typed');
  }),
);

test(
  '--key-stdin, DRAYER_KEY, DRAYER_KEY_FILE :: each signs, two at once are an error',
  scope(async (t) => {
    const { sh, key } = await published(t);
    renameSync(t.path('site.stream.privatekey'), t.path('away.privatekey'));
    const change = (text: string): void => writeFileSync(t.path('site', 'index.html'), text);

    change('one');
    assert.is((await sh.pipe(key, 'publish', 'site', '--key-stdin')).status, 0);
    change('two');
    assert.is((await sh.with({ DRAYER_KEY: key }).run('publish', 'site')).status, 0);
    change('three');
    const file = sh.with({ DRAYER_KEY_FILE: t.path('away.privatekey') });
    const last = await file.run('publish', 'site', '--json');
    assert.is(JSON.parse(last.stdout).seq, 4);

    change('four');
    for (const run of [
      () => file.with({ DRAYER_KEY: key }).run('publish', 'site'),
      () => sh.pipe(key, 'publish', 'site', '--key-stdin', '--key-file', 'away.privatekey'),
    ]) {
      const { status, stderr } = await run();
      assert.is(status, 2);
      assert.match(stderr, /both say which key to use/);
    }
    chmodSync(t.path('away.privatekey'), 0o640);
    const open = ['publish', 'site', '--key-file', 'away.privatekey'];
    const refused = await sh.run(...open);
    assert.is(refused.status, 8);
    assert.match(refused.stderr, /hint: run: chmod 600 .*away\.privatekey/);
    assert.is((await sh.run(...open, '--allow-readable-key')).status, 0);
  }),
);

test.run();
