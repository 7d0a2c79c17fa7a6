import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId, parseStreamId } from '../../src/core/stream-id.ts';
import { writeKept } from '../../src/daemon/kept-mirrors.ts';
import { mirrorPathOf } from '../../src/mirror/data-dir.ts';
import { type Running, type Shell, SITE_URL, shell } from '../helpers/drayer.ts';
import { get } from '../helpers/fetch-site.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('e2e/daemon');

type Author = { readonly sh: Shell; readonly url: string; readonly server: Running };

/** A publisher with a server of its own. */
async function author(t: Scope): Promise<Author> {
  const sh = shell(t, { directory: t.path('author'), home: 'author-home' });
  mkdirSync(join(sh.directory, 'site'), { recursive: true });
  writeFileSync(join(sh.directory, 'site', 'index.html'), 'one');
  await sh.run('publish', 'site');
  const server = sh.start('serve', 'site', '--port', '0');
  const [url] = await server.waitFor(SITE_URL);
  return { sh, url, server };
}

/** A machine with a daemon that serves a stream of its own already. */
async function daemonOf(
  t: Scope,
): Promise<{ sh: Shell; daemon: Running; own: string; port: string }> {
  const sh = shell(t, { directory: t.path('mine'), home: 'mine-home' });
  mkdirSync(join(sh.directory, 'own'), { recursive: true });
  writeFileSync(join(sh.directory, 'own', 'index.html'), 'own one');
  await sh.run('publish', 'own');
  const daemon = sh.start('serve', '--port', '0', '--log-level', 'debug');
  const [own, , port = ''] = await daemon.waitFor(SITE_URL);
  return { sh, daemon, own, port };
}

test(
  'mirror, list, unmirror :: act through the daemon that runs; it logs JSON where nobody looks',
  scope(async (t) => {
    const { url, sh: writer } = await author(t);
    const { sh, daemon } = await daemonOf(t);

    const mirrored = await sh.run('mirror', url, '--quota', '5MB');
    const [there = '', label] = SITE_URL.exec(mirrored.stdout) ?? [];
    assert.match(mirrored.stdout, 'keeps it up to date');
    assert.is((await get(there)).body.toString(), 'one');
    const listed = JSON.parse((await sh.run('list', '--json')).stdout);
    assert.is(listed.daemon.pid, daemon.child.pid);
    assert.equal(
      listed.streams.map((one: Record<string, unknown>) => [
        one['kind'],
        one['served'],
        one['following'],
        one['quota'],
      ]),
      [
        ['own', true, undefined, undefined],
        ['mirror', true, true, { bytes: 5_000_000 }],
      ],
    );
    assert.match((await sh.run('list')).stdout, /follows {2}http:.*\n {2}quota {4}5\.0 MB/);

    const info = await sh.run('info', label ?? '');
    assert.match(info.stdout, `served      ${there}`);
    assert.match(info.stdout, /^follows {5}http:/m);
    const json = JSON.parse((await sh.run('info', label ?? '', '--json')).stdout);
    assert.equal([json.following, json.quota], [true, { bytes: 5_000_000 }]);

    writeFileSync(join(writer.directory, 'site', 'index.html'), 'two');
    await writer.run('publish', 'site');
    await daemon.waitForStderr(/"event":"mirrored".*"seq":2/);
    assert.is((await get(there)).body.toString(), 'two');

    const held = await sh.run('mirror', url, '--hold');
    assert.match(held.stdout, 'shows it to nobody');
    assert.is((await get(there)).status, 404);
    await sh.run('mirror', url, '--no-hold');
    assert.is((await get(there)).status, 200);

    const removed = await sh.run('unmirror', label ?? '');
    assert.is(removed.status, 0, removed.stderr);
    assert.match(removed.stdout, 'freed');
    assert.is((await get(there)).status, 404);
    const own = await sh.run('unmirror', 'own');
    assert.is(own.status, 8);
    assert.match(own.stderr, 'nothing was removed');
    assert.ok(existsSync(join(sh.directory, 'own.stream.privatekey')));

    const started = performance.now();
    const { status, stderr } = await daemon.stop();
    assert.is(status, 143);
    assert.ok(performance.now() - started < 3000);
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.ok(lines.every(({ level, time, pid, msg }) => level && time && pid && msg));
    assert.equal(
      lines.filter(({ level }) => level === 'warn' || level === 'error'),
      [],
    );
  }),
);

test(
  'publish, put, rm :: work beside a daemon, which shows each generation at once',
  scope(async (t) => {
    const { sh, own } = await daemonOf(t);
    writeFileSync(join(sh.directory, 'own', 'index.html'), 'own two');

    const published = await sh.run('publish', 'own');
    assert.match(published.stdout, `it is being served: ${own}`);
    assert.is((await get(own)).body.toString(), 'own two');
    writeFileSync(join(sh.directory, 'extra.txt'), 'extra');
    await sh.run('put', 'own', 'extra.txt', 'extra.txt');
    assert.is((await get(`${own}extra.txt`)).body.toString(), 'extra');
    await sh.run('rm', 'own', 'extra.txt');
    assert.is((await get(`${own}extra.txt`)).status, 404);
    await sh.run('servers', 'own', 'add', 'http://127.0.0.1:9/');
    assert.match((await sh.run('servers', 'own')).stdout, 'http://127.0.0.1:9/');
  }),
);

test(
  'daemon :: a second one, a killed one, another version: a clear sentence each',
  scope(async (t) => {
    const { url } = await author(t);
    const { sh, daemon, port } = await daemonOf(t);
    const second = sh.start('serve', '--port', '0');
    await second.waitForStderr(/is the daemon of .*mine-home.*takes no orders/);
    await second.stop();
    const wish = await sh.run('mirror', url, '--serve', '--port', '9');
    assert.is(wish.status, 5);
    assert.match(wish.stderr, `a drayer runs already (process ${daemon.child.pid}, port ${port})`);

    await daemon.stop('SIGKILL');
    const socket = join(t.path('mine-home'), 'share', 'drayer', 'daemon.sock');
    assert.ok(existsSync(socket));
    const alone = await sh.run('mirror', url);
    assert.is(alone.status, 0, alone.stderr);
    assert.match(alone.stdout, 'serve it: drayer serve');
    const next = sh.start('mirror', url, '--serve', '--port', '0');
    await next.waitForStderr(/following/);
    assert.is(JSON.parse((await sh.run('list', '--json')).stdout).daemon.pid, next.child.pid);
    await next.stop();

    assert.is(existsSync(socket), false);
    assert.match((await sh.run('list')).stderr, 'no daemon runs');
    writeFileSync(socket, 'mine');
    const unsafe = await sh.run('list');
    assert.is(unsafe.status, 8);
    assert.match(unsafe.stderr, 'expected the socket of a daemon, found something else');
    assert.is(readFileSync(socket, 'utf8'), 'mine');
  }),
);

const onTerminal = process.platform === 'linux' ? test : test.skip;

onTerminal(
  'the log :: readable lines on a terminal, as much as is asked for',
  scope(async (t) => {
    const { sh, daemon } = await daemonOf(t);
    await daemon.stop();

    const person = sh.startOnTerminal('serve', '--port', '0');
    await person.waitFor(/^\[\d\d:\d\d:\d\d\] INFO: Ctrl-C stops it\r$/m);
    const seen = await person.stop('SIGINT');
    const quiet = sh.start('serve', '--port', '0', '--log-level', 'silent');
    await quiet.waitFor(SITE_URL);
    // Its socket is there when all has been said.
    await sh.run('list');
    const silent = await quiet.stop();
    const wrong = await sh.run('serve', '--log-level', 'loud');

    assert.not.match(seen.stdout, '{"level"');
    assert.is(silent.stderr, '');
    assert.is(wrong.status, 2);
    assert.match(wrong.stderr, 'debug, info, warn, error, silent');
  }),
);

test(
  'serve NAME :: on the port of a daemon, the daemon serves it too',
  scope(async (t) => {
    const { sh, port, own } = await daemonOf(t);
    mkdirSync(join(sh.directory, 'more', 'site'), { recursive: true });
    writeFileSync(join(sh.directory, 'more', 'site', 'index.html'), 'more');
    await sh.run('publish', 'more/site');

    const served = await sh.with({ DRAYER_PORT: port }).run('serve', 'more/site');

    assert.is(served.status, 0, served.stderr);
    const [url = ''] = SITE_URL.exec(served.stdout) ?? [];
    assert.is((await get(url)).body.toString(), 'more');
    assert.is((await get(own)).status, 200);
  }),
);

test(
  'daemon :: killed in its first fetch it starts again, follows on, and the mirror can be given up',
  scope(async (t) => {
    const { url } = await author(t);
    const { origin, hostname } = new URL(url);
    const key = parseStreamId(hostname.split('.')[0] ?? '');
    const sh = shell(t, { directory: t.path('mine'), home: 'mine-home' });
    const dataDir = t.path('mine-home', 'share', 'drayer');
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    // What it leaves then: the note, and nothing else.
    const path = mirrorPathOf(key, dataDir);
    const id = formatStreamId(key);
    const note = { path, id, isHidden: false, quota: undefined };
    writeKept({ ...note, urls: ['http://127.0.0.1:1'] });

    const away = sh.start('serve', '--port', '0', '--log-level', 'debug');
    await away.waitForStderr(/UNREACHABLE/);
    assert.match((await sh.run('list')).stdout, `${id}  mirror`);
    const given = await sh.run('unmirror', id);
    assert.is(given.status, 0, given.stderr);
    assert.is(existsSync(`${path}.kept`), false);
    await away.stop();

    writeKept({ ...note, urls: [origin.replace(/\/\/.*:/, '//127.0.0.1:')] });
    const there = sh.start('serve', '--port', '0', '--log-level', 'debug');
    await there.waitForStderr(/"event":"mirrored"/);
    assert.match((await sh.run('list')).stdout, `${id}  mirror`);
  }),
);

test.run();
