/**
 * Sources that give right contents under wrong signatures (R16, R22): they are named, the honest set is come
 * to, and no proof and no goal is made of what nobody has signed.
 */
import { copyFileSync, existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDrayerError } from '../../src/core/errors.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { readForkProof } from '../../src/store/fork-proof.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { isForkProof } from '../../src/wire/fork-proof.ts';
import {
  factOf,
  MANY,
  proxyOf,
  secretOf,
  setUp,
  versionsOf,
  wrongAt,
} from '../helpers/many-mirrored.ts';
import { proxyPeer } from '../helpers/proxy-peer.ts';
import { noise } from '../helpers/published.ts';
import { scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { changeRecords, wronglySigned } from '../helpers/tampered-records.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/wrong-signatures');

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
    const isSnapshot = ({ id }: SignedRecord): boolean => id === 1;
    published.peer.tamper(
      changeRecords(stream.publicKey, (one) => (isSnapshot(one) ? one : wronglySigned(one))),
    );
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

test.run();
