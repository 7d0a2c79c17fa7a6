import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import { checkProof } from '../../src/core/proof.ts';
import type { SignedRecord } from '../../src/core/record.ts';
import { verifyRecord } from '../../src/core/signing.ts';
import { decodeSnapshot } from '../../src/core/snapshot.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { writeForkProof } from '../../src/store/fork-proof.ts';
import { createStream } from '../../src/store/open-stream.ts';
import type { Stream } from '../../src/store/stream.ts';
import { decodeProof } from '../../src/wire/proof-codec.ts';
import { decodeRecord, type WireRecord } from '../../src/wire/record-codec.ts';
import { RecordReader } from '../../src/wire/record-reader.ts';
import { forkProofOf } from '../helpers/fork-proof.ts';
import { KEY_A } from '../helpers/keys.ts';
import { decodeList } from '../helpers/old-wire.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type Serving, serve, vectorStream } from '../helpers/serving.ts';

const test = suite('server/sync');

const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}`;

/** A stream with these values of type `blob`, and a server for it. */
async function serveBlobs(
  t: Scope,
  values: Readonly<Record<string, Uint8Array>>,
): Promise<Serving & { stream: Stream }> {
  const path = t.path('a.stream');
  const stream = t.defer(createStream(path, { secretKey: KEY_A.secretKey }), (one) => one.close());
  for (const [key, value] of Object.entries(values)) stream.setBytes('blob', key, value);
  return { ...(await serve(t, [{ path }])), stream };
}

function blob(size: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 7 + seed) & 255);
}

function recordsOf(body: Uint8Array): WireRecord[] {
  const reader = new RecordReader();
  const records = reader.push(body);
  reader.end();
  return records;
}

function keysOf(records: readonly SignedRecord[]): string[] {
  return records.map((record) => record.key);
}

const abc = { a: blob(10), b: blob(1000), c: blob(100_000) };

test(
  'newRecords :: plain, every field and value of every record, oldest first, signed',
  scope(async (t) => {
    const { get } = await serveBlobs(t, abc);

    for (const since of ['0', '-1', '-9007199254740991']) {
      const response = await get(`${base}/newRecords/${since}`);
      const records = decodeList(new Uint8Array(response.body));

      assert.is(response.status, 200);
      assert.is(response.headers['content-type'], 'application/octet-stream');
      assert.is(response.headers['content-encoding'], undefined);
      assert.equal(keysOf(records), ['a', 'b', 'c', 'snapshot']);
      for (const record of records) verifyRecord(record, KEY_A.publicKey);
      assert.equal(records[2]?.value, abc.c);
    }
  }),
);

test(
  'newRecords :: never compressed, whatever the client says: originals cannot read that',
  scope(async (t) => {
    const { get } = await serveBlobs(t, { a: new Uint8Array(50_000) });
    const headers = ['Accept-Encoding: gzip, deflate'];

    for (const path of ['newRecords/0', 'newRecords/0?limit=9', 'crdr/0', 'rawwebacess/blob/a']) {
      const response = await get(`${base}/${path}`, { headers });
      assert.is(response.headers['content-encoding'], undefined, path);
      assert.ok(response.body.length > 50_000 - 1, path);
    }
  }),
);

test(
  'newRecords :: what is no number is refused (T066)',
  scope(async (t) => {
    const { get } = await serveBlobs(t, abc);

    for (const time of [
      '1e400',
      '18446744073709551616',
      'NaN',
      '%31',
      '',
      'abc',
      '0x1',
      '1.5',
      '+1',
      '--1',
      '٣',
    ]) {
      const response = await get(`${base}/newRecords/${encodeURI(time).replace('%2531', '%31')}`);
      assert.is(response.status, 400, time);
    }
    for (const query of ['limit=0', 'limit=x', 'inline=-1', 'head=257', 'limit=1e3']) {
      assert.is((await get(`${base}/newRecords/0?${query}`)).status, 400, query);
    }
  }),
);

test(
  'newRecords :: pages follow each other to the tip',
  scope(async (t) => {
    const { get, stream } = await serveBlobs(t, abc);
    const tip = stream.reader.generation().tip;
    let since = 0;
    const pages: string[][] = [];
    while (since < tip) {
      const response = await get(`${base}/newRecords/${since}?limit=3`);
      const records = recordsOf(response.body);
      assert.is(response.headers['drayer-tip'], String(tip));
      assert.is(response.headers['drayer-last'], String(records.at(-1)?.modified));
      pages.push(keysOf(records));
      since = records.at(-1)?.modified ?? tip;
    }

    assert.equal(pages, [['a', 'b', 'c'], ['snapshot']]);
    const end = await get(`${base}/newRecords/${since}?limit=3`);
    assert.equal(recordsOf(end.body), []);
    assert.is(end.headers['drayer-tip'], String(tip));
    assert.is(end.headers['drayer-last'], undefined);
  }),
);

test(
  'newRecords :: values above `inline` stay out, `head` gives their beginning',
  scope(async (t) => {
    const { get } = await serveBlobs(t, abc);

    const some = recordsOf((await get(`${base}/newRecords/0?inline=1000&head=16`)).body);
    const none = recordsOf((await get(`${base}/newRecords/0?inline=0`)).body);

    assert.equal(
      some.map((one) => one.value?.length),
      [10, 1000, undefined, some[3]?.value?.length],
    );
    assert.equal(
      some.map((one) => one.head?.length),
      [undefined, undefined, 16, undefined],
    );
    assert.equal(new Uint8Array(some[2]?.head ?? []), abc.c.subarray(0, 16));
    assert.equal(
      none.map((one) => one.value),
      [undefined, undefined, undefined, undefined],
    );
    assert.equal(
      none.map((one) => one.head),
      [undefined, undefined, undefined, undefined],
    );
    for (const record of [...some, ...none]) verifyRecord(record, KEY_A.publicKey);
  }),
);

test(
  'newRecords :: a page ends at 8 MiB, but has one record at least (R19, T067)',
  scope(async (t) => {
    const MB = 1024 * 1024;
    const { get } = await serveBlobs(t, {
      a: blob(5 * MB),
      b: blob(2 * MB),
      c: blob(2 * MB),
      d: blob(9 * MB),
    });
    const page = async (since: number): Promise<WireRecord[]> => {
      const { body } = await get(`${base}/newRecords/${since}?limit=100`);
      assert.ok(body.length <= 8 * MB || recordsOf(body).length === 1);
      return recordsOf(body);
    };

    const first = await page(0);
    const second = await page(first.at(-1)?.modified ?? 0);
    const third = await page(second.at(-1)?.modified ?? 0);

    assert.equal([first, second, third].map(keysOf), [['a', 'b'], ['c'], ['d']]);
    assert.is(
      keysOf(recordsOf((await get(`${base}/newRecords/0?limit=100&inline=0`)).body)).length,
      5,
    );
  }),
);

test(
  'newRecords :: a page has a strong tag of the state, gone with the next generation',
  scope(async (t) => {
    const { get, stream } = await serveBlobs(t, abc);
    const path = `${base}/newRecords/0?limit=9`;
    const { etag } = (await get(path)).headers;
    const again = (): Promise<number> =>
      get(path, { headers: [`If-None-Match: ${etag}`] }).then((response) => response.status);

    assert.match(etag ?? '', /^"/);
    assert.is(await again(), 304);
    stream.setBytes('blob', 'd', blob(1));
    assert.is(await again(), 200);
  }),
);

test(
  'value :: by hash, with ranges, cacheable for a minute',
  scope(async (t) => {
    const { get } = await serveBlobs(t, abc);
    const path = `${base}/value/${Buffer.from(hash(abc.c)).toString('hex')}`;

    const whole = await get(path);
    const part = await get(path, { headers: ['Range: bytes=99990-'] });
    const cached = await get(path, { headers: [`If-None-Match: ${whole.headers['etag']}`] });

    assert.equal(whole.body, Buffer.from(abc.c));
    assert.is(whole.headers['cache-control'], 'public, max-age=60');
    assert.match(whole.headers['etag'] ?? '', /^"[0-9a-f]{64}"$/);
    assert.is(part.status, 206);
    assert.is(part.headers['content-range'], 'bytes 99990-99999/100000');
    assert.equal(part.body, Buffer.from(abc.c.subarray(99_990)));
    assert.is(cached.status, 304);
    assert.is(
      (await get(path.toUpperCase().replace(base.toUpperCase(), base).replace('VALUE', 'value')))
        .status,
      200,
    );
    assert.is((await get(`${base}/value/${'0'.repeat(64)}`)).status, 404);
    assert.is((await get(`${base}/value/${'0'.repeat(63)}`)).status, 400);
  }),
);

test(
  'value :: a deleted one is not found any more',
  scope(async (t) => {
    const { get, stream } = await serveBlobs(t, abc);
    const path = `${base}/value/${Buffer.from(hash(abc.b)).toString('hex')}`;

    stream.deleteBytes('blob', 'b');

    assert.is((await get(path)).status, 404);
    assert.is((await get(`${base}/rawwebacess/blob/b`)).status, 404);
  }),
);

test(
  'record :: all fields, the value within `inline`, odd names in the path',
  scope(async (t) => {
    const { get, stream } = await serveBlobs(t, abc);
    stream.setBytes('a/b', 'x/y//z é%', blob(3));
    const odd = `${base}/record/a%2Fb/x/y/%2Fz%20%C3%A9%25`;

    const full = decodeRecord((await get(`${base}/record/blob/c`)).body);
    const bare = decodeRecord((await get(`${base}/record/blob/c?inline=99`)).body);
    const named = decodeRecord((await get(odd)).body);

    assert.equal(new Uint8Array(full.value ?? []), abc.c);
    assert.is(bare.value, undefined);
    assert.is(named.key, 'x/y//z é%');
    for (const record of [full, bare, named]) verifyRecord(record, KEY_A.publicKey);
    assert.is((await get(`${base}/record/blob/none`)).status, 404);
    assert.is((await get(`${base}/record/blob`)).status, 400);
  }),
);

test(
  'record :: with the proof that it, or its absence, is in the newest snapshot (R23)',
  scope(async (t) => {
    const { get } = await serveBlobs(t, abc);

    for (const [key, status, verdict] of [
      ['b', 200, 'present'],
      ['none', 404, 'absent'],
    ] as const) {
      const response = await get(`${base}/record/blob/${key}?proof=1`);
      const { snapshot, record, proof } = decodeProof(new Uint8Array(response.body));

      assert.is(response.status, status);
      assert.is(response.headers['content-type'], 'application/octet-stream');
      verifyRecord(snapshot, KEY_A.publicKey);
      assert.ok(snapshot.value);
      const { root } = decodeSnapshot(snapshot.value);
      assert.is(checkProof(root, 'blob', key, proof), verdict);
      assert.is(record?.key, status === 200 ? 'b' : undefined);
      assert.is(record?.value, undefined);
    }
    const inline = decodeProof((await get(`${base}/record/blob/b?proof=1&inline=2000`)).body);
    assert.is(inline.record?.value?.length, 1000);
  }),
);

test(
  'record :: a stream without snapshot has no proofs, and says so',
  scope(async (t) => {
    const { get } = await serve(t, [{ path: vectorStream(t, 'site') }]);

    const response = await get(`${base}/record/file/index.html?proof=1`);

    assert.is(response.status, 404);
    assert.match(response.body.toString(), 'no snapshot');
  }),
);

test(
  'crdr :: the greatest prevchange up to the asked time, the tip for 2^53−1 (R13)',
  scope(async (t) => {
    const { get, stream } = await serveBlobs(t, abc);
    const tip = decodeRecord((await get(`${base}/crdr/9007199254740991`)).body);
    const first = decodeRecord((await get(`${base}/crdr/0`)).body);
    const bare = decodeRecord((await get(`${base}/crdr/9007199254740991?inline=0`)).body);

    assert.is(tip.modified, stream.reader.generation().tip);
    assert.is(first.prevChange, 0);
    assert.is(bare.value, undefined);
    assert.is((await get(`${base}/crdr/-1`)).status, 400);
  }),
);

test(
  'lists :: newest by id, newest by modified, bounds exclusive, 250 at most',
  scope(async (t) => {
    const { get, stream } = await serveBlobs(t, abc);
    stream.setBytes('blob', 'a', blob(11));
    const list = async (path: string): Promise<[string, number][]> =>
      JSON.parse((await get(`${base}/${path}`)).body.toString()) as [string, number][];
    const ids = await list('newestRecordsJSON/blob');
    const times = await list('listRecordsJSON/blob');
    const second = times[1]?.[1] ?? 0;

    assert.equal(ids, [
      ['c', 4],
      ['b', 3],
      ['a', 2],
    ]);
    assert.equal(
      times.map(([key]) => key),
      ['a', 'c', 'b'],
    );
    assert.equal(await list('newestRecordsJSON/blob?after=2&before=4'), [['b', 3]]);
    assert.equal(await list(`listRecordsJSON/blob?after=${second}`), times.slice(0, 1));
    assert.equal(await list(`listRecordsJSON/blob?before=${second}`), times.slice(2));
    assert.equal(await list('newestRecordsJSON/none'), []);
    assert.is((await get(`${base}/newestRecordsJSON/blob?after=x`)).status, 400);
    stream.transaction((tx) => {
      for (let i = 0; i < 300; i += 1) tx.setBytes('many', `${i}`, blob(1));
    });
    assert.is((await list('newestRecordsJSON/many')).length, 250);
  }),
);

test(
  'rawwebacess :: the value as it is, never as a page',
  scope(async (t) => {
    const script = new TextEncoder().encode('<script>alert(1)</script>');
    const { get } = await serveBlobs(t, { 'x.html': script });

    const response = await get(`${base}/rawwebacess/blob/x.html`);

    assert.equal(response.body, Buffer.from(script));
    assert.is(response.headers['content-type'], 'application/octet-stream');
    assert.match(response.headers['content-security-policy'] ?? '', 'sandbox');
  }),
);

test(
  'forkProof :: the proof that lies beside the stream, 404 without one (R16)',
  scope(async (t) => {
    const { get, stream } = await serveBlobs(t, abc);
    const without = await get(`${base}/forkProof`);
    const kept = forkProofOf(KEY_A);
    writeForkProof(stream.path, blob(300), () => false);
    const garbage = await get(`${base}/forkProof`);
    writeForkProof(stream.path, kept, () => false);

    const proof = await get(`${base}/forkProof`);

    assert.is(without.status, 404);
    assert.is(garbage.status, 404);
    assert.is(proof.status, 200);
    assert.equal(proof.body, Buffer.from(kept));
    assert.is(proof.headers['content-type'], 'application/octet-stream');
  }),
);

test(
  'every answer :: one state, also while a writer is at work',
  scope(async (t) => {
    const { get, stream } = await serveBlobs(t, abc);

    for (let i = 0; i < 20; i += 1) {
      const asked = get(`${base}/newRecords/0`);
      stream.setBytes('blob', `more${i}`, blob(i + 1));
      const records = decodeList(new Uint8Array((await asked).body));

      let before = 0;
      for (const record of records) {
        assert.is(record.prevChange, before);
        before = record.modified;
      }
      const snapshot = records.at(-1);
      assert.is(snapshot?.key, 'snapshot');
      assert.is(decodeSnapshot(snapshot?.value ?? new Uint8Array()).count, records.length - 1);
    }
  }),
);

test.run();
