import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { exitOf, isDrayerError } from '../../src/core/errors.ts';
import { pushPlaceOf } from '../../src/mirror/push-place.ts';
import { type PushOptions, type PushReport, pushStream } from '../../src/mirror/push-stream.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Primary, primary } from '../helpers/push-primary.ts';
import { findFork, pushProxy, recordsOfBatch } from '../helpers/push-proxy.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { bytesOf } from '../helpers/store.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/push-stream');

/** Puts one value under one key. */
type Write = (
  url: string,
  key: string,
  value: string,
  more?: Partial<PushOptions>,
) => Promise<PushReport>;

/** A machine that pushes, with a memory of its own. */
function machine(t: Scope, name: string): { put: Write; lock: string; batchPath: string } {
  const dataDir = t.path(name);
  const lock = t.path(`${name}.lock`);
  const put: Write = (url, key, text, more) => {
    const value = bytesOf(text);
    const digest = hash(value);
    return pushStream(
      { url, secretKey: KEY_A.secretKey, dataDir, lockPath: lock, retryMs: [1, 1], ...more },
      () => ({
        puts: [{ type: 'blob', key, hash: digest }],
        deletes: [],
        readValue: () => value,
      }),
    );
  };
  return { put, lock, batchPath: pushPlaceOf(KEY_A.publicKey, dataDir).batchPath };
}

async function begun(t: Scope): Promise<Primary & ReturnType<typeof machine>> {
  const server = await primary(t);
  const one = machine(t, 'one');
  await one.put(server.url, 'a', 'first', { unusedKey: true });
  return { ...server, ...one };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'done';
  } catch (error) {
    if (!isDrayerError(error)) throw error;
    assert.ok(error.hint, `expected a remedy for ${error.message}`);
    return `${error.code} ${exitOf(error.code)}`;
  }
}

test(
  'pushStream :: begins no stream with a key that may have signed one (A11)',
  scope(async (t) => {
    const { url, seq } = await primary(t);

    assert.is(await codeOf(machine(t, 'one').put(url, 'a', 'x')), 'STREAM_BEHIND_MARK 8');

    assert.is(seq(), 0);
  }),
);

test(
  'pushStream :: a server that shows an older state than drayer.lock is refused (T039)',
  scope(async (t) => {
    const server = await begun(t);
    const lock = readFileSync(server.lock, 'utf8');
    writeFileSync(server.lock, lock.replace('"seq": 1', '"seq": 2'));
    const other = machine(t, 'other');
    const proxy = await pushProxy(t, server.port);

    const code = await codeOf(other.put(proxy.url, 'b', 'x', { lockPath: server.lock }));

    assert.is(code, 'STREAM_BEHIND_MARK 8');
    assert.equal(
      proxy.heard.filter(({ method }) => method !== 'GET'),
      [],
    );
    assert.is(existsSync(other.batchPath), false);
    writeFileSync(server.lock, lock);
    assert.is(await codeOf(other.put(server.url, 'b', 'x', { lockPath: server.lock })), 'done');
  }),
);

test(
  'pushStream :: another root for the seq of drayer.lock is another history',
  scope(async (t) => {
    const server = await begun(t);
    const lock = readFileSync(server.lock, 'utf8');
    writeFileSync(server.lock, lock.replace(/"root": "[0-9a-f]{4}/, '"root": "abcd'));

    const code = await codeOf(
      machine(t, 'other').put(server.url, 'b', 'x', { lockPath: server.lock }),
    );

    assert.is(code, 'TWO_HISTORIES 5');
    assert.is(server.seq(), 1);
  }),
);

test(
  'pushStream :: what this machine has pushed is remembered without the lock file too',
  scope(async (t) => {
    const server = await begun(t);
    await server.put(server.url, 'b', 'second');
    const old = await primary(t, { name: 'old' });

    const code = await codeOf(server.put(old.url, 'c', 'x', { lockPath: undefined }));

    assert.is(code, 'STREAM_BEHIND_MARK 8');
    assert.is(old.seq(), 0);
  }),
);

test(
  'pushStream :: a stream restored from a backup on the server is refused (T036)',
  scope(async (t) => {
    const server = await begun(t);
    const backup = readFileSync(server.path);
    await server.put(server.url, 'b', 'second');
    const old = await primary(t, { name: 'restored' });
    mkdirSync(t.path('restored'));
    writeFileSync(old.path, backup);
    old.streams.add({ path: old.path });

    assert.is(await codeOf(server.put(old.url, 'c', 'x')), 'STREAM_BEHIND_MARK 8');
    assert.is(old.seq(), 1);
    assert.is(existsSync(server.batchPath), false);
  }),
);

test(
  'pushStream :: while another holds the lease nothing is signed (T037)',
  scope(async (t) => {
    const server = await begun(t);
    const other = machine(t, 'other');
    const codes: string[] = [];

    await server.put(server.url, 'b', 'mine', {
      onStep: async (step) => {
        if (step !== 'leased') return;
        codes.push(await codeOf(other.put(server.url, 'c', 'theirs')));
      },
    });

    assert.equal(codes, ['LEASE_HELD 5']);
    assert.is(existsSync(other.batchPath), false);
    assert.is(server.seq(), 2);
  }),
);

test(
  'pushStream :: where the tip moved since it was compared nothing is signed',
  scope(async (t) => {
    const server = await begun(t);
    const other = machine(t, 'other');

    const code = await codeOf(
      server.put(server.url, 'b', 'mine', {
        onStep: async (step) => {
          if (step === 'compared') await other.put(server.url, 'c', 'theirs');
        },
      }),
    );

    assert.is(code, 'TIP_MOVED 5');
    assert.is(existsSync(server.batchPath), false);
    assert.is(server.seq(), 2);
    assert.is(await codeOf(server.put(server.url, 'b', 'mine')), 'done');
  }),
);

for (const fate of ['lose', 'lose answer'] as const) {
  test(
    `pushStream :: when the line breaks (${fate}) the same bytes are sent again (T038)`,
    scope(async (t) => {
      const server = await begun(t);
      const proxy = await pushProxy(t, server.port);
      let left = 2;
      proxy.decide(({ operation }) => {
        if (operation !== 'records' || left === 0) return 'forward';
        left -= 1;
        return fate;
      });

      const { generation } = await server.put(proxy.url, 'b', 'second');

      const batches = proxy.batches();
      assert.is(batches.length, 3);
      assert.ok(batches.every((body) => body.equals(batches[0] ?? body)));
      assert.is(server.seq(), 2);
      assert.is(generation.snapshot?.seq, 2);
      assert.equal(server.errors, []);
    }),
  );
}

for (const fate of ['lose', 'lose answer'] as const) {
  test(
    `pushStream :: a batch whose fate is unknown (${fate}) is sent first by the next run`,
    scope(async (t) => {
      const server = await begun(t);
      const proxy = await pushProxy(t, server.port);
      proxy.decide(({ operation }) => (operation === 'records' ? fate : 'forward'));
      const first = await codeOf(server.put(proxy.url, 'b', 'second'));
      const kept = existsSync(server.batchPath);
      proxy.decide(() => 'forward');

      const { resumed, wrote, generation } = await server.put(proxy.url, 'c', 'third');

      assert.equal([first, kept, resumed, wrote], ['UNREACHABLE 7', true, true, true]);
      assert.is(generation.snapshot?.seq, 3);
      assert.is(server.seq(), 3);
      assert.is(existsSync(server.batchPath), false);
      assert.is(findFork(proxy.batches().flatMap(recordsOfBatch)), undefined);
    }),
  );
}

test(
  'pushStream :: a batch that somebody else was faster than is destroyed, never sent',
  scope(async (t) => {
    const server = await begun(t);
    const proxy = await pushProxy(t, server.port);
    const stop = new Error('the process dies here');
    await server
      .put(proxy.url, 'b', 'mine', {
        onStep: (step) => {
          if (step === 'stored') throw stop;
        },
      })
      .catch((error: unknown) => assert.is(error, stop));
    assert.is(existsSync(server.batchPath), true);
    await machine(t, 'other').put(server.url, 'c', 'theirs');

    const { resumed, generation } = await server.put(proxy.url, 'b', 'mine');

    assert.is(resumed, false);
    assert.is(generation.snapshot?.seq, 3);
    assert.is(proxy.batches().length, 1);
    assert.is(existsSync(server.batchPath), false);
  }),
);

test(
  'pushStream :: a server that only says that the tip has moved does not get a second signature (A11)',
  scope(async (t) => {
    const server = await begun(t);
    const proxy = await pushProxy(t, server.port);
    const backup = readFileSync(server.path);
    proxy.decide(({ operation }) => (operation === 'records' ? 'lose' : 'forward'));
    const lost = await codeOf(server.put(proxy.url, 'b', 'mine'));
    const lying = await primary(t, { name: 'lying' });
    mkdirSync(t.path('lying'));
    writeFileSync(lying.path, backup);
    lying.streams.add({ path: lying.path });
    await machine(t, 'other').put(server.url, 'c', 'theirs');

    const moved = await codeOf(server.put(server.url, 'b', 'mine'));
    const old = await codeOf(server.put(lying.url, 'b', 'mine'));

    assert.equal([lost, moved, old], ['UNREACHABLE 7', 'done', 'STREAM_BEHIND_MARK 8']);
    assert.is(lying.seq(), 1);
  }),
);

test(
  'pushStream :: a batch that is refused though the tip is still there stays, and only it is sent again',
  scope(async (t) => {
    const server = await begun(t);
    const lines: Buffer[][] = [];
    for (let run = 0; run < 2; run += 1) {
      const proxy = await pushProxy(t, server.port);
      proxy.decide(({ operation }) => (operation === 'records' ? 'refuse' : 'forward'));
      assert.is(await codeOf(server.put(proxy.url, `${run}`, 'mine')), 'TIP_MOVED 5');
      lines.push(proxy.batches());
    }

    const [first = Buffer.of(), ...rest] = lines.flat();
    assert.ok(rest.length >= 1 && rest.every((body) => body.equals(first)));
    assert.is(existsSync(server.batchPath), true);
    const { resumed, generation } = await server.put(server.url, 'z', 'at last');
    assert.equal([resumed, generation.snapshot?.seq], [true, 3]);
  }),
);

test(
  'pushStream :: a lease that ran out while the batch was signed is taken again, for the same bytes',
  scope(async (t) => {
    let now = 0;
    const server = await primary(t, { leaseMs: () => now });
    const one = machine(t, 'one');
    const proxy = await pushProxy(t, server.port);

    const { generation } = await one.put(proxy.url, 'a', 'first', {
      unusedKey: true,
      onStep: (step) => {
        if (step === 'stored') now += 61_000;
      },
    });

    assert.is(generation.snapshot?.seq, 1);
    const batches = proxy.batches();
    assert.is(batches.length, 2);
    assert.ok(batches[0]?.equals(batches[1] ?? Buffer.of()));
    assert.is(server.seq(), 1);
  }),
);

test(
  'pushStream :: two runs on one machine wait for nobody: the second is told',
  scope(async (t) => {
    const server = await begun(t);
    const codes: string[] = [];

    await server.put(server.url, 'b', 'x', {
      onStep: async (step) => {
        if (step === 'looked') codes.push(await codeOf(server.put(server.url, 'c', 'y')));
      },
    });

    assert.equal(codes, ['STREAM_BUSY 5']);
  }),
);

test(
  'pushStream :: a key that is not allowed, and a clock that is off, are told apart',
  scope(async (t) => {
    const closed = await primary(t, { name: 'closed', isAllowed: () => false });
    const server = await begun(t);
    const late = { now: () => (Date.now() - 300_000) * 1000 };

    const refused = machine(t, 'two').put(closed.url, 'a', 'x', { unusedKey: true });
    await rejectsCode(refused, 'PUSH_NOT_ALLOWED');
    await server.put(server.url, 'b', 'x', late).then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, /clock is (299|300) s behind/),
    );

    assert.equal([closed.seq(), server.seq()], [0, 1]);
  }),
);

test(
  'pushStream :: a stream that somebody else made, without snapshots, gets one',
  scope(async (t) => {
    const server = await primary(t);
    mkdirSync(dirname(server.path), { recursive: true });
    const made = createStream(server.path, {
      secretKey: KEY_A.secretKey,
      snapshots: false,
    });
    made.setBytes('blob', 'old', bytesOf('old'));
    made.close();
    server.streams.add({ path: server.path });

    const { generation } = await machine(t, 'one').put(server.url, 'new', 'x');

    assert.is(generation.snapshot?.seq, 1);
    assert.is(generation.snapshot?.count, 2);
  }),
);

test.run();
