/** Peers that lie, break off or know little: nothing visible changes, and honest contact repairs all. */
import { copyFileSync, existsSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { decode, encode } from '@msgpack/msgpack';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ErrorCode } from '../../src/core/errors.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { mirrorStream } from '../../src/mirror/mirror.ts';
import { readForkProof } from '../../src/store/fork-proof.ts';
import { openStream } from '../../src/store/open-stream.ts';
import { RecordReader } from '../../src/wire/record-reader.ts';
import type { Answer, Tamper } from '../helpers/proxy-peer.ts';
import { noise, type Published, publish } from '../helpers/published.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { scriptedPeer } from '../helpers/scripted-peer.ts';
import { serve } from '../helpers/serving.ts';
import { streamRows } from '../helpers/stream-rows.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('mirror/faulty-peer');

type WireMap = Record<string, unknown>;

/** What a peer does to an answer, and what it is called for it. */
const FAULTS: readonly [name: string, code: ErrorCode, tamper: Tamper][] = [
  ['compresses a page', 'PEER_MISBEHAVED', onPage(compress)],
  ['redirects a page', 'PEER_MISBEHAVED', onPage(redirect)],
  ['sends garbage', 'PEER_MISBEHAVED', onPage(replaceBody)],
  ['sends a list that is cut off', 'PEER_MISBEHAVED', onPage(cutBody)],
  ['sends bytes after the list', 'PEER_MISBEHAVED', onPage(appendBytes)],
  ['flips a bit of a signature', 'PEER_MISBEHAVED', onRecord((record) => flip(record['sig']))],
  ['flips a bit of a value', 'PEER_MISBEHAVED', onRecord((record) => flip(record['val']))],
  ['changes a key', 'PEER_MISBEHAVED', onRecord((record) => set(record, 'key', 'evil'))],
  ['changes a link', 'PEER_MISBEHAVED', onRecord((record) => set(record, 'prev', 0))],
  ['sends a time as float', 'PEER_MISBEHAVED', onRecord((record) => set(record, 'mod', 1.5))],
  ['sends another stream', 'PEER_MISBEHAVED', onRecord((r) => set(r, 'chain', noise(32)))],
  ['sends a page backwards', 'PEER_INCOMPLETE', onList((list) => list.reverse())],
  ['sends a record twice', 'PEER_MISBEHAVED', onList((list) => [...list, list.at(-1) as WireMap])],
  ['leaves a record out', 'PEER_INCOMPLETE', onList((list) => list.filter((_, i) => i !== 1))],
  ['keeps the newest record back', 'PEER_INCOMPLETE', onList((list) => list.slice(0, -1))],
  ['sends an empty list', 'PEER_INCOMPLETE', onList(() => [])],
  ['flips a bit of the tip', 'PEER_MISBEHAVED', onTip((record) => flip(record['sig']))],
  ['sends other bytes for a hash', 'PEER_MISBEHAVED', onValue((answer) => flip(answer.body))],
  ['does not have a value', 'PEER_INCOMPLETE', onValue(status(404))],
  ['sends a value without end', 'TOO_LARGE', onValue(announceTooMuch)],
  ['does not answer to this name', 'HOST_REFUSED', onPage(status(421))],
  ['is busy', 'PEER_INCOMPLETE', onPage(status(503))],
  ['does not know the stream', 'NOT_FOUND', (_, answer) => status(404)(answer)],
];

for (const [name, code, tamper] of FAULTS) {
  test(
    `mirrorStream :: a peer that ${name} changes nothing, also not what is mirrored later (R16)`,
    scope(async (t) => {
      const { published, options, before } = await startMirror(t);
      published.peer.tamper(tamper);

      const error = await rejectsCode(mirrorStream(options), code);

      assert.ok(error.message.includes(published.peer.url), error.message);
      assert.equal(streamRows(options.path), before);
      published.peer.tamper(undefined);
      const honest = await mirrorStream(options);
      assert.is(honest.changed, true);
      assert.equal(streamRows(options.path), streamRows(published.path));
    }),
  );
}

test(
  'mirrorStream :: an invalid record is named (R16)',
  scope(async (t) => {
    const { published, options } = await startMirror(t);
    published.peer.tamper(onRecord((record) => flip(record['sig'])));

    const error = await rejectsCode(mirrorStream(options), 'PEER_MISBEHAVED');

    assert.match(error.message, /record 3: signature is not of this key/);
  }),
);

test(
  'mirrorStream :: cut off at any byte, it goes on from the records that were whole (R15)',
  scope(async (t) => {
    const published = await publish(t);
    published.stream.transaction((tx) => {
      for (let i = 0; i < 12; i += 1) tx.setBytes('file', `f${i}`, noise(300, i));
    });
    const options = { url: published.peer.url, publicKey: published.stream.publicKey };
    const length = await pageLength(published);

    for (let at = 0; at < length; at += 397) {
      const path = t.path(`cut-${at}.stream`);
      let end = at;
      published.peer.tamper((asked, answer, response) => {
        if (!asked.includes('newRecords')) return undefined;
        response.writeHead(200, { 'content-length': answer.body.length });
        response.write(answer.body.subarray(0, end), () => response.destroy());
        end = 0;
        return true;
      });
      await rejectsCode(mirrorStream({ ...options, path }), 'UNREACHABLE');
      assert.is(existsSync(path), false);

      published.peer.tamper(undefined);
      const report = await mirrorStream({ ...options, path });
      const whole = Math.floor((at - 3) / (length / 13));
      assert.ok(report.fetchedRecords <= 13 - whole + 1, `${report.fetchedRecords} after ${at}`);
      assert.equal(streamRows(path), streamRows(published.path));
    }
  }),
);

test(
  'mirrorStream :: a value that breaks off is gone on with, not begun again (R17)',
  scope(async (t) => {
    const published = await publish(t);
    const film = noise(2_000_000);
    published.stream.setBytes('file', 'film.mp4', film);
    const { url } = published.peer;
    const ranges: (string | undefined)[] = [];
    published.peer.tamper((asked, answer, response) => {
      if (!asked.includes('/value/')) return undefined;
      const range = answer.headers['content-range'];
      ranges.push(typeof range === 'string' ? range : undefined);
      if (ranges.length > 2) return undefined;
      response.writeHead(answer.status, answer.headers);
      response.write(answer.body.subarray(0, 700_000), () => response.destroy());
      return true;
    });

    const path = t.path('mirror.stream');
    const report = await mirrorStream({ url, publicKey: published.stream.publicKey, path });

    assert.is(ranges.length, 3);
    assert.is(ranges[0], undefined);
    assert.ok(ranges[1] !== undefined && ranges[2] !== undefined, String(ranges));
    assert.ok(report.bytes < 2_100_000, `${report.bytes} bytes`);
    assert.equal(streamRows(path), streamRows(published.path));
  }),
);

test(
  'mirrorStream :: values left out of a page are fetched by hash before anything is shown (A3)',
  scope(async (t) => {
    const { published, options } = await startMirror(t);
    published.peer.tamper(onList((list) => list.map(({ val: _, ...record }) => record)));

    const report = await mirrorStream(options);

    // Two of the four records have one value.
    assert.is(report.fetchedValues, 3);
    assert.equal(streamRows(options.path), streamRows(published.path));
  }),
);

test(
  'mirrorStream :: a peer that stops in the middle of a generation changes nothing (A9, R22)',
  scope(async (t) => {
    const { published, options, before } = await startMirror(t);
    const since = before.at(-1)?.split(' ')[5] ?? '';
    const id = encodeURIComponent(published.stream.id);
    const all = await fetch(`http://127.0.0.1:${published.port}/${id}/newRecords/${since}`);
    // True records, but not all: what it shows as its tip is not the snapshot.
    const shown = unpackList(new Uint8Array(await all.arrayBuffer())).slice(0, 2);
    published.peer.tamper((asked, answer) => {
      if (asked.includes('crdr')) answer.body = pack(shown.at(-1));
      if (asked.includes('newRecords')) {
        const isAfter = asked.includes(`newRecords/${String(shown.at(-1)?.['mod'])}`);
        answer.body = pack(isAfter ? [] : shown);
      }
      answer.headers['drayer-tip'] = String(shown.at(-1)?.['mod']);
      return undefined;
    });

    await rejectsCode(mirrorStream(options), 'PEER_INCOMPLETE');

    assert.equal(streamRows(options.path), before);
  }),
);

test(
  'mirrorStream :: two histories are proved, kept, and the old generation stays (R16)',
  scope(async (t) => {
    for (const first of ['ours', 'theirs'] as const) {
      const dir = t.path(first);
      const { published, fork } = await forkStream(t, first);
      const options = { publicKey: published.stream.publicKey, path: `${dir}.mirror.stream` };
      await mirrorStream({ ...options, url: published.peer.url });
      const before = streamRows(options.path);

      const error = await rejectsCode(mirrorStream({ ...options, url: fork }), 'TWO_HISTORIES');

      assert.match(error.message, 'has signed two histories');
      assert.equal(streamRows(options.path), before);
      const proof = decodeProofFile(options.path);
      assert.is(proof.length, 2);
      assert.is.not(proof[0], proof[1]);
    }
  }),
);

test(
  'mirrorStream :: a peer that knows only what the original knows is followed to the snapshot',
  scope(async (t) => {
    const published = await publish(t);
    const { stream, peer } = published;
    peer.tamper(asOriginal);
    stream.transaction((tx) => tx.setBytes('file', 'film.mp4', noise(1_500_000)).set('a', 1));
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };

    const first = await mirrorStream(options);
    stream.transaction((tx) => {
      tx.set('b', 2).set('a', 3);
      tx.deleteBytes('file', 'film.mp4');
    });
    const second = await mirrorStream(options);

    assert.is(first.snapshotProved, true);
    assert.is(second.fetchedRecords < 6, true);
    assert.equal(streamRows(options.path), streamRows(published.path));
  }),
);

test(
  'mirrorStream :: values still wanted are found at an original too, in its list',
  scope(async (t) => {
    const published = await publish(t);
    const { stream, peer } = published;
    stream.transaction((tx) => tx.setBytes('file', 'film.mp4', noise(1_500_000)).set('a', 1));
    const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };
    peer.tamper(onValue((answer) => void flip(answer.body)));
    await rejectsCode(mirrorStream(options), 'PEER_MISBEHAVED');
    peer.tamper(asOriginal);

    const report = await mirrorStream(options);

    assert.is(report.fetchedRecords, 0);
    assert.is(report.fetchedValues, 1);
    assert.equal(streamRows(options.path), streamRows(published.path));
  }),
);

test(
  'mirrorStream :: a record without end is cut off early, and is the peer’s doing (R19)',
  scope(async (t) => {
    const { publicKey } = await publish(t).then(({ stream }) => stream);
    let sent = 0;
    const peer = await scriptedPeer(t, async (_path, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      const piece = Buffer.alloc(65_536);
      while (!response.destroyed) {
        sent += piece.length;
        if (!response.write(piece)) await nextTurn(response);
      }
    });

    const options = { url: `${peer.url}/${formatStreamId(publicKey, 'base64url')}` };
    const path = t.path('mirror.stream');
    const error = await rejectsCode(mirrorStream({ ...options, path }), 'PEER_MISBEHAVED');

    assert.match(error.message, `${peer.url}/`);
    assert.match(error.message, 'for a single record');
    // What the sockets on both ends hold comes on top of the limit.
    assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were sent`);
  }),
);

test(
  'mirrorStream :: a stream above its quota stops, with what it held (R19)',
  scope(async (t) => {
    const { published, options, before } = await startMirror(t);

    const error = await rejectsCode(
      mirrorStream({ ...options, quota: { records: 3 } }),
      'TOO_LARGE',
    );

    assert.match(error.message, 'larger than its quota');
    assert.equal(streamRows(options.path), before);
    await mirrorStream(options);
    assert.equal(streamRows(options.path), streamRows(published.path));
  }),
);

/** Resolves when more can be written, or nobody reads any more. */
function nextTurn(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
    response.once('close', resolve);
  });
}

type Started = {
  published: Published;
  options: { url: string; publicKey: Uint8Array; path: string };
  before: string[];
};

/** A mirror at generation 1 of a publisher at generation 2: three small records and a large one newer. */
async function startMirror(t: Scope): Promise<Started> {
  const published = await publish(t);
  const { stream, peer } = published;
  stream.transaction((tx) => tx.set('a', 1).set('b', 1));
  const options = { url: peer.url, publicKey: stream.publicKey, path: t.path('mirror.stream') };
  await mirrorStream(options);
  stream.transaction((tx) => {
    tx.set('a', 2).set('b', 2).setBytes('file', 'film.mp4', noise(400_000));
  });
  return { published, options, before: streamRows(options.path) };
}

/** One key, two copies, each written to; returns the first and the URL of the second. */
async function forkStream(
  t: Scope,
  newer: 'ours' | 'theirs',
): Promise<{ published: Published; fork: string }> {
  const published = await publish(t, { name: `fork-${newer}` });
  const { stream, path } = published;
  stream.set('a', 1);
  const copy = t.path(`fork-${newer}-copy.stream`);
  for (const end of ['', '.privatekey', '.mark']) copyFileSync(path + end, copy + end);
  const other = openStream(copy);
  const write = {
    ours: () => stream.set('a', 'here'),
    theirs: () => other.set('b', 'there'),
  };
  for (const who of newer === 'ours'
    ? (['theirs', 'ours'] as const)
    : (['ours', 'theirs'] as const)) {
    write[who]();
  }
  other.close();
  const { port } = await serve(t, [{ path: copy }]);
  return { published, fork: `http://127.0.0.1:${port}` };
}

async function pageLength({ stream, port }: Published): Promise<number> {
  const id = encodeURIComponent(stream.id);
  const answer = await fetch(`http://127.0.0.1:${port}/${id}/newRecords/0?limit=100&inline=1000`);
  return (await answer.arrayBuffer()).byteLength;
}

function decodeProofFile(path: string): string[] {
  const body = readForkProof(path);
  assert.ok(body !== undefined);
  const reader = new RecordReader();
  const records = reader.push(body);
  reader.end();
  return records.map(
    ({ id, modified, hash }) => `${id} ${modified} ${Buffer.from(hash).toString('hex')}`,
  );
}

type Change = (answer: Answer) => void;

function onPage(change: Change): Tamper {
  return (path, answer) => {
    if (path.includes('newRecords')) change(answer);
    return undefined;
  };
}

function onValue(change: Change): Tamper {
  return (path, answer) => {
    if (path.includes('/value/')) change(answer);
    return undefined;
  };
}

function onTip(change: (record: WireMap) => void): Tamper {
  return (path, answer) => {
    if (!path.includes('crdr')) return undefined;
    const record = unpack(answer.body) as WireMap;
    change(record);
    answer.body = pack(record);
    return undefined;
  };
}

function onList(change: (list: WireMap[]) => WireMap[]): Tamper {
  return onPage((answer) => {
    const list = unpackList(answer.body);
    if (list.length > 0) answer.body = pack(change(list));
  });
}

/** Changes the second record of a list: record 3, which has a small value. */
function onRecord(change: (record: WireMap) => void): Tamper {
  return onList((list) => {
    const record = list[1];
    if (record !== undefined) change(record);
    return list;
  });
}

function set(record: WireMap, field: string, value: unknown): void {
  record[field] = value;
}

function status(code: number): (answer: Answer) => undefined {
  return (answer) => {
    answer.status = code;
    return undefined;
  };
}

function replaceBody(answer: Answer): void {
  answer.body = Buffer.from('<html>');
}

/** Hides everything that the original does not know. */
function asOriginal(path: string, answer: Answer): undefined {
  const isKnown = /\/(newRecords|crdr)\/\d+$/.test(path);
  if (!isKnown) answer.status = path.includes('?') ? 404 : 500;
  return undefined;
}

function compress(answer: Answer): void {
  answer.headers['content-encoding'] = 'gzip';
  answer.body = gzipSync(answer.body);
}

function redirect(answer: Answer): void {
  answer.status = 307;
  answer.headers['location'] = 'http://127.0.0.1:1/';
}

function cutBody(answer: Answer): void {
  answer.body = answer.body.subarray(0, answer.body.length - 7);
}

function appendBytes(answer: Answer): void {
  answer.body = Buffer.concat([answer.body, Buffer.from([0xc0])]);
}

function announceTooMuch(answer: Answer): void {
  answer.headers['content-length'] = String(65 * 1024 * 1024);
}

function flip(bytes: unknown): void {
  if (bytes instanceof Uint8Array) bytes[0] = (bytes[0] ?? 0) ^ 1;
}

function unpack(body: Uint8Array): unknown {
  return decode(body, { useBigInt64: true });
}

function unpackList(body: Uint8Array): WireMap[] {
  return unpack(body) as WireMap[];
}

function pack(value: unknown): Buffer {
  return Buffer.from(encode(value, { useBigInt64: true }));
}

test.run();
