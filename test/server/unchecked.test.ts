/**
 * A mirror whose signatures nobody has checked yet (R22): visitors see it, peers are given nothing of it,
 * through no door; once it is checked it is as any other, and told of as a new generation is.
 */
import { copyFileSync, renameSync, rmSync } from 'node:fs';
import type { Context } from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { sendRecordStream } from '../../src/server/record-stream.ts';
import { type GenerationEvent, openStreamSet } from '../../src/server/stream-set.ts';
import { acceptBatch } from '../../src/store/accept-batch.ts';
import { checkInThread } from '../../src/store/check-thread.ts';
import { connect } from '../../src/store/database.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream, openStream } from '../../src/store/open-stream.ts';
import { openPushedValues } from '../../src/store/pushed-values.ts';
import { signatureStateOf } from '../../src/store/unchecked.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { setUnchecked } from '../helpers/set-unchecked.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('server/unchecked');

const { publicKey, secretKey } = KEY_A;
const FROM = 'http://127.0.0.1:9';
const base = `/${formatStreamId(publicKey, 'base64url')}`;

/** Everything that gives records to peers, or names them. */
const DOORS = [
  'newRecords/0',
  'newRecords/0?limit=10',
  'newRecords/0?limit=10&inline=0',
  'record/file/index.html',
  'record/file/index.html?proof=1',
  'record/file/nothing?proof=1',
  'record/drayer/snapshot',
  'crdr/9007199254740991',
  'crdr/0?inline=0',
  'newestRecordsJSON/file',
  'listRecordsJSON/file',
] as const;

for (const fault of [undefined, 'record 2: signature is not of this key']) {
  const what = fault === undefined ? 'not checked' : 'wrong';
  test(
    `answerSync :: while signatures are ${what} no record is given through any door, and each once they are checked`,
    scope(async (t) => {
      const path = makeStream(t);
      setUnchecked(path, { from: FROM, fault });
      // Nobody checks here, so that the moment lasts.
      const set = t.defer(openStreamSet([{ path }], { pollMs: 5, checks: false }), (s) =>
        s.close(),
      );
      const { get } = await serve(t, [], { streams: set });

      for (const door of DOORS) {
        const response = await get(`${base}/${door}`);
        assert.is(response.status, 503, door);
        assert.is(response.headers['retry-after'], fault === undefined ? '1' : '60', door);
        const { code, detail } = JSON.parse(response.body.toString());
        assert.is(code, 'SIGNATURES_UNCHECKED', door);
        assert.match(detail, /signatures/);
      }
      assert.equal(JSON.parse((await get('/streams.json')).body.toString()).streams, []);
      assert.is(set.list()[0]?.isWithheld, true);
      // Visitors, and what its hash proves.
      for (const shown of [
        'webAccess/index.html',
        'rawwebacess/file/index.html',
        `value/${hashIn(path)}`,
      ]) {
        assert.is((await get(`${base}/${shown}`)).status, 200, shown);
      }

      setUnchecked(path, undefined);
      set.poll();
      for (const door of DOORS) {
        const isAbsent = door.includes('nothing');
        assert.is((await get(`${base}/${door}`)).status, isAbsent ? 404 : 200, door);
      }
      assert.is(JSON.parse((await get('/streams.json')).body.toString()).streams.length, 1);
      assert.is(set.list()[0]?.isWithheld, false);
    }),
  );
}

test(
  'OpenStreamSet :: who serves it has it checked, and tells of its generation then',
  scope(async (t) => {
    const path = makeStream(t);
    setUnchecked(path, { from: FROM });
    const told: GenerationEvent[] = [];
    const set = t.defer(openStreamSet([{ path }], { pollMs: 5 }), (s) => s.close());
    const event = new Promise<GenerationEvent>((resolve) => {
      set.onGeneration((one) => {
        told.push(one);
        resolve(one);
      });
    });
    const withheld = set.list();
    const { get } = await serve(t, [], { streams: set });
    assert.is((await get(`${base}/newRecords/0`)).status, 503);

    const { generation } = await event;

    assert.is(generation.snapshot?.seq, 1);
    assert.is(stateOf(path), 'checked');
    assert.is((await get(`${base}/newRecords/0`)).status, 200);
    // Whoever compares lists finds another.
    assert.not.equal(set.list(), withheld);
    set.poll();
    assert.is(told.length, 1);
  }),
);

test(
  'EventHub :: a follower hears of it once it may be fetched, not before',
  scope(async (t) => {
    const path = makeStream(t);
    setUnchecked(path, { from: FROM });
    const set = t.defer(openStreamSet([{ path }], { pollMs: 5, checks: false }), (s) => s.close());
    const { port } = await serve(t, [], { streams: set });
    const stop = new AbortController();
    const response = await fetch(`http://127.0.0.1:${port}${base}/events`, { signal: stop.signal });
    const reader = response.body?.getReader();
    const read = async (): Promise<string> =>
      Buffer.from((await reader?.read())?.value ?? []).toString();
    assert.is(await read(), ': \n\n');

    setUnchecked(path, undefined);
    set.poll();

    assert.match(await read(), 'event: generation');
    stop.abort();
  }),
);

test(
  'OpenStreamSet :: a wrong signature is told of once, and the stream stays withheld',
  scope(async (t) => {
    const path = makeStream(t);
    setUnchecked(path, { from: FROM });
    const connection = connect(path);
    connection.run("UPDATE record SET signature = zeroblob(64) WHERE key = 'index.html'");
    connection.close();
    const errors: unknown[] = [];
    const told = new Promise<void>((resolve) => {
      const onError = (error: unknown): void => {
        errors.push(error);
        resolve();
      };
      t.defer(openStreamSet([{ path }], { pollMs: 5, onError }), (s) => s.close());
    });

    await told;

    assert.is(stateOf(path), 'wrong');
    assert.match(String(errors[0]), 'wrong signatures');
    // The next to serve it says so at once, without looking at all of it again.
    const again: unknown[] = [];
    const set = openStreamSet([{ path }], { onError: (error) => again.push(error) });
    set.close();
    assert.is(again.length, 1);
    assert.is(errors.length, 1);
  }),
);

test(
  'OpenStreamSet :: a file that is gone before it was checked, and comes again unchecked, is checked then',
  scope(async (t) => {
    const path = makeStream(t);
    setUnchecked(path, { from: FROM });
    const again = t.path('again');
    copyFileSync(path, again);
    const errors: unknown[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    const set = t.defer(openStreamSet([{ path, optional: true }], { pollMs: 5, onError }), (s) =>
      s.close(),
    );
    const known = new Promise<void>((resolve) => void set.onGeneration(() => resolve()));
    for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
    set.poll();
    assert.equal(set.list(), []);
    // The thread has found nothing to check.
    await checkInThread(path).catch((error: unknown) => error);

    renameSync(again, path);
    await known;

    assert.is(set.list()[0]?.isWithheld, false);
    assert.is(stateOf(path), 'checked');
    assert.equal(errors, []);
  }),
);

test(
  'OpenStreamSet :: of two files of one state the one that peers may have is given; the newest counts otherwise',
  scope((t) => {
    const path = makeStream(t);
    const copy = t.path('copy.stream');
    const newer = t.path('newer.stream');
    for (const name of [copy, newer]) copyFileSync(path, name);
    const stream = openStream(newer, { secretKey });
    stream.putFile('more.html', Buffer.from('<p>more'));
    stream.close();
    for (const one of [copy, newer]) setUnchecked(one, { from: FROM });
    for (const paths of [
      [path, copy],
      [copy, path],
    ]) {
      const sources = paths.map((one) => ({ path: one }));
      const set = t.defer(openStreamSet(sources, { checks: false }), (s) => s.close());
      assert.is(set.list()[0]?.isWithheld, false);
      assert.is(set.find(publicKey)?.path, path);
    }

    const set = t.defer(openStreamSet([{ path: newer }, { path }], { checks: false }), (s) =>
      s.close(),
    );

    assert.is(set.find(publicKey)?.path, newer);
    assert.is(set.list()[0]?.isWithheld, true);
    assert.equal(
      set.files().map(({ isWithheld }) => isWithheld),
      [true, true],
    );
  }),
);

test(
  'newRecords :: a file that has just taken the place of a checked one is not given unchecked',
  scope(async (t) => {
    const path = makeStream(t);
    const other = t.path('other.stream');
    copyFileSync(path, other);
    setUnchecked(other, { from: FROM });
    const held = t.defer(openReader(path), (one) => one.close());
    const ctx = {
      method: 'GET',
      set: () => {},
      req: { socket: { setTimeout: () => {} } },
    } as unknown as Context;
    renameSync(other, path);

    await rejectsCode(
      sendRecordStream(ctx, held, { since: 0, idleMs: 1000 }),
      'SIGNATURES_UNCHECKED',
    );
  }),
);

test(
  'acceptBatch :: nothing is pushed on top of what is not checked',
  scope(async (t) => {
    const path = makeStream(t);
    setUnchecked(path, { from: FROM });
    const values = openPushedValues(path);
    const job = { path, publicKey, records: [], expect: 0, batch: new Uint8Array(32), values };
    await rejectsCode(acceptBatch(job), 'SIGNATURES_UNCHECKED');
  }),
);

function makeStream(t: Scope): string {
  const path = t.path('a.stream');
  const stream = createStream(path, { secretKey });
  stream.putFile('index.html', Buffer.from('<p>hello'));
  stream.close();
  return path;
}

function stateOf(path: string): string {
  const reader = openReader(path);
  try {
    return signatureStateOf(reader);
  } finally {
    reader.close();
  }
}

function hashIn(path: string): string {
  const reader = openReader(path);
  try {
    return Buffer.from(reader.findRecord('file', 'index.html')?.hash ?? []).toString('hex');
  } finally {
    reader.close();
  }
}

test.run();
