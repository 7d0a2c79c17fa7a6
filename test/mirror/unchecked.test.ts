/**
 * A first generation that its snapshot proves, shown before the signatures of its records are checked (R22):
 * what is owed is paid before anything is built on it, and who sent a wrong one is named.
 */
import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { Background } from '../../src/mirror/background.ts';
import { checkLeft } from '../../src/mirror/check-left.ts';
import { findMirror } from '../../src/mirror/find-mirror.ts';
import { followStream } from '../../src/mirror/follow-stream.ts';
import type { MirrorReport } from '../../src/mirror/mirror.ts';
import type { Session } from '../../src/mirror/session.ts';
import { takeInRecords } from '../../src/mirror/take-in.ts';
import { Verifier } from '../../src/mirror/verifier.ts';
import { type MirrorStore, openMirrorStore } from '../../src/store/mirror-store.ts';
import { openStream } from '../../src/store/open-stream.ts';
import { partPathOf } from '../../src/store/staging-file.ts';
import { factOf, MANY, secretOf, setUp, wrongAt } from '../helpers/many-mirrored.ts';
import { record, TEST_KEYS } from '../helpers/records.ts';
import { scope } from '../helpers/scope.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { changeRecords, wronglySigned } from '../helpers/tampered-records.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/unchecked');

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
  'followStream :: what is owed by a mirror that is here is paid at once, though no source has anything newer',
  scope(async (t) => {
    const { published, run, path } = await setUp(t);
    const { stream, peer } = published;
    peer.tamper(changeRecords(stream.publicKey, wrongAt(50)));
    await run({ oneShot: true });
    await rejectsCode(run({ oneShot: true }), 'PEER_MISBEHAVED');
    peer.tamper(undefined);
    const held = findMirror(path, stream.publicKey);
    assert.is(held?.signatures, 'wrong');

    const report = await new Promise<MirrorReport>((onGeneration) => {
      const following = held && followStream(held, { url: peer.url, onGeneration });
      t.defer(following, (one) => one?.close());
    });

    assert.is(report.signatures, 'checked');
    assert.equal(streamRows(path), streamRows(published.path));
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

test.run();
