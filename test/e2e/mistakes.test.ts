/** Every mistake a newcomer makes: the answer is a sentence that helps, with the right exit status. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Database from 'better-sqlite3';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Run, type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/mistakes');

type Expected = {
  readonly status: number;
  readonly message: RegExp | string;
  readonly hint: RegExp | string;
};

/** An answer that helps: the sentence, the way out, every line marked as ours, no stack, no result. */
function assertHelps({ status, stdout, stderr }: Run, expected: Expected): void {
  assert.is(status, expected.status, stderr);
  const lines = stderr.trimEnd().split('\n');
  for (const line of lines) assert.match(line, /^drayer: /, stderr);
  const errors = lines.filter((line) => line.startsWith('drayer: error: '));
  const hints = lines.filter((line) => line.startsWith('drayer: hint: '));
  assert.is(errors.length, 1, stderr);
  assert.is(hints.length, 1, stderr);
  const more = lines.filter((line) => line.startsWith('drayer:   '));
  assert.match([...errors, ...more].join('\n'), expected.message);
  assert.match(hints[0] ?? '', expected.hint);
  assert.not.match(stderr, /\bat .*\.js:\d+|node:internal|\[object |undefined/);
  assert.is(stdout, '');
}

async function publishedSite(t: Scope): Promise<Shell> {
  const sh = shell(t);
  mkdirSync(t.path('site'));
  writeFileSync(t.path('site', 'index.html'), '<h1>Hello</h1>');
  assert.is((await sh.run('publish', 'site')).status, 0);
  return sh;
}

async function serving(sh: Shell): Promise<{ url: string; port: string }> {
  const server = sh.start('serve', 'site', '--port', '0');
  const [url, , port = ''] = await server.waitFor(SITE_URL);
  return { url, port };
}

type Mistake = Expected & {
  readonly what: string;
  readonly args: readonly string[];
  /** Prepares an empty folder. */
  readonly given?: (t: Scope) => void;
};

const IN_AN_EMPTY_FOLDER: readonly Mistake[] = [
  {
    what: 'a wrong folder',
    args: ['publish', 'nope'],
    status: 2,
    message: /nope: .*nothing that can be read/,
    hint: /folder that holds the finished site/,
  },
  {
    what: 'a file in place of the folder',
    args: ['publish', 'page.html'],
    given: (t) => writeFileSync(t.path('page.html'), 'x'),
    status: 2,
    message: /page\.html: expected a directory, found a file/,
    hint: /folder that holds the finished site/,
  },
  {
    what: 'a variable that is not set',
    args: ['publish', ''],
    given: (t) => writeFileSync(t.path('page.html'), 'x'),
    status: 2,
    message: 'DIR: expected something, got an empty word',
    hint: 'variable of the shell',
  },
  {
    what: 'a variable of a flag that is not set',
    args: ['publish', '.', '--stream', ''],
    status: 2,
    message: '--stream: expected something, got an empty word',
    hint: 'variable of the shell',
  },
  {
    what: 'a folder for the stream that is not there',
    args: ['publish', 'site', '--stream', 'none/site.stream'],
    given: (t) => mkdirSync(t.path('site')),
    status: 2,
    message: /none\/site\.stream: its folder is missing/,
    hint: 'mkdir -p',
  },
  {
    what: 'a folder in place of the stream',
    args: ['publish', 'site', '--stream', 'folder'],
    given: (t) => {
      mkdirSync(t.path('site'));
      mkdirSync(t.path('folder'));
    },
    status: 2,
    message: /folder: expected a stream file, found something else/,
    hint: 'site.stream',
  },
  {
    what: 'a folder in place of the key',
    args: ['publish', 'site', '--key-file', 'folder'],
    given: (t) => {
      mkdirSync(t.path('site'));
      mkdirSync(t.path('folder'));
    },
    status: 2,
    message: /folder: expected a file with a private key in it/,
    hint: 'site.stream.privatekey',
  },
  {
    what: 'a folder in place of a new key',
    args: ['key', 'new', 'folder'],
    given: (t) => mkdirSync(t.path('folder')),
    status: 2,
    message: /folder: expected the name of a new file, found a folder/,
    hint: /folder\/site\.key/,
  },
  {
    what: 'no folder and no config',
    args: ['publish'],
    status: 2,
    message: 'which folder? There is no drayer.config.ts here to say so',
    hint: 'drayer publish DIR, or drayer init',
  },
  {
    what: 'a config without a folder',
    args: ['publish'],
    given: (t) => writeFileSync(t.path('drayer.config.ts'), 'export default { port: 1 };'),
    status: 2,
    message: 'names no folder to publish',
    hint: 'add directory',
  },
  {
    what: 'a wrong field in the config',
    args: ['serve'],
    given: (t) =>
      writeFileSync(t.path('drayer.config.ts'), 'export default { streams: [{ path: 1 }] };'),
    status: 2,
    message: 'streams[0].path: expected string, got number',
    hint: 'defineConfig',
  },
  {
    what: 'a config that does not run',
    args: ['serve'],
    given: (t) => writeFileSync(t.path('drayer.config.ts'), 'export default nonsense();'),
    status: 2,
    message: 'nonsense is not defined',
    hint: 'export default',
  },
  {
    what: 'a config that is not there',
    args: ['publish', '--config', 'other.ts'],
    status: 2,
    message: 'no such config file',
    hint: '--config',
  },
  {
    what: 'a dry run of a wrong folder',
    args: ['publish', 'nope', '--dry-run'],
    status: 2,
    message: /nope: /,
    hint: /folder/,
  },
  {
    what: 'nothing to serve',
    args: ['serve'],
    status: 1,
    message: 'there is nothing to serve yet',
    hint: 'drayer publish DIR',
  },
  {
    what: 'a folder that was never published',
    args: ['serve', 'site'],
    given: (t) => mkdirSync(t.path('site')),
    status: 1,
    message: 'not published yet',
    hint: /drayer publish .*site/,
  },
  {
    what: 'a stream file that is text',
    args: ['serve', 'x.stream'],
    given: (t) => writeFileSync(t.path('x.stream'), 'this is no database, whatever its name says'),
    status: 6,
    message: /x\.stream: .*not a database/,
    hint: 'move it away and mirror it again',
  },
  {
    what: 'no stream to list',
    args: ['ls'],
    status: 1,
    message: 'there is no stream here yet',
    hint: 'drayer mirror URL',
  },
  {
    what: 'an id that is nowhere here',
    args: ['ls', 'yK3usCBaCLkRCEKWpj-IIjB1efeQ3RN2NuNCcHFlp6c'],
    status: 1,
    message: 'no such stream, file or folder',
    hint: 'check the path',
  },
  {
    what: 'an unknown flag',
    args: ['publish', 'site', '--frobnicate'],
    status: 2,
    message: "unknown option '--frobnicate'",
    hint: 'drayer help',
  },
  {
    what: 'a misspelt flag',
    args: ['serve', '--prot', '1'],
    status: 2,
    message: "unknown option '--prot'",
    hint: 'Did you mean --port?',
  },
  {
    what: 'an unknown command',
    args: ['publsh'],
    status: 2,
    message: "unknown command 'publsh'",
    hint: 'Did you mean publish?',
  },
  {
    what: 'a missing argument',
    args: ['mirror'],
    status: 2,
    message: "missing required argument 'url'",
    hint: 'drayer help',
  },
  {
    what: 'a number of processes that is none',
    args: ['serve', '--workers', 'all'],
    status: 2,
    message: '--workers: expected a number, got "all"',
    hint: '--workers 4',
  },
  {
    what: 'a port that is none',
    args: ['serve', '--port', 'http'],
    status: 2,
    message: '--port: expected an integer from 0 to 65535, got "http"',
    hint: 'drayer help',
  },
  {
    what: 'an address that is none',
    args: ['mirror', 'ftp://example.org'],
    status: 2,
    message: 'expected http or https, got ftp',
    hint: 'an address looks like',
  },
  {
    what: 'an id with a typing error',
    args: ['mirror', 'http://127.0.0.1:1', 'yK3usCBaCLkRCEKWpj'],
    status: 2,
    message: "not a stream id: 'yK3usCBa… (18 characters)'",
    hint: 'accepted are base64',
  },
  {
    what: 'a quota that is none, of a mirror whose server is away',
    args: ['mirror', 'http://127.0.0.1:1', '--quota', 'much'],
    status: 2,
    message: '--quota: expected a size, got "much"',
    hint: '500MB',
  },
  {
    what: 'nobody at that port',
    args: ['mirror', 'http://127.0.0.1:1'],
    status: 7,
    message: 'connection refused',
    hint: 'is the server running there',
  },
  {
    what: 'no network, or a name that does not exist',
    args: ['mirror', 'http://drayer.invalid:33125'],
    status: 7,
    message: /no such host|cannot be looked up/,
    hint: 'whether this machine is online',
  },
  {
    what: 'a template that does not exist',
    args: ['init', 'new', '--template', 'shop'],
    status: 2,
    message: 'no template "shop"',
    hint: /there (is|are) .*page/,
  },
  {
    what: 'init where something is',
    args: ['init'],
    given: (t) => writeFileSync(t.path('mine.txt'), 'x'),
    status: 2,
    message: 'the folder is not empty',
    hint: '--force',
  },
  {
    what: 'a key file that is there already',
    args: ['key', 'new', 'my.key'],
    given: (t) => writeFileSync(t.path('my.key'), 'precious'),
    status: 1,
    message: /my\.key: there is a private key already/,
    hint: 'choose another name',
  },
  {
    what: 'a key file that is not there',
    args: ['publish', 'site', '--key-file', 'no.key'],
    given: (t) => mkdirSync(t.path('site')),
    status: 4,
    message: /no\.key: no private key/,
    hint: /copy the key/,
  },
];

for (const { what, args, given, ...expected } of IN_AN_EMPTY_FOLDER) {
  test(
    `${args.join(' ')} :: ${what}`,
    scope(async (t) => {
      given?.(t);
      const before = readdirSync(t.directory);

      assertHelps(await shell(t).run(...args), expected);

      // What is kept of a translated config is in the home folder, and nothing else anywhere.
      const after = readdirSync(t.directory).filter((name) => name !== 'home');
      assert.equal(after, before, 'nothing is left behind');
    }),
  );
}

test(
  'publish :: without the key, with the key of another stream, with a damaged key',
  scope(async (t) => {
    const sh = await publishedSite(t);
    const keyPath = t.path('site.stream.privatekey');
    const key = readFileSync(keyPath);
    const before = readFileSync(t.path('site.stream'));
    writeFileSync(t.path('site', 'new.txt'), 'new');

    rmSync(keyPath);
    assertHelps(await sh.run('publish', 'site'), {
      status: 8,
      message: 'without its private key this stream can only be read',
      hint: 'copy its private key to',
    });

    await sh.run('key', 'new', 'other.key');
    copyFileSync(t.path('other.key'), keyPath);
    chmodSync(keyPath, 0o600);
    assertHelps(await sh.run('publish', 'site'), {
      status: 8,
      message: 'the private key belongs to another stream',
      hint: 'the key that was made with this stream',
    });

    writeFileSync(keyPath, key.subarray(0, 40));
    assertHelps(await sh.run('publish', 'site'), {
      status: 2,
      message: /expected the base64 of 64 bytes, got 40 characters/,
      hint: 'restore the file from your backup',
    });

    writeFileSync(keyPath, key);
    chmodSync(keyPath, 0o644);
    assertHelps(await sh.run('publish', 'site'), {
      status: 8,
      message: 'other users of this machine can read the private key',
      hint: 'chmod 600',
    });
    assert.ok(readFileSync(t.path('site.stream')).equals(before), 'nothing was signed');

    chmodSync(keyPath, 0o600);
    assert.is((await sh.run('publish', 'site')).status, 0);
  }),
);

test(
  'publish :: a folder that has lost its files, and a page with the secret key in it',
  scope(async (t) => {
    const sh = await publishedSite(t);
    const key = readFileSync(t.path('site.stream.privatekey'), 'utf8');

    writeFileSync(t.path('site', 'about.html'), `my key is ${key}`);
    assertHelps(await sh.run('publish', 'site'), { status: 8, message: 'about.html', hint: /./ });

    rmSync(t.path('site'), { recursive: true });
    mkdirSync(t.path('site'));
    assertHelps(await sh.run('publish', 'site'), {
      status: 8,
      message: 'the directory has no files',
      hint: '--allow-mass-delete',
    });
    assert.is((await sh.run('publish', 'site', '--allow-mass-delete')).status, 0);
  }),
);

test(
  'serve :: a taken port says by whom and suggests another',
  scope(async (t) => {
    const sh = await publishedSite(t);
    const { port } = await serving(sh);

    assertHelps(await sh.run('serve', 'site', '--port', port), {
      status: 1,
      message: /port \d+ is taken by process \d+ \(.*serve site/,
      hint: `--port ${Number(port) + 1}`,
    });
    assertHelps(await sh.run('serve', 'site', '--host', '192.0.2.1'), {
      status: 2,
      message: '192.0.2.1 is not an address of this machine',
      hint: '--lan',
    });
    assertHelps(await sh.run('serve', 'site', '--host', '::', '--lan'), {
      status: 2,
      message: '--host and --lan exclude each other',
      hint: '--lan listens on every network interface',
    });
    assertHelps(await sh.run('serve', 'site', '--site', 'other'), {
      status: 1,
      message: 'other: no such stream',
      hint: 'there are site',
    });
  }),
);

test(
  'mirror :: a wrong id, an own stream, a server that is no drayer, a full folder',
  scope(async (t) => {
    const sh = await publishedSite(t);
    const { url, port } = await serving(sh);
    const friend = shell(t, { home: 'friend' });
    const other = JSON.parse((await sh.run('key', 'new', 'x.key', '--json')).stdout).id;

    assertHelps(await friend.run('mirror', `http://127.0.0.1:${port}`, other), {
      status: 1,
      message: other,
      hint: /./,
    });
    assertHelps(await friend.run('mirror', url, other), { status: 2, message: /./, hint: /./ });
    assertHelps(await sh.run('mirror', url, '--stream', 'site.stream'), {
      status: 8,
      message: 'site.stream',
      hint: /./,
    });
    writeFileSync(t.path('file'), 'x');
    assertHelps(await friend.run('mirror', url, '--data-dir', 'file'), {
      status: 1,
      message: 'cannot make the directory',
      hint: '--data-dir',
    });

    const stranger = createServer((_request, response) => response.end('<h1>It works!</h1>'));
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    t.defer(stranger, (server) => server.close());
    const address = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    assertHelps(await friend.run('mirror', address), {
      status: 1,
      message: 'does not tell which streams it has',
      hint: 'ask its operator for the stream id',
    });
    assertHelps(await friend.run('mirror', address, other), {
      status: 6,
      message: address,
      hint: /./,
    });
    const mirrors = t.path('friend', 'share', 'drayer');
    const left = existsSync(mirrors) ? readdirSync(mirrors) : [];
    assert.equal(
      left.filter((name) => name.endsWith('.stream')),
      [],
    );
  }),
);

test(
  'cat, ls, key :: what is not there, and what cannot be asked of a peer',
  scope(async (t) => {
    const sh = await publishedSite(t);
    const { url } = await serving(sh);

    assertHelps(await sh.run('cat', 'site', 'none.html'), {
      status: 1,
      message: 'has no file none.html',
      hint: 'drayer ls',
    });
    assertHelps(await sh.run('cat', 'index.html', '--from', url), {
      status: 4,
      message: 'which stream?',
      hint: 'drayer cat STREAM_ID index.html',
    });
    assertHelps(await sh.run('cat', 'drayer://nonsense/index.html', '--from', url), {
      status: 2,
      message: 'nonsense',
      hint: /./,
    });
    assertHelps(await sh.run('key', 'show', 'nowhere'), {
      status: 1,
      message: 'nowhere: no such stream',
      hint: /./,
    });
    assertHelps(await sh.run('recover', 'site', '--from', 'http://127.0.0.1:1'), {
      status: 7,
      message: 'connection refused',
      hint: 'is the server running there',
    });
  }),
);

test(
  'verify :: a damaged file names the record and is status 6; serving it goes on for the rest',
  scope(async (t) => {
    const sh = await publishedSite(t);
    const database = new Database(t.path('site.stream'));
    database.exec(`UPDATE record SET value = zeroblob(length(value)) WHERE key = 'index.html'`);
    database.close();

    const { status, stdout, stderr } = await sh.run('verify', 'site');

    assert.is(status, 6);
    assert.match(stdout, /^record: record \d+: .* \(file\/index\.html\)$/m);
    assert.match(stdout, /^damaged: /m);
    assert.match(stderr, 'drayer: error: 1 fault was found');
    assert.match(
      stderr,
      'drayer: hint: move the file away and fetch it from a mirror: drayer recover',
    );
    const json = await sh.run('verify', 'site', '--json');
    assert.is(json.status, 6);
    assert.is(JSON.parse(json.stdout).faults, 1);
  }),
);

test(
  'errors :: --json prints them as an object, DRAYER_DEBUG shows the stack, both keep the status',
  scope(async (t) => {
    const sh = shell(t);

    const json = await sh.run('publish', 'nope', '--json');
    assert.is(json.status, 2);
    assert.is(JSON.parse(json.stdout).error.code, 'DIRECTORY_NOT_FOUND');

    const debug = await sh.with({ DRAYER_DEBUG: '1' }).run('publish', 'nope');
    assert.is(debug.status, 2);
    assert.match(debug.stderr, /\n\s+at /);
  }),
);

test(
  'help :: every command has it on stdout with status 0; nothing at all is status 2',
  scope(async (t) => {
    const sh = shell(t);
    const all = await sh.run('--help');
    assert.is(all.status, 0);
    const commands = [...all.stdout.matchAll(/^ {2}([a-z]+)(?= )/gm)].map(([, name]) => name ?? '');
    assert.ok(commands.length >= 10, commands.join());

    for (const name of commands.filter((command) => command !== 'help')) {
      const help = await sh.run(name, '--help');
      assert.is(help.status, 0, name);
      assert.match(help.stdout, `Usage: drayer ${name}`);
      assert.is(help.stderr, '');
    }
    const nothing = await sh.run();
    assert.is(nothing.status, 2);
    assert.is(nothing.stdout, '');
    assert.match((await sh.run('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
  }),
);

test(
  'an older Node :: is told in one line, before anything is loaded that needs a newer one',
  scope(async (t) => {
    const sh = shell(t);
    const runAs = (version: string): Promise<Run> => {
      const text = `Object.defineProperty(process.versions, 'node', { value: '${version}' });`;
      writeFileSync(t.path(`${version}.cjs`), text);
      return sh
        .with({ NODE_OPTIONS: `--require ${t.path(`${version}.cjs`)}` })
        .run('key', 'show', '--help');
    };

    // 21, and 22 before 22.12, cannot require() the packages that are modules.
    for (const version of ['18.20.0', '20.18.3', '21.7.3', '22.11.0']) {
      const { status, stderr } = await runAs(version);
      assert.is(status, 1, version);
      const needs = `needs Node.js 20.19, or 22.12 and later, this is ${version}`;
      assert.is(stderr, `drayer: ${needs}; get one at https://nodejs.org\n`);
    }
    assert.is((await runAs('22.12.0')).status, 0);
    assert.is((await runAs('24.0.0')).status, 0);
  }),
);

test.run();
