/** The first ten minutes: what a newcomer does, in order, and that each answer is what the README says. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { assertServes, get } from '../helpers/fetch-site.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/newcomer');
const hello = fileURLToPath(new URL('../../examples/hello', import.meta.url));

function makeSite(t: Scope, name = 'site', text = '<h1>Hello</h1>'): string {
  mkdirSync(t.path(name), { recursive: true });
  writeFileSync(t.path(name, 'index.html'), text);
  return t.path(name);
}

async function list(sh: Shell, stream: string): Promise<string[]> {
  const { stdout } = await sh.run('ls', stream, '--json');
  return JSON.parse(stdout).files.map(({ key }: { key: string }) => key);
}

test(
  'publish :: makes stream and key beside the folder, private, out of git, and tells to keep the key',
  scope(async (t) => {
    const sh = shell(t);
    makeSite(t);
    mkdirSync(t.path('.git'));
    writeFileSync(t.path('.gitignore'), 'node_modules/\n');

    const { status, stdout, stderr } = await sh.run('publish', 'site');

    assert.is(status, 0, stderr);
    assert.is(statSync(t.path('site.stream.privatekey')).mode & 0o777, 0o600);
    assert.not(existsSync(t.path('site', 'site.stream')));
    const ignored = execFileSync('git', [
      '-c',
      'init.defaultBranch=main',
      'init',
      '-q',
      t.directory,
    ]);
    assert.is(ignored.toString(), '');
    const untracked = execFileSync('git', ['status', '--porcelain'], { cwd: t.directory });
    assert.not.match(untracked.toString(), 'site.stream');
    assert.match(stdout, /published site: 1 added, \d+ bytes stored, generation 1\n/);
    assert.match(stdout, /stream [\w+/]{43}=\n/);
    assert.match(stdout, 'look at it: drayer serve site.stream\n');
    assert.match(stderr, `made a key: ${t.path('site.stream.privatekey')}\n`);
    assert.match(stderr, 'copy it to a safe place now');
  }),
);

test(
  'publish :: never takes keys, streams, secrets, repositories or links along, and says so',
  scope(async (t) => {
    const sh = shell(t);
    makeSite(t);
    mkdirSync(t.path('site', '.git'));
    mkdirSync(t.path('site', 'node_modules', 'x'), { recursive: true });
    writeFileSync(t.path('site', '.git', 'HEAD'), 'ref');
    writeFileSync(t.path('site', 'node_modules', 'x', 'index.js'), 'x');
    writeFileSync(t.path('site', '.env'), 'PASSWORD=1');
    writeFileSync(t.path('site', '.env.local'), 'PASSWORD=1');
    writeFileSync(t.path('site', 'old.stream'), 'x');
    writeFileSync(t.path('site', 'old.stream.privatekey'), 'x');
    writeFileSync(t.path('outside.txt'), 'outside');
    symlinkSync(t.path('outside.txt'), t.path('site', 'link.txt'));
    symlinkSync(t.path('site'), t.path('site', 'loop'));
    execFileSync('sh', ['-c', 'mkfifo "$0"', t.path('site', 'pipe')]);

    const { status, stderr } = await sh.run('publish', 'site');

    assert.is(status, 0, stderr);
    assert.equal(await list(sh, 'site.stream'), ['index.html']);
    for (const name of ['.git', '.env', 'old.stream.privatekey', 'link.txt', 'pipe']) {
      assert.match(stderr, `left out ${name}`);
    }
  }),
);

test(
  'publish :: a second run with nothing changed writes nothing; an edit, an addition and a removal are one generation',
  scope(async (t) => {
    const sh = shell(t);
    makeSite(t);
    writeFileSync(t.path('site', 'b.txt'), 'b');
    await sh.run('publish', 'site');
    const before = readFileSync(t.path('site.stream'));
    const mark = statSync(t.path('site.stream.mark'), { bigint: true });

    const second = await sh.run('publish', 'site');
    assert.match(
      second.stdout,
      'nothing to publish: site is as it was, generation 1 (2 unchanged)',
    );
    assert.ok(readFileSync(t.path('site.stream')).equals(before));
    assert.is(statSync(t.path('site.stream.mark'), { bigint: true }).mtimeNs, mark.mtimeNs);

    writeFileSync(t.path('site', 'index.html'), '<h1>Changed</h1>');
    writeFileSync(t.path('site', 'c.txt'), 'c');
    rmSync(t.path('site', 'b.txt'));
    const looked = await sh.run('publish', 'site', '--dry-run');
    assert.match(looked.stdout, '  + c.txt\n  ~ index.html\n  - b.txt\nnothing was written');
    assert.ok(readFileSync(t.path('site.stream')).equals(before));

    const third = await sh.run('publish', 'site');
    assert.match(third.stdout, '1 added, 1 changed, 1 removed');
    assert.match(third.stdout, 'generation 2');
    assert.equal(await list(sh, 'site.stream'), ['c.txt', 'index.html']);
  }),
);

test(
  'publish :: a dry run before the first publish makes nothing at all',
  scope(async (t) => {
    const sh = shell(t);
    makeSite(t);

    const { status, stdout } = await sh.run('publish', 'site', '--dry-run');

    assert.is(status, 0);
    assert.match(stdout, '  + index.html\nnothing was written');
    assert.not(existsSync(t.path('site.stream')));
    assert.not(existsSync(t.path('site.stream.privatekey')));
  }),
);

test(
  'publish :: drayer.config.ts says what, where and with which key; a flag says more',
  scope(async (t) => {
    const sh = shell(t);
    makeSite(t, 'a');
    makeSite(t, 'b', '<h1>B</h1>');
    const made = await sh.run('key', 'new', 'b.key');
    assert.is(made.status, 0, made.stderr);
    assert.is(statSync(t.path('b.key')).mode & 0o777, 0o600);
    writeFileSync(
      t.path('drayer.config.ts'),
      `import { defineConfig } from 'drayer';
       export default defineConfig({
         streams: [{ directory: 'a' }, { directory: 'b', path: 'kept/b.stream', keyFile: 'b.key' }],
       });`,
    );
    mkdirSync(t.path('kept'));

    const { status, stdout, stderr } = await sh.run('publish', '--json');

    assert.is(status, 0, stderr);
    const [a, b] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.is(a.stream, t.path('a.stream'));
    assert.is(b.stream, t.path('kept', 'b.stream'));
    assert.match(made.stdout, b.id);
    assert.not(existsSync(t.path('kept', 'b.stream.privatekey')));
    const named = await sh.run('publish', 'b');
    assert.match(named.stdout, 'nothing to publish: b is as it was');
    const elsewhere = await sh.run('publish', 'a', '--stream', 'c.stream', '--json');
    assert.is(JSON.parse(elsewhere.stdout).stream, t.path('c.stream'));
  }),
);

test(
  'publish :: the key can come from the environment, as in CI',
  scope(async (t) => {
    const sh = shell(t);
    makeSite(t);
    const made = await sh.run('key', 'new', 'ci.key', '--json');
    const { id } = JSON.parse(made.stdout);
    const key = readFileSync(t.path('ci.key'), 'utf8').trim();

    const ci = sh.with({ DRAYER_KEY: key });
    assert.is((await ci.run('publish', 'site')).status, 8, 'it may have signed this site before');
    const byText = await ci.run('publish', 'site', '--unused-key', '--json');
    assert.is(byText.status, 0, byText.stderr);
    assert.is(JSON.parse(byText.stdout).id, id);
    assert.not(existsSync(t.path('site.stream.privatekey')));

    writeFileSync(t.path('site', 'more.txt'), 'more');
    const byFile = await sh.with({ DRAYER_KEY_FILE: 'ci.key' }).run('publish', 'site', '--json');
    assert.is(JSON.parse(byFile.stdout).seq, 2, byFile.stderr);
  }),
);

test(
  'serve :: prints addresses to click, says who can reach it, answers every endpoint',
  scope(async (t) => {
    const sh = shell(t);
    cpSync(hello, t.path('hello'), { recursive: true });
    await sh.run('publish', 'hello');
    const server = sh.start('serve', 'hello', '--port', '0');
    const [url, , port] = await server.waitFor(SITE_URL);
    const [pathUrl, base] = await server.waitFor(
      /(http:\/\/127\.0\.0\.1:\d+\/[\w-]{43})\/webAccess\//,
    );
    await server.waitForStderr(/"msg":"only this machine can reach it; --lan lets others in"/);

    const records = await get(`${base}/newRecords/0`);
    assert.is(records.status, 200);
    const paged = await get(`${base}/newRecords/0?limit=2&inline=0&head=16`);
    assert.match(String(paged.headers['drayer-tip']), /^\d{16}$/);
    const listed = await get(`${base}/newestRecordsJSON/file`);
    const names = JSON.parse(listed.body.toString());
    assert.is(names.length, 11);
    const modified = await get(`${base}/listRecordsJSON/file`);
    assert.is(JSON.parse(modified.body.toString()).length, 11);
    for (const path of [
      '/record/file/index.html',
      '/record/file/index.html?proof=1',
      '/crdr/9007199254740991',
      '/rawwebacess/file/index.html',
    ]) {
      assert.is((await get(base + path)).status, 200, path);
    }
    assert.is((await get(`${base}/record/file/none?proof=1`)).status, 404);
    const streams = await get(`http://127.0.0.1:${port}/streams.json`);
    assert.is(JSON.parse(streams.body.toString()).streams.length, 1);

    const page = await get(url, { 'accept-encoding': 'gzip' });
    assert.match(String(page.headers['content-type']), 'text/html');
    assert.is(page.headers['content-encoding'], 'gzip');
    const etag = String(page.headers['etag']);
    const again = await get(url, { 'accept-encoding': 'gzip', 'if-none-match': etag });
    assert.is(again.status, 304);
    await assertServes(pathUrl, t.path('hello'));
    const refused = await get(`http://127.0.0.1:${port}/`, { host: 'evil.example' });
    assert.is(refused.status, 421);
    assert.is(refused.body.length, 0);
    await server.waitForStderr(/"level":"warn".*--allow-host/);

    const ended = await server.stop('SIGINT');
    assert.is(ended.status, 130);
    assert.not.match(ended.stderr, /\n\s+at /);
  }),
);

test(
  'serve :: --lan lets others in, --site serves one at /, --mount moves everything',
  scope(async (t) => {
    const sh = shell(t);
    makeSite(t);
    await sh.run('publish', 'site');

    const lan = sh.start('serve', 'site', '--port', '0', '--lan');
    await lan.waitForStderr(
      /"msg":"other machines on the network can reach it, and are told the ids/,
    );
    assert.is((await lan.stop()).status, 143);

    const site = sh.start('serve', 'site', '--port', '0', '--site', 'site');
    const [, port] = await site.waitFor(/http:\/\/localhost:(\d+)\//);
    assert.is((await get(`http://127.0.0.1:${port}/`)).body.toString(), '<h1>Hello</h1>');

    const mounted = sh.start('serve', 'site', '--port', '0', '--mount', '/drayer');
    const [mountUrl] = await mounted.waitFor(/http:\/\/127\.0\.0\.1:\d+\/drayer\/\S+/);
    await assertServes(mountUrl, t.path('site'));
  }),
);

test(
  'serve :: without arguments, all that the config publishes and all mirrors',
  scope(async (t) => {
    const friend = shell(t, { home: 'friend' });
    makeSite(t, 'theirs', '<h1>Theirs</h1>');
    await friend.run('publish', 'theirs');
    const server = friend.start('serve', 'theirs', '--port', '0');
    const [url, label] = await server.waitFor(SITE_URL);

    const sh = shell(t);
    makeSite(t, 'mine', '<h1>Mine</h1>');
    writeFileSync(t.path('drayer.config.ts'), `export default { directory: 'mine' };`);
    await sh.run('publish');
    await sh.run('mirror', url);
    const both = sh.start('serve', '--port', '0', '--json');
    const [line] = await both.waitFor(/\{.*\}\n/);
    const { streams, addresses, port } = JSON.parse(line);

    assert.equal(
      streams.map(({ name }: { name?: string }) => name),
      ['mine', undefined],
    );
    assert.ok(addresses.length >= 3);
    const theirs = await get(`http://${label}.localhost:${port}/`);
    assert.is(theirs.body.toString(), '<h1>Theirs</h1>');
  }),
);

test(
  'mirror :: takes the only stream there is, from any address of it, into the data folder',
  scope(async (t) => {
    const author = shell(t);
    makeSite(t);
    await author.run('publish', 'site');
    const server = author.start('serve', 'site', '--port', '0');
    const [url, label, port] = await server.waitFor(SITE_URL);
    const { id } = JSON.parse((await author.run('info', 'site', '--json')).stdout);
    const base64url = id.replaceAll('+', '-').replaceAll('/', '_').replace('=', '');

    const addresses = [
      [`http://127.0.0.1:${port}`],
      [`127.0.0.1:${port}`],
      [`http://localhost:${port}/`, id],
      [url],
      [`${url}index.html`],
      [`http://127.0.0.1:${port}/${base64url}/webAccess/index.html`],
      [`drayer://${base64url}?from=http://127.0.0.1:${port}`],
    ];
    for (const [i, address] of addresses.entries()) {
      const friend = shell(t, { home: `friend ${i}` });
      const { status, stdout, stderr } = await friend.run('mirror', ...address);
      assert.is(status, 0, `${address}: ${stderr}`);
      const path = t.path(`friend ${i}`, 'share', 'drayer', `${label}.stream`);
      assert.match(stdout, `mirrored ${id}: generation 1, 2 records`);
      assert.match(stdout, `file ${path}\nserve it: drayer serve\n`);
      assert.is((await friend.run('cat', 'index.html')).stdout, '<h1>Hello</h1>');
      assert.is((await friend.run('verify')).status, 0);
    }
  }),
);

test(
  'mirror :: of several streams, and nobody to ask, lists them; an id chooses',
  scope(async (t) => {
    const author = shell(t);
    makeSite(t, 'a');
    makeSite(t, 'b', '<h1>B</h1>');
    await author.run('publish', 'a');
    await author.run('publish', 'b');
    const { id } = JSON.parse((await author.run('info', 'b', '--json')).stdout);
    const server = author.start('serve', 'a', 'b', '--port', '0');
    const [, port] = await server.waitFor(/http:\/\/localhost:(\d+)\//);
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });

    const asked = await friend.run('mirror', `http://127.0.0.1:${port}`);
    assert.is(asked.status, 4);
    assert.match(asked.stderr, 'offers 2 streams: which one?');
    assert.match(asked.stderr, `${id} (b)`);

    const chosen = await friend.run('mirror', `http://127.0.0.1:${port}`, id);
    assert.is(chosen.status, 0, chosen.stderr);
    assert.is((await friend.run('cat', 'index.html')).stdout, '<h1>B</h1>');
  }),
);

test(
  'cat :: from here, from a peer by proof, byte for byte; a closed pipe is no error',
  scope(async (t) => {
    const author = shell(t);
    cpSync(hello, t.path('hello'), { recursive: true });
    await author.run('publish', 'hello');
    const server = author.start('serve', 'hello', '--port', '0');
    const [url] = await server.waitFor(SITE_URL);
    const { base64url } = JSON.parse((await author.run('info', 'hello', '--json')).stdout);
    const stranger = shell(t, { home: 'stranger' });
    const text = readFileSync(t.path('hello', 'style.css'), 'utf8');

    const here = await author.run('cat', 'hello', 'style.css');
    assert.is(here.stdout, text);
    const there = await stranger.run('cat', base64url, 'style.css', '--from', url);
    assert.is(there.stdout, text, there.stderr);
    const link = `drayer://${base64url}/style.css?from=${url}`;
    assert.is((await stranger.run('cat', link)).stdout, text);
    const none = await stranger.run('cat', base64url, 'none', '--from', url);
    assert.is(none.status, 1);
    assert.is(none.stdout, '');

    const picture = t.path('picture.png');
    const script = `"$0" "$1" cat hello pictures/ridges.png > "${picture}"; "$0" "$1" cat hello style.css | head -c 1`;
    const bin = fileURLToPath(new URL('../../dist/cli/bin.cjs', import.meta.url));
    const out = execFileSync('sh', ['-c', script, process.execPath, bin], { cwd: t.directory });
    assert.is(out.toString(), text[0]);
    assert.ok(
      readFileSync(picture).equals(readFileSync(t.path('hello', 'pictures', 'ridges.png'))),
    );
  }),
);

test(
  'ls, info, verify, key show :: tell what there is, for people and for programs',
  scope(async (t) => {
    const sh = shell(t);
    makeSite(t);
    await sh.run('publish', 'site');

    const ls = await sh.run('ls', 'site');
    assert.match(ls.stdout, /^14 bytes {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}index\.html\n$/);
    assert.match(ls.stderr, 'drayer: 1 file, ');
    const info = await sh.run('info', 'site');
    for (const line of [/^id {10}[\w+/]{43}=$/m, /^generation {2}1, of /m, /^records {5}2 /m]) {
      assert.match(info.stdout, line);
    }
    const verified = await sh.run('verify', 'site');
    assert.match(verified.stdout, /^sound: .*, 2 records, .*, exactly what snapshot 1 covers\n$/);
    const key = await sh.run('key', 'show', 'site');
    assert.match(key.stdout, /^secret key {2}\/.*site\.stream\.privatekey$/m);
    const words = /in words((?:\s+[a-z]+){32})\n/.exec(key.stdout)?.[1] ?? '';
    writeFileSync(t.path('drayer.config.mjs'), `export default { directory: 'site' };`);
    const byWords = await sh.run('key', 'show', words.trim().replace(/\s+/g, ' '));
    assert.is(byWords.stdout, key.stdout);
    for (const command of ['ls', 'info', 'verify']) {
      const { stdout, stderr } = await sh.run(command, 'site', '--json');
      assert.type(JSON.parse(stdout), 'object');
      assert.is(stderr, '');
    }
  }),
);

test(
  'recover :: a stream from an old backup refuses to sign until it has caught up with a mirror',
  scope(async (t) => {
    const author = shell(t);
    makeSite(t);
    await author.run('publish', 'site');
    copyFileSync(t.path('site.stream'), t.path('backup'));
    writeFileSync(t.path('site', 'new.txt'), 'new');
    await author.run('publish', 'site');
    const server = author.start('serve', 'site', '--port', '0');
    const [url] = await server.waitFor(SITE_URL);
    const friend = shell(t, { home: 'friend', directory: t.path('friend') });
    await friend.run('mirror', url);
    await server.stop();
    const mirror = friend.start('serve', '--port', '0');
    const [mirrorUrl] = await mirror.waitFor(SITE_URL);

    for (const suffix of ['-wal', '-shm']) rmSync(t.path(`site.stream${suffix}`), { force: true });
    copyFileSync(t.path('backup'), t.path('site.stream'));
    writeFileSync(t.path('site', 'other.txt'), 'other');
    const refused = await author.run('publish', 'site');
    assert.is(refused.status, 8, refused.stdout);
    assert.match(refused.stderr, 'drayer recover');

    const recovered = await author.run('recover', 'site', '--from', mirrorUrl);
    assert.is(recovered.status, 0, recovered.stderr);
    assert.match(recovered.stdout, 'generation 2');
    assert.match(recovered.stdout, 'it can be published to again');
    const published = await author.run('publish', 'site', '--json');
    assert.is(published.status, 0, published.stderr);
    assert.is(JSON.parse(published.stdout).seq, 3);

    // The file may be lost altogether, as long as the key is there.
    rmSync(t.path('site.stream'));
    for (const suffix of ['-wal', '-shm']) rmSync(t.path(`site.stream${suffix}`), { force: true });
    const lost = await author.run('publish', 'site');
    assert.is(lost.status, 8, lost.stderr);
    const synced = await author.run('recover', 'site', '--from', mirrorUrl);
    assert.is(synced.status, 3, 'the mirror has not seen generation 3');
    assert.match(synced.stderr, 'is behind what the key');
  }),
);

test.run();
