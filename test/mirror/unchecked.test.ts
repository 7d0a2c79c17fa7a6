/**
 * A first generation that its snapshot proves, shown before the signatures of its records are checked (R22):
 * what is owed is paid before anything is built on it, and who sent a wrong one is named.
 */
import { copyFileSync, existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { Background } from '../../src/mirror/background.ts';
import { checkLeft } from '../../src/mirror/check-left.ts';
import { type MirrorOptions, type MirrorReport, mirrorStream } from '../../src/mirror/mirror.ts';
import type { Session } from '../../src/mirror/session.ts';
import { takeInRecords } from '../../src/mirror/take-in.ts';
import { Verifier } from '../../src/mirror/verifier.ts';
import { readForkProof } from '../../src/store/fork-proof.ts';
import { keyPathOf, readKeyFile } from '../../src/store/key-file.ts';
import { type MirrorStore, openMirrorStore } from '../../src/store/mirror-store.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream, openStream } from '../../src/store/open-stream.ts';
import { partPathOf } from '../../src/store/staging-file.ts';
import { type Unchecked, uncheckedOf } from '../../src/store/unchecked.ts';
import { isForkProof } from '../../src/wire/fork-proof.ts';
import { proxyPeer } from '../helpers/proxy-peer.ts';
import { noise, type Published, publish } from '../helpers/published.ts';
import { record, TEST_KEYS } from '../helpers/records.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { changeRecords, wronglySigned } from '../helpers/tampered-records.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/unchecked');

const MANY = 400;

test(
  'mirrorStream :: many records that a snapshot proves are shown at once, and checked by the next run',
  scope(async (t) => {
    const { published, run, path } = await setUp(t);

    const first = await run({ oneShot: true });

    assert.is(first.signatures, 'unchecked');
    assert.is(first.snapshotProved, true);
    assert.equal(streamRows(path), streamRows(published.path));
    assert.is(factOf(path)?.from, published.peer.url);

    const next = await run({ oneShot: true });
    assert.is(next.signatures, 'checked');
    assert.is(next.fetchedRecords, 0);
    assert.is(factOf(path), undefined);
  }),
);

test(
  'mirrorStream :: whose process goes on has them checked before it returns; few are checked as they come',
  scope(async (t) => {
    const { run, path } = await setUp(t);
    assert.is((await run({})).signatures, 'checked');
    assert.is(factOf(path), undefined);

    const few = await setUp(t, { records: 20, name: 'few' });
    assert.is((await few.run({ oneShot: true })).signatures, 'checked');
  }),
);

test(
  'mirrorStream :: without a snapshot nothing is shown unchecked',
  scope(async (t) => {
    const { run, published } = await setUp(t, { snapshots: false });
    assert.is((await run({ oneShot: true })).signatures, 'checked');

    // The control: with a wrong signature there is nothing to show.
    published.peer.tamper(changeRecords(published.stream.publicKey, wrongAt(50)));
    const path = t.path('other.stream');
    await rejectsCode(run({ oneShot: true, path }), 'PEER_MISBEHAVED');
    assert.is(existsSync(path), false);
  }),
);

test(
  'mirrorStream :: right contents under a wrong signature: they are shown, the liar is named by the next run (R16)',
  scope(async (t) => {
    const { published, run, path } = await setUp(t);
    published.peer.tamper(changeRecords(published.stream.publicKey, wrongAt(50)));

    assert.is((await run({ oneShot: true })).signatures, 'unchecked');
    const shown = streamRows(path);
    const rows = streamRows(published.path);
    assert.equal(shown.length, rows.length);
    assert.not.equal(shown, rows);

    // Found now, and again in each later run, in which it is asked once more.
    for (let i = 0; i < 3; i += 1) {
      const error = await run({ oneShot: true }).catch((one) => one);
      assert.ok(isDrayerError(error, 'PEER_MISBEHAVED'), String(error));
      assert.match(error.message, published.peer.url);
      assert.match(error.message, 'record 50: signature');
      assert.match(factOf(path)?.fault ?? '', 'record 50');
      assert.equal(streamRows(path), shown);
    }

    // Once it has mended its ways, all is well.
    published.peer.tamper(undefined);
    assert.is((await run({ oneShot: true })).signatures, 'checked');
    assert.equal(streamRows(path), rows);
    assert.is(factOf(path), undefined);
  }),
);

test(
  'mirrorStream :: beside an honest source the same round comes to the honest set, and no value is fetched twice',
  scope(async (t) => {
    const { published, run, path } = await setUp(t);
    const { publicKey } = published.stream;
    published.peer.tamper(changeRecords(publicKey, wrongAt(50)));
    const honest = await serve(t, [{ path: published.path }]);
    // It begins to send only when the liar is through.
    const { url, requests, tamper } = await proxyPeer(t, honest.port);
    tamper((asked, answer, response) => {
      if (!asked.includes('newRecords')) return undefined;
      const timer = setInterval(() => {
        if (!existsSync(path)) return;
        clearInterval(timer);
        response.writeHead(answer.status, answer.headers);
        response.end(answer.body);
      }, 5);
      t.defer(timer, clearInterval);
      return true;
    });

    const report = await run({ urls: [url] });

    assert.is(report.signatures, 'checked');
    assert.is(report.changed, true);
    assert.equal(streamRows(path), streamRows(published.path));
    assert.equal(
      report.failures.map(({ error }) => error.code),
      ['PEER_MISBEHAVED'],
    );
    assert.match(report.failures[0]?.error.message ?? '', 'record 50: signature');
    assert.ok(requests.some((asked) => asked.includes('newRecords') && asked.includes('inline=0')));
    assert.is(requests.filter((asked) => asked.includes('/value/')).length, 0);
  }),
);

test(
  'mirrorStream :: a liar of an earlier run is named also where it is not asked any more',
  scope(async (t) => {
    const { published, run, path } = await setUp(t);
    published.peer.tamper(changeRecords(published.stream.publicKey, wrongAt(MANY)));
    await run({ oneShot: true });
    const { port } = await serve(t, [{ path: published.path }]);
    // It has gone on meanwhile: the newest state is fetched, not the one that was shown.
    published.stream.setBytes('file', 'f7', noise(300, 7_000));

    const report = await run({ url: `http://127.0.0.1:${port}`, others: false, oneShot: true });

    assert.is(report.signatures, 'checked');
    assert.equal(streamRows(path), streamRows(published.path));
    assert.is(report.generation.snapshot?.seq, 2);
    assert.match(report.failures[0]?.error.message ?? '', published.peer.url);
  }),
);

test(
  'mirrorStream :: a liar whose signature is that of a later link keeps nobody from the honest set',
  scope(async (t) => {
    const { published, run, path } = await setUp(t);
    const { stream, peer } = published;
    const old = t.path('old.stream');
    copyFileSync(published.path, old);
    const oldServer = await serve(t, [{ path: old }]);
    // The record after a deleted one is signed anew with its link moved back, its place unchanged.
    stream.transaction((tx) => tx.deleteBytes('file', 'f100'));
    const patched = new Map(versionsOf(published.path).map((record) => [record.id, record]));
    const liar = await proxyOf(
      t,
      { port: oldServer.port, publicKey: stream.publicKey },
      (record) => {
        const later = patched.get(record.id);
        const isPatch =
          later?.modified === record.modified && later.prevChange !== record.prevChange;
        return isPatch ? { ...record, signature: later.signature } : record;
      },
    );
    const first = await run({ url: liar, oneShot: true });
    assert.is(first.signatures, 'unchecked');

    const report = await run({ url: peer.url, oneShot: true });

    assert.equal(streamRows(path), streamRows(published.path));
    assert.is(report.signatures, 'checked');
  }),
);

test(
  'mirrorStream :: what does not fit is judged of checked records only: no proof of two histories, no goal',
  scope(async (t) => {
    const { published, run } = await setUp(t);
    const { publicKey } = published.stream;
    let path = '';
    const lies: readonly ((record: SignedRecord) => SignedRecord)[] = [
      // A link to nowhere, which is to be repaired; another time; another place; a name; contents.
      (one) => (one.id === 60 ? { ...one, prevChange: one.prevChange - 1 } : one),
      (one) => (one.id === 60 ? { ...one, timestamp: one.timestamp + 1 } : one),
      (one) => (one.id > 300 ? { ...one, modified: one.modified + 9_000_000 } : one),
      (one) => (one.id === 60 ? { ...one, key: 'another' } : one),
      (one) => (one.id === 60 ? { ...one, key: 'f1' } : one),
      (one) => (one.id === 60 ? { ...one, prev: 3 } : one),
      // The very record that is to prove all the others.
      (one) => (one.id === 1 ? wronglySigned(one) : one),
    ];
    for (const [index, lie] of lies.entries()) {
      published.peer.tamper(changeRecords(publicKey, lie));
      path = t.path(`${index}.stream`);
      const error = await run({ oneShot: true, path }).catch((one) => one);
      assert.ok(isDrayerError(error, 'PEER_MISBEHAVED'), `${index}: ${String(error)}`);
      assert.is(existsSync(path), false, String(index));
      assert.is(existsSync(`${path}.fork`), false, String(index));
    }

    // What came before the lie is gone on with.
    published.peer.tamper(undefined);
    const report = await run({ oneShot: true, path });
    assert.equal(streamRows(path), streamRows(published.path));
    assert.is(report.fetchedRecords, 1);
  }),
);

test(
  'mirrorStream :: the proof of two histories is made of signed records, also where what is held is not',
  scope(async (t) => {
    const { published, run, path } = await setUp(t);
    const { stream } = published;
    published.peer.tamper(changeRecords(stream.publicKey, wrongAt(2)));
    await run({ oneShot: true });
    const other = t.defer(
      createStream(t.path('b.stream'), { secretKey: secretOf(published) }),
      (one) => one.close(),
    );
    other.transaction((tx) => {
      for (let i = 0; i < MANY; i += 1) tx.setBytes('file', `g${i}`, noise(300, i));
    });
    // Told by the records only: as its number is far higher, the snapshots say nothing.
    for (const seed of [2, 3]) other.setBytes('file', 'g1', noise(300, seed * 1000));
    const { port } = await serve(t, [{ path: t.path('b.stream') }]);

    await rejectsCode(
      run({ url: `http://127.0.0.1:${port}`, others: false, oneShot: true }),
      'TWO_HISTORIES',
    );

    const proof = readForkProof(path);
    assert.ok(proof !== undefined && isForkProof(proof, stream.publicKey));
  }),
);

test(
  'mirrorStream :: a run that ends in the middle leaves staging that the next one checks',
  scope(async (t) => {
    for (const [name, isLiar] of [
      ['honest', false],
      ['liar', true],
    ] as const) {
      const { published, run, path } = await setUp(t, { name, valueBytes: 12_000 });
      const { publicKey } = published.stream;
      if (isLiar) published.peer.tamper(changeRecords(publicKey, wrongAt(5)));
      const stop = new AbortController();
      const onProgress = (): void => stop.abort();
      await rejectsCode(run({ oneShot: true, onProgress, signal: stop.signal }), 'ABORTED');
      assert.is(existsSync(path), false);
      assert.is(existsSync(partPathOf(path)), true);
      published.peer.tamper(undefined);

      const report = await run({ oneShot: true });

      assert.equal(streamRows(path), streamRows(published.path), name);
      const isWhole = report.fetchedRecords === MANY + 1;
      assert.is(isWhole, isLiar, `${name}: ${report.fetchedRecords}`);
    }
  }),
);

test(
  'takeInRecords :: two records of one place are a proof where both are checked, and only then (R16)',
  scope(async (t) => {
    const { publicKey } = TEST_KEYS;
    const one = record({ id: 2, modified: 5, prevChange: 0, prev: 0 });
    const other = record({ id: 2, modified: 5, prevChange: 0, prev: 0, key: 'another' });
    const background = t.defer(new Background(), (thread) => thread.close());
    for (const [name, shown, isLeft, code] of [
      ['both signed', other, false, 'TWO_HISTORIES'],
      ['one not signed', wronglySigned(other), false, 'PEER_MISBEHAVED'],
      ['not checked, signed', other, true, undefined],
      ['not checked, not signed', wronglySigned(other), true, undefined],
    ] as const) {
      const path = t.path(`${name}.stream`);
      const store = t.defer(openMirrorStore(path, publicKey), (held) => held.close());
      store.begin();
      if (isLeft) store.leaveUnchecked('http://x');
      const session = sessionOf(store, new Verifier(publicKey, background), [one, shown]);
      const outcome = await takeInRecords(session).catch((error: unknown) => error);
      if (code === undefined) assert.match(String(outcome), 'contradicts', name);
      else assert.ok(isDrayerError(outcome, code), `${name}: ${String(outcome)}`);
      assert.is(existsSync(`${path}.fork`), code === 'TWO_HISTORIES', name);
      assert.is(session.state.goal, isLeft ? 0 : session.state.goal, name);
      if (!isLeft) continue;
      // What is staged is checked then; the first of the two is right.
      await checkLeft(session);
      assert.is(store.unchecked, undefined);
      assert.is(session.state.goal, 5);
    }
  }),
);

test(
  'openStream :: nothing is signed on top of what is not checked',
  scope(async (t) => {
    const { published, run, path } = await setUp(t);
    const secretKey = secretOf(published);
    await run({ oneShot: true });
    openStream(path, { secretKey }).close();
    assert.is(factOf(path), undefined);

    published.peer.tamper(changeRecords(published.stream.publicKey, wrongAt(50)));
    const wrong = t.path('wrong.stream');
    await run({ oneShot: true, path: wrong });
    assert.throws(
      () => openStream(wrong, { secretKey }),
      (error: unknown) => isDrayerError(error, 'SIGNATURE_INVALID'),
    );
    // To read it is another matter.
    openStream(wrong).close();
  }),
);

/** A run against a source that sends these records, one after the other. */
function sessionOf(
  store: MirrorStore,
  verifier: Verifier,
  records: readonly SignedRecord[],
): Session {
  const batches = async function* () {
    for (const one of records) yield { records: [one], bytes: 1, peerTip: undefined };
  };
  const state = {
    ...{ goal: 0, peerTip: undefined, records: 0, values: 0, valuesLeft: 0, bytes: 0 },
    opening: undefined,
  };
  const source = { url: 'http://x', batches };
  return { store, verifier, source, state, quota: {} } as unknown as Session;
}

type Set = {
  readonly published: Published;
  readonly path: string;
  run(options: Partial<MirrorOptions>): Promise<MirrorReport>;
};

async function setUp(
  t: Scope,
  {
    records = MANY,
    name = 'own',
    snapshots = true,
    valueBytes = 300,
  }: { records?: number; name?: string; snapshots?: boolean; valueBytes?: number } = {},
): Promise<Set> {
  const published = await publish(t, { name, snapshots });
  published.stream.transaction((tx) => {
    for (let i = 0; i < records; i += 1) tx.setBytes('file', `f${i}`, noise(valueBytes, i));
  });
  const path = t.path(`mirror of ${name}.stream`);
  const { publicKey } = published.stream;
  const run = (options: Partial<MirrorOptions>) =>
    mirrorStream({ url: published.peer.url, publicKey, path, ...options });
  return { published, path, run };
}

function wrongAt(id: number): (record: SignedRecord) => SignedRecord {
  return (record) => (record.id === id ? wronglySigned(record) : record);
}

function versionsOf(path: string): readonly SignedRecord[] {
  const reader = openReader(path);
  try {
    return reader.recordsSince(0, Number.MAX_SAFE_INTEGER);
  } finally {
    reader.close();
  }
}

function secretOf({ path }: Published): Uint8Array {
  return readKeyFile(keyPathOf(path));
}

/** In front of a server: changes each record, and counts what it is asked. */
async function proxyOf(
  t: Scope,
  { port, publicKey }: { readonly port: number; readonly publicKey: Uint8Array },
  change: (record: SignedRecord) => SignedRecord,
): Promise<string> {
  const peer = await proxyPeer(t, port);
  peer.tamper(changeRecords(publicKey, change));
  return peer.url;
}

function factOf(path: string): Unchecked | undefined {
  const reader = openReader(path);
  try {
    return uncheckedOf(reader);
  } finally {
    reader.close();
  }
}
test.run();
