/** What `drayer doctor` says of machines that really have what it says. */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { resolveSettings, type Settings } from '../../src/config/settings.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import type { Finding } from '../../src/daemon/doctor.ts';
import { checkClock, checkSignedTimes } from '../../src/daemon/doctor-clock.ts';
import { checkFolders, checkKeys } from '../../src/daemon/doctor-disk.ts';
import { checkDht, checkLanPort } from '../../src/daemon/doctor-network.ts';
import { checkNode } from '../../src/daemon/doctor-program.ts';
import { checkServer } from '../../src/daemon/doctor-server.ts';
import { writeKept } from '../../src/daemon/kept-mirrors.ts';
import type { KnownStream } from '../../src/daemon/known-streams.ts';
import { runDaemon } from '../../src/daemon/run-daemon.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { runHelper } from '../helpers/child.ts';
import { openDhtLab } from '../helpers/dht-lab.ts';
import { hasNetLab, type Machine, netLab } from '../helpers/net-lab.ts';
import { TEST_KEYS } from '../helpers/records.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('daemon/doctor');
// Namespaces and disks are made by root on Linux only.
const lab = hasNetLab() ? test : test.skip;

async function all(findings: AsyncIterable<Finding> | Iterable<Finding>): Promise<Finding[]> {
  const list: Finding[] = [];
  for await (const finding of findings) list.push(finding);
  return list;
}

/** The worst of them, with what it says. */
function worst(findings: readonly Finding[]): Finding {
  const [first] = ['wrong', 'warning', 'ok'].flatMap((verdict) =>
    findings.filter((finding) => finding.verdict === verdict),
  );
  if (first === undefined) throw new Error('nothing was found');
  return first;
}

/** Everything but `ok` has a remedy. */
function check(finding: Finding, verdict: Finding['verdict'], message: string | RegExp): void {
  assert.is(finding.verdict, verdict, finding.message);
  assert.match(finding.message, message);
  assert.is(finding.remedy === undefined, verdict === 'ok', finding.remedy);
}

function own(t: Scope, name = 'own', now?: () => number): KnownStream {
  const path = t.path(`${name}.stream`);
  const stream = createStream(path, { now });
  stream.set('a', 1);
  stream.close();
  return { path, name, directory: undefined, keyFile: undefined };
}

test('checkNode :: a version that cannot require() a module is wrong', () => {
  for (const one of ['20.19.0', '20.20.2', '22.12.0', '23.0.0', '24.1.0']) {
    check(checkNode(one), 'ok', `Node.js ${one}`);
  }
  for (const one of ['18.20.0', '20.18.9', '21.7.3', '22.0.0', '22.11.0']) {
    check(checkNode(one), 'wrong', 'is not 20.19, nor 22.12 or later');
  }
});

test(
  'checkKeys :: a key that others can read, or replace, and one that is none',
  scope(async (t) => {
    const stream = own(t);
    chmodSync(t.directory, 0o700);
    const good = worst(await all(checkKeys([stream])));

    chmodSync(t.directory, 0o777);
    const replaceable = worst(await all(checkKeys([stream])));
    chmodSync(`${stream.path}.privatekey`, 0o644);
    const readable = worst(await all(checkKeys([stream])));
    chmodSync(`${stream.path}.privatekey`, 0o600);
    writeFileSync(`${stream.path}.privatekey`, 'no key');
    const none = worst(await all(checkKeys([stream])));
    chmodSync(t.directory, 0o700);

    check(good, 'ok', 'the secret key can be read by nobody else');
    check(replaceable, 'warning', 'every user of this machine can replace');
    check(readable, 'wrong', 'other users of this machine can read the private key');
    assert.match(readable.remedy ?? '', 'chmod 600');
    check(none, 'wrong', 'expected the base64 of 64 bytes');
    assert.not.match(none.message, 'no key');
  }),
);

lab(
  'checkFolders :: a disk that is full, one with little room, and one for reading only',
  scope(async (t) => {
    const mount = (name: string, options: string): string => {
      const folder = t.path(name);
      mkdirSync(folder);
      const done = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
      assert.is(done.status, 0, String(done.stderr));
      t.defer(folder, () => spawnSync('umount', [folder]));
      return folder;
    };
    const full = mount('full', 'size=64k');
    writeFileSync(t.path('full', 'all'), new Uint8Array(64 * 1024));
    const small = mount('small', 'size=8m');
    const little = mount('little', 'size=200m');
    const fixed = mount('fixed', 'size=200m,ro');

    const said = await Promise.all(
      [full, small, little, fixed].map(async (folder) => (await all(checkFolders(folder, [])))[0]),
    );

    const [a, b, c, d] = said as [Finding, Finding, Finding, Finding];
    check(a, 'wrong', 'nothing can be written');
    assert.match(a.message, 'ENOSPC');
    check(b, 'wrong', / [678] MiB free/);
    check(c, 'warning', /(199|200) MiB free/);
    check(d, 'wrong', 'EROFS');
  }),
);

test(
  'checkFolders :: a folder that is not there yet, with what a stream and TMPDIR need; nothing stays',
  scope(async (t) => {
    const found = await all(checkFolders(t.path('new', 'data'), [own(t)]));
    const inFile = await all(checkFolders(t.path('own.stream', 'data'), []));

    assert.match(found[0]?.message ?? '', '(not there yet)');
    assert.is(found.length, 3);
    assert.is(inFile[0]?.verdict, 'wrong');
    assert.is(spawnSync('ls', ['-A', t.directory]).stdout.toString().includes('doctor'), false);
  }),
);

function settingsAt(t: Scope, port: number, flags: object = {}): Settings {
  return resolveSettings({ port, dataDir: t.path('data'), ...flags }, {}, {});
}

test(
  'checkServer :: a port that is free, that another program has, or a drayer, or the daemon',
  scope(async (t) => {
    const other = t.defer(
      createServer((_, response) => void response.end('<html>')),
      (one) => one.close(),
    );
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const version = '1';
    const at = async (settings: Settings): Promise<Finding> => {
      return worst(await all(checkServer({ settings, version })));
    };

    const taken = await at(settingsAt(t, port));
    await new Promise((resolve) => other.close(resolve));
    const free = await at(settingsAt(t, port));
    const { path } = own(t);
    const drayer = await startDaemon({ streams: [{ path }], port });
    const served = await at(settingsAt(t, port));
    await drayer.close();
    const dataDir = t.path('data');
    const daemon = await runDaemon({ streams: [], port: 0, dataDir, version, servesAll: true });
    t.defer(daemon, (one) => one.close());
    const running = await at(settingsAt(t, port));
    const old = worst(await all(checkServer({ settings: settingsAt(t, port), version: '2' })));
    const nowhere = await at(settingsAt(t, 1, { host: '192.0.2.99', dataDir: t.path('none') }));

    check(taken, 'wrong', `TCP port ${port} is taken by another program`);
    check(free, 'ok', `TCP port ${port} is free`);
    check(served, 'ok', 'a drayer that is not the daemon of this data folder serves');
    check(running, 'ok', `serves on port ${daemon.port}`);
    check(old, 'warning', 'it is drayer 1, and this is 2');
    check(nowhere, 'wrong', '192.0.2.99 is no address of this machine');
  }),
);

/** A server whose clock is off by so much. */
async function peerAhead(t: Scope, seconds: number): Promise<string> {
  const peer = t.defer(
    createServer((_, response) => {
      response.setHeader('Date', new Date(Date.now() + seconds * 1000).toUTCString());
      response.end('{"streams":[]}');
    }),
    (one) => one.close(),
  );
  peer.listen(0, '127.0.0.1');
  await once(peer, 'listening');
  return `http://127.0.0.1:${(peer.address() as AddressInfo).port}`;
}

/** A mirror that comes from there. */
function mirrorOf(t: Scope, name: string, urls: readonly string[]): KnownStream {
  const path = t.path(`${name}.stream`);
  const id = formatStreamId(TEST_KEYS.publicKey);
  writeKept({ path, id, urls, isHidden: false, quota: undefined });
  return { path, name: undefined, directory: undefined, keyFile: undefined };
}

test(
  'checkClock :: against the servers of the mirrors here, and the most of several',
  scope(async (t) => {
    const [good, hour, soon, back] = await Promise.all(
      [0, 3_600, 30, -3_600].map((seconds) => peerAhead(t, seconds)),
    );
    const said = async (...urls: (string | undefined)[]): Promise<Finding> => {
      const known = urls.map((url, at) => mirrorOf(t, `${at}`, [url ?? '']));
      return await checkClock(known);
    };

    check(await said(good), 'ok', 'the clock agrees');
    check(await said(hour), 'wrong', /^the clock is 3(599|60[01]) s behind/);
    check(await said(back), 'wrong', /^the clock is 3(599|60[01]) s ahead of/);
    check(await said(soon), 'warning', /^the clock is (29|30|31) s behind/);
    check(await said(good, hour, good), 'ok', 'the clock agrees');
    check(await said(good, hour, soon), 'warning', 'as with most of 3 servers');
    check(await said('http://127.0.0.1:1'), 'ok', 'nobody to compare the clock with');
  }),
);

test(
  'checkSignedTimes :: a change that was signed in the future is told of',
  scope(async (t) => {
    const now = own(t, 'now');
    const ahead = own(t, 'ahead', () => (Date.now() + 7_200_000) * 1000);

    const findings = await all(checkSignedTimes([now, ahead]));

    assert.is(findings.length, 1);
    check(worst(findings), 'warning', /^the newest change of ahead was signed 7(199|200|201) s in/);
  }),
);

test(
  'checkLanPort :: a program that has it for itself; one that shares it is none',
  scope(async (t) => {
    const selfish = t.defer(createSocket('udp4'), (one) => one.close());
    selfish.bind(0);
    await once(selfish, 'listening');
    const shared = t.defer(createSocket({ type: 'udp4', reuseAddr: true }), (one) => one.close());
    shared.bind(0);
    await once(shared, 'listening');

    check(await checkLanPort(selfish.address().port), 'wrong', 'another program has it for itself');
    check(await checkLanPort(shared.address().port), 'ok', 'can be used');
  }),
);

test(
  'checkDht :: a DHT that answers, and one in which nobody does',
  scope(async (t) => {
    const dhts = t.defer(await openDhtLab(5), (one) => one.close());
    const of = (bootstrap: string): Settings =>
      settingsAt(t, 0, { dht: { bootstrap: [bootstrap], anyAddress: true } });

    const [good, none] = await Promise.all([
      checkDht(of(dhts.bootstrap)),
      checkDht(of('127.0.0.1:9'), { timeoutMs: 3_000 }),
    ]);

    check(good, 'ok', /^the DHT answers: \d nodes/);
    check(none, 'wrong', 'nobody in the DHT answers');
  }),
);

lab(
  'doctor :: a server that other machines reach, and one that they should and do not',
  scope(async (t) => {
    const machine = netLab(t).machine({ lan: 'a', addresses: ['10.3.0.1/24'] });
    const said = async (name: string, ...flags: string[]): Promise<Finding> => {
      mkdirSync(t.path(name));
      writeFileSync(t.path(name, 'index.html'), 'quinces');
      const args = ['publish', t.path(name), '--serve', '--json', ...flags];
      const server = runHelper('../../src/cli/bin.ts', args, machine);
      t.defer(server, async ({ process, ended }) => {
        process.kill('SIGKILL');
        await ended;
      });
      const { port } = JSON.parse(await server.line('{"port"'));
      return at(await doctor(t, machine, '--lan', '--port', `${port}`), 'reach');
    };

    const [open, closed] = await Promise.all([
      said('open', '--port', '41001', '--lan'),
      said('closed', '--port', '41002'),
    ]);

    check(open, 'ok', 'the server answers at http://10.3.0.1:41001/');
    check(closed, 'wrong', 'nobody can reach the server: it does not answer at');
    const none = at(await doctor(t, machine, '--lan', '--port', '41003'), 'reach');
    check(none, 'ok', 'a server here would answer at http://10.3.0.1:41003/');
  }),
);

type Said = {
  readonly status: number | string;
  readonly wrong: number;
  readonly findings: readonly Finding[];
};

async function doctor(t: Scope, machine: Machine, ...flags: string[]): Promise<Said> {
  const args = ['doctor', '--json', '--data-dir', t.path('data'), ...flags];
  const child = runHelper('../../src/cli/bin.ts', args, machine);
  const status = await child.ended;
  return { status, ...JSON.parse(child.lines.join('')) };
}

const at = ({ findings }: Said, name: string): Finding =>
  worst(findings.filter(({ check: one }) => one === name));

lab(
  'doctor :: machines with a network, with one without multicast, with one of two, and with none',
  scope(async (t) => {
    const net = netLab(t);
    const machine = (...lans: string[]): Machine =>
      net.machine(...lans.map((lan, i) => ({ lan, addresses: [`10.${i + 3}.0.1/24`] })));
    const deaf = machine('b');
    spawnSync('ip', [...deaf.through.slice(1), 'sysctl', '-qw', 'net.ipv4.igmp_max_memberships=0']);

    const [good, silent, none] = await Promise.all(
      [machine('a'), deaf, machine()].map((one) => doctor(t, one, '--port', '0')),
    );

    assert.ok(good && silent && none);
    check(at(good, 'multicast'), 'ok', 'eth0, 10.3.0.1/24: multicast works');
    assert.is(good.status, 0);
    check(at(silent, 'multicast'), 'wrong', 'multicast does not work (addMembership ENOBUFS)');
    check(at(silent, 'lan-port'), 'ok', 'can be used');
    assert.equal([silent.status, silent.wrong], [9, 1]);
    check(at(none, 'networks'), 'warning', 'this machine is on no network');
    assert.is(none.status, 0);
  }),
);

test(
  'doctor :: libraries that do not load are told of, and all else is looked at',
  scope(async (t) => {
    writeFileSync(
      t.path('broken.cjs'),
      `const { _extensions } = require('node:module');
       const load = _extensions['.node'];
       _extensions['.node'] = (module, file) => {
         if (!/better_sqlite3|sodium/.test(file)) return load(module, file);
         throw Object.assign(new Error('wrong version'), { code: 'ERR_DLOPEN_FAILED' });
       };`,
    );
    const through = ['env', `NODE_OPTIONS=--require=${t.path('broken.cjs')}`];

    const broken = await doctor(t, { through, ip: () => {} }, '--port', '0');

    check(at(broken, 'sqlite'), 'wrong', 'the binary part of better-sqlite3 cannot be loaded');
    check(at(broken, 'signatures'), 'warning', 'without sodium-native');
    assert.is(broken.status, 9);
    assert.ok(broken.findings.some(({ check: name }) => name === 'clock'));
  }),
);

test.run();
