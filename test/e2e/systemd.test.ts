/** The systemd units of examples/: read, checked by systemd where it is, and their command lines run. */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EXIT } from '../../src/core/errors.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { SITE_URL, shell } from '../helpers/drayer.ts';
import { get } from '../helpers/fetch-site.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import {
  environmentOf,
  expandCommand,
  parseUnit,
  serviceValue,
  type Unit,
} from '../helpers/systemd-unit.ts';

const test = suite('e2e/systemd');
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'examples', 'systemd');
const bin = join(root, 'dist', 'cli', 'bin.js');
const names = readdirSync(folder).filter((name) => name.endsWith('.service'));
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
/** Nobody in particular, as a DynamicUser is; only root can become it. */
const STRANGER = 61_184;
const isRoot = process.getuid?.() === 0;

for (const name of names) {
  test(`${name} :: stops cleanly, is not restarted into a wall, writes to its state alone`, () => {
    const unit = parseUnit(read(name));

    assert.is(serviceValue(unit, 'DynamicUser'), 'yes');
    assert.is(serviceValue(unit, 'ProtectSystem'), 'strict');
    assert.is(serviceValue(unit, 'ProtectHome'), 'yes');
    assert.is(serviceValue(unit, 'StateDirectoryMode'), '0700');
    assert.is(serviceValue(unit, 'UMask'), '0077');
    assert.is(serviceValue(unit, 'LimitCORE'), '0');
    assert.is(serviceValue(unit, 'SuccessExitStatus'), '143');
    const state = `%S/${serviceValue(unit, 'StateDirectory')}`;
    assert.is(serviceValue(unit, 'WorkingDirectory'), state);
    // Every path it is told to write to is in there.
    assert.match(serviceValue(unit, 'ExecStart'), `${state}`);
    assert.equal(unit.get('Service')?.get('ReadWritePaths'), undefined);
    const stuck = [
      EXIT.usage,
      EXIT.inputNeeded,
      EXIT.conflict,
      EXIT.verificationFailed,
      EXIT.refused,
    ];
    assert.is(serviceValue(unit, 'RestartPreventExitStatus'), stuck.join(' '));
  });

  test(`${name} :: names no secret and no place for one in its command line or environment`, () => {
    const unit = parseUnit(read(name));

    const said = [
      serviceValue(unit, 'ExecStart'),
      ...(unit.get('Service')?.get('Environment') ?? []),
    ];

    assert.not.match(said.join('\n'), /KEY|privatekey/i);
  });
}

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
(hasSystemd ? test : test.skip)(
  'systemd-analyze :: verifies the units as they stand and with their commented lines, and finds them closed',
  scope((t) => {
    for (const name of names) {
      for (const text of [read(name), read(name).replaceAll(/^# {3}(?=\w+=)/gm, '')]) {
        // The command has to be there for the check; elsewhere it may be somewhere else.
        writeFileSync(t.path(name), text.replaceAll('/usr/bin/drayer', process.execPath));
        const checked = spawnSync('systemd-analyze', ['verify', t.path(name)], {
          encoding: 'utf8',
        });
        assert.is(checked.stderr, '', name);
        assert.is(checked.status, 0, name);
      }
      const judged = spawnSync(
        'systemd-analyze',
        ['security', '--offline=yes', '--threshold=20', '--no-pager', t.path(name)],
        { encoding: 'utf8' },
      );
      assert.is(judged.status, 0, judged.stdout);
    }
    writeFileSync(
      t.path('wrong.service'),
      '[Service]\nExecStart=/nowhere/drayer\nProtectSistem=1\n',
    );
    const wrong = spawnSync('systemd-analyze', ['verify', t.path('wrong.service')]);
    assert.is.not(wrong.status, 0);
  }),
);

type Started = {
  readonly stateRoot: string;
  readonly stop: () => Promise<number>;
  shows(pattern: RegExp): Promise<RegExpExecArray>;
};

/** Runs the command line of a unit as systemd would: its words, its environment, its user, its folder. */
function startUnit(
  t: Scope,
  unit: Unit,
  paths: Record<string, string>,
  variables: Record<string, string> = {},
): Started {
  const stateRoot = t.path('state');
  const state = join(stateRoot, serviceValue(unit, 'StateDirectory'));
  mkdirSync(state, { recursive: true });
  chmodSync(state, 0o700);
  if (isRoot) chownSync(state, STRANGER, STRANGER);
  const env = { ...environmentOf(unit, stateRoot), ...variables };
  const [program, ...rest] = expandCommand(serviceValue(unit, 'ExecStart'), {
    stateRoot,
    variables: env,
  });
  assert.is(program, '/usr/bin/drayer');
  const args = rest.map((word) => paths[word] ?? word);
  const child = spawn(
    '/bin/sh',
    ['-c', 'umask 0077; exec "$@"', 'sh', process.execPath, bin, ...args],
    {
      cwd: serviceValue(unit, 'WorkingDirectory').replace('%S', stateRoot),
      // Any free port, since several tests may run at once.
      env: { PATH: '/usr/bin:/bin', NO_COLOR: '1', DRAYER_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(isRoot ? { uid: STRANGER, gid: STRANGER } : {}),
    },
  );
  t.defer(child, (one) => one.kill('SIGKILL'));
  let output = '';
  const listeners = new Set<() => void>();
  const hear = (chunk: Buffer): void => {
    output += chunk;
    for (const listener of listeners) listener();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = new Promise<number>((resolve) =>
    child.once('close', (code) => resolve(code ?? -1)),
  );
  return {
    stateRoot,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
    shows: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(output);
          if (match !== null) resolve(match);
        };
        listeners.add(look);
        look();
        void ended.then((code) => reject(new Error(`ended with ${code}:\n${output}`)));
      }),
  };
}

/** A site that belongs to somebody else, in a folder everybody may look into. */
function makeSite(t: Scope): string {
  chmodSync(t.directory, 0o755);
  mkdirSync(t.path('srv'));
  writeFileSync(t.path('srv', 'index.html'), 'first');
  return t.path('srv');
}

test(
  'drayer.service :: its command publishes and serves from a folder it cannot write to, with a private key',
  scope(async (t) => {
    shell(t); // builds
    const site = makeSite(t);
    const unit = parseUnit(read('drayer.service'));

    const service = startUnit(t, unit, { '/srv/site': site });
    const [url] = await service.shows(SITE_URL);
    // Followed by the script that reloads open pages.
    assert.match((await get(url)).body.toString(), /^first/);
    writeFileSync(join(site, 'index.html'), 'second');
    await service.shows(/generation 2\b/);
    assert.match((await get(url)).body.toString(), /^second/);

    const state = join(service.stateRoot, 'drayer');
    const key = join(state, 'site.stream.privatekey');
    assert.is(statSync(key).mode & 0o777, 0o600);
    const secret = readFileSync(key, 'latin1').trim();
    assert.is(await service.stop(), Number(serviceValue(unit, 'SuccessExitStatus')));
    assert.equal(readdirSync(site), ['index.html']);
    const all = readdirSync(state, { recursive: true, withFileTypes: true });
    for (const file of all.filter((one) => one.isFile())) {
      const path = join(file.parentPath, file.name);
      assert.is(statSync(path).mode & 0o077, 0, `${path} is open to others`);
      if (path !== key) assert.not(readFileSync(path, 'latin1').includes(secret), path);
    }

    // A restart goes on with the same stream.
    const again = startUnit(t, unit, { '/srv/site': site });
    assert.is((await again.shows(SITE_URL))[1], new URL(url).hostname.split('.')[0]);
    assert.is(await again.stop(), 143);
  }),
);

test(
  'drayer-mirror.service :: its command copies a site and serves it on, without any key',
  scope(async (t) => {
    const author = shell(t);
    makeSite(t);
    await author.run('publish', 'srv');
    const source = author.start('serve', 'srv', '--port', '0');
    const [, , port] = await source.waitFor(SITE_URL);
    const unit = parseUnit(read('drayer-mirror.service'));

    const service = startUnit(t, unit, {}, { SOURCE: `http://127.0.0.1:${port}` });
    const [url] = await service.shows(SITE_URL);

    assert.is((await get(url)).body.toString(), 'first');
    copyFileSync(t.path('srv', 'index.html'), t.path('srv', 'copy.html'));
    await author.run('publish', 'srv');
    await service.shows(/generation 2\b/);
    assert.is((await get(`${url}copy.html`)).body.toString(), 'first');
    assert.is(await service.stop(), 143);
    const files = readdirSync(join(service.stateRoot, 'drayer-mirror'), { recursive: true });
    assert.equal(
      files.filter((name) => /privatekey/.test(String(name))),
      [],
    );
  }),
);

test(
  'drayer-server.service :: its command serves behind a proxy, with a log, metrics and health',
  scope(async (t) => {
    shell(t); // builds
    chmodSync(t.directory, 0o755);
    const state = t.path('state', 'drayer-server');
    mkdirSync(state, { recursive: true });
    writeFileSync(join(state, 'push-allow'), `${formatStreamId(KEY_A.publicKey)}\n`);
    const unit = parseUnit(read('drayer-server.service'));

    const service = startUnit(t, unit, { '9125': '0' });
    const [, metrics] = await service.shows(/(http:\/\/127\.0\.0\.1:\d+)\/metrics/);
    const [, front] = await service.shows(/(http:\/\/localhost:\d+\/)/);

    assert.is((await get(`${front}streams.json`)).status, 200);
    const [line] = await service.shows(/^\{"time":.*"target":"\/streams\.json".*$/m);
    assert.is((JSON.parse(line) as { status: number }).status, 200);
    assert.match((await get(`${metrics}/metrics`)).body.toString(), 'drayer_requests_total');
    assert.match((await get(`${metrics}/health`)).body.toString(), '"status":"ok"');
    assert.is(await service.stop(), 143);
  }),
);

test.run();
