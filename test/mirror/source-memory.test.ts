/** What is remembered of sources, who is asked, and whom a stream may make a mirror dial. */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DrayerError, type ErrorCode } from '../../src/core/errors.ts';
import { isGlobalAddress, mayDial } from '../../src/mirror/dialable.ts';
import { HttpClient } from '../../src/mirror/http-client.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { parsePeerUrl } from '../../src/mirror/peer-url.ts';
import { noteRound } from '../../src/mirror/score.ts';
import {
  type KnownSource,
  memoryPathOf,
  readMemory,
  type SourceMemory,
  writeMemory,
} from '../../src/mirror/source-memory.ts';
import { publish } from '../helpers/published.ts';
import { scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/source-memory');

const NONE: SourceMemory = { sources: [], changedAt: 0 };
const NOBODY = 'http://127.0.0.1:1';

test('noteRound :: who fails rests longer each time, within bounds, and not all as long (T050)', () => {
  const rests = (code: ErrorCode, random: number): number[] => {
    let memory = NONE;
    return Array.from({ length: 30 }, () => {
      memory = note(memory, code, random);
      return memory.sources[0]?.restsUntil ?? 0;
    });
  };

  const away = rests('UNREACHABLE', 1);
  assert.equal(away.slice(0, 4), [5_000, 10_000, 20_000, 40_000]);
  assert.is(away.at(-1), 30 * 60_000);
  assert.equal(rests('UNREACHABLE', 0).slice(0, 2), [2_500, 5_000]);
  const lied = rests('PEER_MISBEHAVED', 1);
  assert.is(lied[0], 10 * 60_000);
  assert.is(lied.at(-1), 24 * 3_600_000);
});

test('noteRound :: an answer ends the rest, and a lie costs more than being away', () => {
  const lied = note(NONE, 'PEER_MISBEHAVED', 1);
  const away = note(NONE, 'UNREACHABLE', 1);
  assert.ok((lied.sources[0]?.score ?? 0) < (away.sources[0]?.score ?? 0));

  const peer = parsePeerUrl(NOBODY);
  const heard = noteRound(
    away,
    {
      ...NO_ROUND,
      contacts: [
        { candidate: { peer, kind: 'found' }, source: SOURCE, tip: undefined, answeredMs: 1 },
      ],
    },
    { nowMs: 7, random: () => 1 },
  );

  assert.is(heard.sources[0]?.restsUntil, 0);
  assert.is(heard.sources[0]?.failures, 0);
  assert.is(heard.sources[0]?.heardAt, 7);
});

test(
  'readMemory :: what was written comes back; what cannot be understood is as good as none',
  scope((t) => {
    const path = t.path('mirror.stream');
    const memory = { sources: [known({ tip: 5, seq: 2 })], changedAt: 3 };
    writeMemory(path, NONE, memory);

    assert.equal(readMemory(path), memory);
    assert.is(statSync(memoryPathOf(path)).mode & 0o777, 0o600);
    for (const text of ['', '{', 'null', '{"sources":7}', '{"sources":[1,{"address":2}]}']) {
      writeFileSync(memoryPathOf(path), text);
      assert.equal(readMemory(path), NONE, text);
    }
  }),
);

test(
  'readMemory :: what was noted by a clock ten years ahead keeps nobody waiting once it is right (T120)',
  scope(async (t) => {
    const { stream, peer } = await publish(t);
    stream.set('apple', 'one');
    const path = t.path('mirror.stream');
    const ahead = Date.now() + 10 * 365 * 24 * 3_600_000;
    const address = peer.url;
    const failed = { failures: 4, restsUntil: ahead, fault: 'UNREACHABLE' as const };
    const sources = [
      known({ address, kind: 'found', heardAt: ahead, ...failed }),
      known({ address: NOBODY, kind: 'found' }),
    ];
    writeMemory(path, NONE, { sources, changedAt: ahead });

    const { publicKey } = stream;
    await mirrorStream({ publicKey, path });

    const { sources: after, changedAt } = readMemory(path);
    const heard = after.find((one) => one.address === address)?.heardAt ?? 0;
    const stored = JSON.parse(readFileSync(memoryPathOf(path), 'utf8'));
    assert.ok(heard > 0 && heard <= Date.now());
    assert.ok(changedAt > 0 && changedAt <= Date.now());
    assert.is(stored.changedAt, changedAt);
  }),
);

test(
  'writeMemory :: that a source was heard again is not worth writing every time',
  scope((t) => {
    const path = t.path('mirror.stream');
    const before = { sources: [known({ heardAt: 1_000_000 })], changedAt: 0 };
    writeMemory(path, before, { ...before, sources: [known({ heardAt: 1_059_000, score: 2 })] });
    assert.is(existsSync(memoryPathOf(path)), false);

    writeMemory(path, before, { ...before, sources: [known({ heardAt: 1_060_000 })] });
    assert.is(existsSync(memoryPathOf(path)), true);
  }),
);

test('mayDial :: what a stream names leads into the public network, or where somebody here dials', () => {
  const given = [parsePeerUrl('http://192.168.1.20:33125')];
  const cases: readonly [string, boolean][] = [
    ['http://8.8.8.8:33125', true],
    ['https://example.org', true],
    ['https://example.org/streams', true],
    ['http://example.org:22', false],
    ['http://example.org:80', true],
    ['http://example.org:6667', false],
    ['http://192.168.1.20:9100', false],
    ['http://127.0.0.1:33125', false],
    ['http://[::1]:33125', false],
    ['http://169.254.169.254', false],
    ['http://10.1.2.3:8080', false],
    ['http://[fe80::1]:8080', false],
    ['http://localhost:8080', false],
    ['http://router:8080', false],
    ['http://printer.local:8080', false],
    ['http://192.168.1.20:8080', true],
    ['http://192.168.1.21:8080', false],
  ];
  for (const [url, may] of cases) assert.is(mayDial(parsePeerUrl(url), given), may, url);
});

test('isGlobalAddress :: an IPv4 address in the clothes of an IPv6 one is what it is', () => {
  assert.is(isGlobalAddress('::ffff:127.0.0.1'), false);
  assert.is(isGlobalAddress('::ffff:8.8.8.8'), true);
  assert.is(isGlobalAddress('::1'), false);
  assert.is(isGlobalAddress('2a00:1450:4001::1'), true);
  assert.is(isGlobalAddress('no address'), false);
});

test(
  'HttpClient :: a name is not dialled where none of its addresses is allowed (A21)',
  scope(async (t) => {
    const { port } = await serve(t, [{ path: (await publish(t)).path }]);
    const refusing = t.defer(new HttpClient({ isAllowed: isGlobalAddress }), (one) => one.close());
    const url = `http://localhost:${port}/streams.json`;

    const error = await rejectsCode(refusing.get(url), 'UNREACHABLE');

    assert.match(error.message, 'leads to no address of the public network');
    const open = t.defer(new HttpClient({ isAllowed: () => true }), (one) => one.close());
    const answer = await open.get(url);
    answer.discard();
    assert.is(answer.status, 200);
  }),
);

test(
  'mirrorStream :: without an address it asks who was good before, also after a restart',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    stream.set('a', 1);
    const options = { publicKey: stream.publicKey, path: t.path('mirror.stream') };
    await mirrorStream({ ...options, urls: [NOBODY, peer.url] });
    stream.set('a', 2);

    const report = await mirrorStream(options);

    assert.is(report.changed, true);
    assert.equal(streamRows(options.path), streamRows(path));
    // The one that was away a moment ago rests.
    assert.equal(report.failures, []);
    const memory = JSON.parse(readFileSync(memoryPathOf(options.path), 'utf8')) as SourceMemory;
    assert.ok(memory.changedAt > 0);
    rmSync(memoryPathOf(options.path));
    await rejectsCode(mirrorStream(options), 'NOT_FOUND');
  }),
);

test(
  'mirrorStream :: the servers a stream names are asked too, when the given one is away (R26)',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    const { port } = await serve(t, [{ path }]);
    stream.transaction((tx) => {
      tx.set('a', 1);
      tx.setPrimaryServers([{ type: 'http', url: `http://127.0.0.1:${port}/` }]);
    });
    const options = { publicKey: stream.publicKey, path: t.path('mirror.stream') };
    await mirrorStream({ ...options, url: peer.url });
    stream.set('a', 2);
    peer.tamper((_, answer) => {
      answer.status = 503;
      return undefined;
    });

    const alone = await rejectsCode(mirrorStream({ ...options, url: peer.url }), 'PEER_INCOMPLETE');
    const report = await mirrorStream({ ...options, url: peer.url, others: true });

    assert.match(alone.message, peer.url);
    assert.is(report.changed, true);
    assert.equal(streamRows(options.path), streamRows(path));
  }),
);

test(
  'mirrorStream :: who finders hand in is asked as well; a finder that fails or hangs harms nothing',
  scope(async (t) => {
    const { stream, path, peer } = await publish(t);
    stream.set('a', 1);
    const asked: Uint8Array[] = [];

    const report = await mirrorStream({
      url: NOBODY,
      others: true,
      publicKey: stream.publicKey,
      path: t.path('mirror.stream'),
      finders: [
        { name: 'broken', find: () => Promise.reject(new Error('no')) },
        {
          name: 'lan',
          find: (publicKey) => {
            asked.push(publicKey);
            return [peer.url, 'ftp://nonsense', ''];
          },
        },
      ],
    });

    assert.equal(asked, [stream.publicKey]);
    assert.equal(streamRows(report.path), streamRows(path));
  }),
);

test(
  'mirrorStream :: a source that has gone back behind what it has shown is named (A5)',
  scope(async (t) => {
    const { stream, peer, path } = await publish(t);
    stream.set('a', 1);
    const { publicKey } = stream;
    const old = t.path('old.stream');
    await mirrorStream({ url: peer.url, publicKey, path: old });
    const { port } = await serve(t, [{ path: old }]);
    stream.set('a', 2);
    const options = { url: peer.url, publicKey, path: t.path('mirror.stream') };
    const first = await mirrorStream(options);

    // Another state behind the same address.
    peer.tamper((asked, _, response) => {
      void fetch(`http://127.0.0.1:${port}${asked}`).then(async (answer) => {
        response.writeHead(answer.status, { 'content-type': 'application/octet-stream' });
        response.end(Buffer.from(await answer.arrayBuffer()));
      });
      return true;
    });
    const [second, third] = [await mirrorStream(options), await mirrorStream(options)];
    peer.tamper(undefined);
    const healed = await mirrorStream(options);

    assert.equal(first.fallen, []);
    assert.is(second.source, 'behind');
    const { url, from, isNew } = second.fallen[0] ?? {};
    assert.equal([url, from, isNew], [peer.url, first.generation.tip, true]);
    assert.equal(
      third.fallen.map((one) => one.isNew),
      [false],
    );
    assert.equal(healed.fallen, []);
    assert.equal(streamRows(options.path), streamRows(path));
  }),
);

const NO_ROUND = {
  changed: false,
  standing: 'current',
  state: undefined as never,
  contacts: [],
  from: undefined,
  failures: [],
  error: undefined,
} as const;

const SOURCE = undefined as never;

function note(memory: SourceMemory, code: ErrorCode, random: number): SourceMemory {
  const candidate = { peer: parsePeerUrl(NOBODY), kind: 'found' as const };
  const failures = [{ candidate, error: new DrayerError(code, 'x') }];
  return noteRound(memory, { ...NO_ROUND, failures }, { nowMs: 0, random: () => random });
}

function known(fields: Partial<KnownSource>): KnownSource {
  const base = { address: NOBODY, kind: 'found' as const, score: 1, failures: 0, restsUntil: 0 };
  return { ...base, tip: 0, heardAt: 0, ...fields };
}

test.run();
