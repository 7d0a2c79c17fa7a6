import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import type { SignedRecord } from '../../src/core/record.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import type { Deploy, PushOptions } from '../../src/server/push.ts';
import { keyPathOf, writeKeyFile } from '../../src/store/key-file.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream, openStream } from '../../src/store/open-stream.ts';
import type { StreamReader } from '../../src/store/reader.ts';
import type { Stream } from '../../src/store/stream.ts';
import { LIMITS } from '../../src/wire/limits.ts';
import { decodeLease, decodeReceipt, encodeValues, MAX_VALUES } from '../../src/wire/push-codec.ts';
import { encodeRecords } from '../../src/wire/record-codec.ts';
import { KEY_A, KEY_B } from '../helpers/keys.ts';
import { noise } from '../helpers/published.ts';
import { batchOf, deploy, type PushClient, problemIn, pushClient } from '../helpers/push-client.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { type Serving, serve } from '../helpers/serving.ts';
import { bytesOf, recordsIn } from '../helpers/store.ts';

const test = suite('server/push');

const NAME = `${formatStreamId(KEY_A.publicKey, 'base32')}.stream`;

/** Where the owner signs: a stream of the same key in another folder. */
type Own = {
  readonly stream: Stream;
  readonly path: string;
  read<T>(use: (reader: StreamReader) => T): T;
  records(): SignedRecord[];
};

type Rig = Serving & {
  readonly client: PushClient;
  readonly deploys: Deploy[];
  readonly own: Own;
  /** The pushed stream, as the server's file has it; undefined while there is none. */
  held(): { seq: number; tip: number; keys: string[] } | undefined;
};

function ownStream(t: Scope, name = 'own.stream'): Own {
  const path = t.path(name);
  const stream = t.defer(createStream(path, { secretKey: KEY_A.secretKey }), (one) => one.close());
  const read = <T>(use: (reader: StreamReader) => T): T => {
    const reader = openReader(path);
    try {
      return use(reader);
    } finally {
      reader.close();
    }
  };
  return { stream, path, read, records: () => read(recordsIn) };
}

async function rig(t: Scope, options: Partial<PushOptions> = {}): Promise<Rig> {
  const deploys: Deploy[] = [];
  const dataDir = t.path('data');
  let add = (_: string): void => {};
  const push: PushOptions = {
    dataDir,
    isAllowed: (key) => formatStreamId(key) === formatStreamId(KEY_A.publicKey),
    onDeploy: (one) => void deploys.push(one),
    onFile: (path) => add(path),
    ...options,
  };
  const serving = await serve(t, [], { push });
  add = (path) => serving.streams.add({ path });
  const path = t.path('data', NAME);
  const held: Rig['held'] = () => {
    if (!existsSync(path)) return undefined;
    const reader = openReader(path);
    try {
      const { snapshot, tip } = reader.generation();
      const keys = recordsIn(reader).flatMap(({ type, key }) => (type === 'drayer' ? [] : [key]));
      return { seq: snapshot?.seq ?? 0, tip, keys: keys.sort() };
    } finally {
      reader.close();
    }
  };
  return { ...serving, client: pushClient(serving.port, KEY_A), deploys, own: ownStream(t), held };
}

test(
  'push :: a first deploy makes the stream, without a key, and it is served',
  scope(async (t) => {
    const { client, own, held, deploys, get, errors } = await rig(t);
    own.stream.setBytes('blob', 'a', bytesOf('one'));
    const batch = own.read(batchOf);

    const answer = await deploy(client, batch);

    assert.is(answer.status, 200);
    const receipt = decodeReceipt(new Uint8Array(answer.body));
    assert.is(
      receipt.seq,
      own.read((reader) => reader.generation().snapshot?.seq),
    );
    assert.equal(receipt.batch, hash(batch.body));
    assert.equal(held()?.keys, ['a']);
    assert.is(held()?.tip, receipt.tip);
    const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}`;
    const raw = await get(`${base}/rawwebacess/blob/a`);
    assert.is(raw.body.toString(), 'one');
    assert.not(readdirSync(t.path('data')).some((name) => name.includes('privatekey')));
    assert.is(deploys.length, 1);
    assert.is(deploys[0]?.address, '127.0.0.0');
    assert.equal(errors, []);
  }),
);

test(
  'push :: a second deploy sends what changed: puts, deletes and silent patches',
  scope(async (t) => {
    const { client, own, held, deploys } = await rig(t);
    for (const key of ['a', 'b', 'c', 'd']) own.stream.setBytes('blob', key, bytesOf(key));
    await deploy(client, own.read(batchOf));
    const before = own.records();
    own.stream.setBytes('blob', 'b', bytesOf('changed'));
    own.stream.deleteBytes('blob', 'c');
    own.stream.setBytes('blob', 'e', bytesOf('a'));

    const batch = own.read((reader) => batchOf(reader, before));
    const answer = await deploy(client, batch);

    assert.is(answer.status, 200, answer.body.toString());
    assert.equal(held()?.keys, ['a', 'b', 'd', 'e']);
    assert.equal(
      batch.values.map((value) => Buffer.from(value).toString()),
      ['changed'],
    );
    assert.is(deploys.length, 2);
  }),
);

test(
  'push :: the same batch again is answered the same, without a lease and after later ones',
  scope(async (t) => {
    const { client, own, held, deploys } = await rig(t);
    own.stream.setBytes('blob', 'a', bytesOf('one'));
    const first = own.read(batchOf);
    const answer = await deploy(client, first);

    const again = await client.records(first.body, 'no lease', 0);
    const before = own.records();
    own.stream.setBytes('blob', 'b', bytesOf('two'));
    await deploy(
      client,
      own.read((reader) => batchOf(reader, before)),
    );
    const later = await client.records(first.body, 'no lease', 0, { headOnly: true });

    assert.is(again.status, 200);
    assert.equal(again.body, answer.body);
    assert.equal(later.body, answer.body);
    assert.equal(held()?.keys, ['a', 'b']);
    assert.is(deploys.length, 2);
  }),
);

/** What is wrong with a request, known before its body is read, and the answer. */
const REFUSED: readonly (readonly [
  string,
  (client: PushClient, port: number) => Answer,
  string,
])[] = [
  ['the key of another stream', (c) => c.askLease({}, { key: KEY_B }), '401 AUTH_INVALID'],
  ['a key nobody allows', (_, port) => pushClient(port, KEY_B).askLease(), '403 PUSH_NOT_ALLOWED'],
  ['a clock 5 minutes ahead', (c) => c.askLease({}, { clockOff: 300 }), '401 CLOCK_OFF'],
  ['a clock 5 minutes behind', (c) => c.askLease({}, { clockOff: -300 }), '401 CLOCK_OFF'],
  ['no signature', (c) => c.askLease({}, without('Authorization')), '401 AUTH_INVALID'],
  ['no hash of its body', (c) => c.askLease({}, without('Drayer-Body')), '401 AUTH_INVALID'],
  ['another Host', (c) => c.askLease({}, { headers: { Host: 'localhost' } }), '401 AUTH_INVALID'],
  ['no lease', (c) => c.records(BODY, '', 0), '409 LEASE_LOST'],
  ['no tip', (c) => c.send('POST', 'records', BODY), '400 USAGE'],
  ['no length', (c) => c.put(BODY, { ...without('Content-Length'), headOnly: true }), '400 USAGE'],
  ['more than is ever taken', (c) => c.put(BODY, announcing(2 ** 30)), '413 TOO_LARGE'],
  ['more than the quota', (c) => c.put(BODY, announcing(20_000)), '413 OVER_QUOTA'],
  ['values by GET', (c) => c.send('GET', 'values'), '405 METHOD_NOT_ALLOWED'],
  [
    'another value than signed',
    (c) => c.send('PUT', `value/${'0'.repeat(64)}`, BODY),
    '401 AUTH_INVALID',
  ],
];

type Answer = ReturnType<PushClient['askLease']>;
type Bent = Parameters<PushClient['askLease']>[1];

const BODY = bytesOf('body');

function without(header: string): Bent {
  return { headers: { [header]: '' } };
}

function announcing(bytes: number): Bent {
  return { headers: { 'Content-Length': String(bytes) }, headOnly: true };
}

for (const [what, ask, expected] of REFUSED) {
  test(
    `push :: refused before the body is read: ${what}`,
    scope(async (t) => {
      const { client, port, errors } = await rig(t, { quota: 10_000 });

      const answer = await ask(client, port);

      assert.is(problemIn(answer), expected);
      const { detail, hint } = JSON.parse(answer.body.toString());
      assert.ok(detail.length > 10);
      assert.ok(hint !== undefined || expected.startsWith('4'));
      assert.equal(errors, []);
      assert.not(existsSync(t.path('data')));
    }),
  );
}

test(
  'push :: a stranger who announces much is answered at once, and nothing is read',
  scope(async (t) => {
    const { port } = await rig(t);

    const answer = await pushClient(port, KEY_B).put(BODY, announcing(60_000_000));

    assert.is(problemIn(answer), '403 PUSH_NOT_ALLOWED');
  }),
);

test(
  'push :: a batch above the quota is refused, and what there is stays',
  scope(async (t) => {
    const { client, own, held } = await rig(t, { quota: 200_000 });
    own.stream.setBytes('blob', 'a', noise(30_000));
    await deploy(client, own.read(batchOf));
    const before = held();
    const { lease, tip } = await client.lease();

    const batch = await client.records(BODY, lease, tip, announcing(190_000));
    const value = await client.put(noise(190_000), { headOnly: true });
    const small = await client.put(noise(20_000, 7));

    assert.is(problemIn(batch), '413 OVER_QUOTA');
    assert.is(problemIn(value), '413 OVER_QUOTA');
    assert.match(value.body.toString(), '200000 bytes');
    assert.is(problemIn(small), '204');
    assert.equal(held(), before);
  }),
);

test(
  'push :: many small values come in one request, what is wrong with one leaves the rest',
  scope(async (t) => {
    const { client, own, held } = await rig(t);
    const values = Array.from({ length: 40 }, (_, i) => noise(i * 50, i));
    for (const [i, value] of values.entries()) own.stream.setBytes('blob', `${i}`, value);
    const batch = own.read(batchOf);

    const answers = [
      await client.send('PUT', 'values', encodeValues(values.slice(0, 25))),
      // Some have come already.
      await client.send('PUT', 'values', encodeValues(values.slice(20))),
    ];
    const missing = await client.values(batch.records.map((record) => record.hash));
    const taken = await deploy(client, { ...batch, values: [] });

    assert.equal(answers.map(problemIn), ['204', '204']);
    // The snapshot comes with its value in the batch.
    assert.is(missing.length, batch.records.filter(({ type }) => type === 'drayer').length);
    assert.is(problemIn(taken), '200');
    assert.is(held()?.keys.length, 40);
  }),
);

test(
  'push :: a list of values is refused that is too long, too large, no list or not the one signed',
  scope(async (t) => {
    const { client } = await rig(t, { quota: 200_000 });
    const list = encodeValues([noise(10)]);
    const long = encodeValues(Array.from({ length: MAX_VALUES + 1 }, () => noise(0)));
    const announced = (bytes: number) => ({
      headOnly: true,
      headers: { 'Content-Length': String(bytes) },
    });

    const answers = [
      await client.send('PUT', 'values', long),
      await client.send('PUT', 'values', list, announced(LIMITS.pushValuesBytes + 1)),
      await client.send('PUT', 'values', list, announced(200_001)),
      await client.send('PUT', 'values', new Uint8Array([0x91, 0x01])),
      await client.send('PUT', 'values', list, { sentBody: encodeValues([noise(10, 2)]) }),
      await client.send('PATCH', 'values', list),
    ];

    assert.equal(answers.map(problemIn), [
      '413 TOO_LARGE',
      '413 TOO_LARGE',
      '413 OVER_QUOTA',
      '400 MALFORMED',
      '401 AUTH_INVALID',
      '405 METHOD_NOT_ALLOWED',
    ]);
    assert.is(answers.at(-1)?.headers['allow'], 'POST, PUT');
    assert.not(existsSync(t.path('data', `${NAME}.pushed`)));
  }),
);

test(
  'push :: a request that comes twice is refused the second time',
  scope(async (t) => {
    const { client } = await rig(t);
    const nonce = new Uint8Array(16).fill(3);

    const first = await client.send('POST', 'values', new Uint8Array([0x90]), { nonce });
    const second = await client.send('POST', 'values', new Uint8Array([0x90]), { nonce });

    assert.is(problemIn(first), '200');
    assert.is(problemIn(second), '401 AUTH_INVALID');
    assert.match(second.body.toString(), 'has come already');
  }),
);

test(
  'push :: clocks that are a little apart do no harm',
  scope(async (t) => {
    const { client } = await rig(t);

    for (const clockOff of [-55, 55]) {
      const answer = await client.send('POST', 'values', new Uint8Array([0x90]), { clockOff });
      assert.is(problemIn(answer), '200');
    }
  }),
);

test(
  'push :: a body that is not the one signed is refused, and nothing of it kept',
  scope(async (t) => {
    const { client, own, held } = await rig(t);
    own.stream.setBytes('blob', 'a', bytesOf('one'));
    const { body } = own.read(batchOf);
    const { lease } = await client.lease();
    const bent = Uint8Array.from(body, (byte, i) => (i === body.length - 1 ? byte ^ 1 : byte));

    const batch = await client.records(body, lease, 0, { sentBody: bent });
    const value = await client.put(bytesOf('one'), { sentBody: bytesOf('onf') });

    assert.is(problemIn(batch), '401 AUTH_INVALID');
    assert.is(problemIn(value), '400 MALFORMED');
    assert.is(held(), undefined);
    assert.equal(await client.values([hash(bytesOf('one'))]), [hash(bytesOf('one'))]);
    assert.equal(readdirSync(t.path('data', `${NAME}.pushed`)), []);
  }),
);

test(
  'push :: one lease a stream: others wait, the holder renews it, time ends it',
  scope(async (t) => {
    let nowMs = 0;
    const { client, own, held } = await rig(t, { leaseMs: () => nowMs });
    own.stream.setBytes('blob', 'a', bytesOf('one'));
    const { body, values } = own.read(batchOf);
    for (const value of values) await client.put(value);
    const { lease, expires, tip } = await client.lease();
    assert.equal([expires, tip], [60, 0]);

    nowMs = 50_000;
    const other = await client.askLease();
    assert.is(problemIn(other), '423 LEASE_HELD');
    assert.is(other.headers['retry-after'], '10');
    assert.is((await client.lease({ lease })).lease, lease);
    nowMs = 109_999;
    assert.is(problemIn(await client.askLease()), '423 LEASE_HELD');
    nowMs = 110_000;
    assert.is(problemIn(await client.records(body, lease, 0)), '409 LEASE_LOST');
    assert.is(problemIn(await client.askLease({ lease })), '409 LEASE_LOST');
    assert.is(held(), undefined);

    const again = await client.lease();
    assert.is(problemIn(await client.records(body, again.lease, 0)), '200');
    assert.is.not(again.lease, lease);
  }),
);

test(
  'push :: a lease that is given back is free, by nobody but its holder',
  scope(async (t) => {
    const { client } = await rig(t);
    const { lease } = await client.lease();

    await client.lease({ lease: 'another', release: true });
    assert.is(problemIn(await client.askLease()), '423 LEASE_HELD');
    await client.lease({ lease, release: true });
    assert.is(problemIn(await client.askLease()), '200');
  }),
);

test(
  'push :: the tip has moved: refused before the body is read',
  scope(async (t) => {
    const { client, own, held } = await rig(t);
    own.stream.setBytes('blob', 'a', bytesOf('one'));
    await deploy(client, own.read(batchOf));
    const before = held();
    const { lease, tip, snapshot } = await client.lease();
    assert.ok(snapshot !== undefined);

    const moved = await client.records(BODY, lease, tip - 1, { headOnly: true });

    assert.is(problemIn(moved), '409 TIP_MOVED');
    assert.equal(held(), before);
  }),
);

/** A server with a generation, and the batch that follows it. */
async function second(t: Scope): Promise<Rig & { batch: ReturnType<typeof batchOf>; tip: number }> {
  const made = await rig(t);
  const { client, own } = made;
  for (const key of ['a', 'b', 'c']) own.stream.setBytes('blob', key, bytesOf(key));
  await deploy(client, own.read(batchOf));
  const before = own.records();
  own.stream.setBytes('blob', 'b', bytesOf('changed'));
  own.stream.deleteBytes('blob', 'a');
  const batch = own.read((reader) => batchOf(reader, before));
  return { ...made, batch, tip: before.at(-1)?.modified ?? 0 };
}

test(
  'push :: a batch without any one of its records is refused, and nothing changes (R3, R4, R22)',
  scope(async (t) => {
    const { client, held, batch, own } = await second(t);
    for (const value of batch.values) await client.put(value);
    const before = held();
    const { lease, tip } = await client.lease();

    for (const left of batch.records) {
      const rest = batch.records.filter((record) => record !== left);
      const answer = await client.records(encodeRecords(rest, KEY_A.publicKey), lease, tip);
      assert.is(problemIn(answer), '409 BATCH_REFUSED', `without record ${left.id}`);
      assert.equal(held(), before);
    }

    const whole = await client.records(batch.body, lease, tip);
    assert.is(problemIn(whole), '200');
    assert.is(
      held()?.tip,
      own.read((reader) => reader.view.modifiedTip()),
    );
  }),
);

test(
  'push :: a batch whose value was not uploaded is refused, and nothing changes',
  scope(async (t) => {
    const { client, held, batch } = await second(t);
    const before = held();
    const { lease, tip } = await client.lease();

    const answer = await client.records(batch.body, lease, tip);

    assert.is(problemIn(answer), '409 BATCH_REFUSED');
    assert.match(answer.body.toString(), Buffer.from(hash(bytesOf('changed'))).toString('hex'));
    assert.equal(held(), before);
    for (const value of batch.values) await client.put(value);
    assert.is(problemIn(await client.records(batch.body, lease, tip)), '200');
  }),
);

test(
  'push :: a forged record is refused, and nothing changes (R2)',
  scope(async (t) => {
    const { client, held, batch } = await second(t);
    for (const value of batch.values) await client.put(value);
    const before = held();
    const { lease, tip } = await client.lease();

    for (const [index, record] of batch.records.entries()) {
      const forged = { ...record, timestamp: record.timestamp + 1 };
      const records = batch.records.with(index, forged);
      const answer = await client.records(encodeRecords(records, KEY_A.publicKey), lease, tip);
      assert.is(problemIn(answer), '400 SIGNATURE_INVALID');
      assert.equal(held(), before);
    }
  }),
);

test(
  'push :: what is no list of records is refused, and nothing changes',
  scope(async (t) => {
    const { client, held, batch } = await second(t);
    const before = held();
    const { lease, tip } = await client.lease();

    for (const body of [BODY, new Uint8Array(), new Uint8Array([0x80]), batch.body.subarray(1)]) {
      assert.is(problemIn(await client.records(body, lease, tip)), '400 MALFORMED');
    }
    const none = await client.records(new Uint8Array([0x90]), lease, tip);

    assert.is(problemIn(none), '409 BATCH_REFUSED');
    assert.equal(held(), before);
  }),
);

test(
  'push :: a signed batch that would roll seq back is refused, and nothing changes (R22)',
  scope(async (t) => {
    const { client, own, held } = await rig(t);
    own.stream.setBytes('blob', 'a', bytesOf('one'));
    // A copy of the stream and its key, as a backup that was restored.
    const copy = t.path('copy.stream');
    copyFileSync(own.path, copy);
    for (const key of ['b', 'c', 'd']) own.stream.setBytes('blob', key, bytesOf(key));
    const batch = own.read(batchOf);
    await deploy(client, batch);
    const before = held();

    const restored = t.defer(openStream(copy, { secretKey: KEY_A.secretKey }), (one) =>
      one.close(),
    );
    restored.setBytes('blob', 'x', bytesOf('x'));
    const old = t.defer(openReader(copy), (reader) => reader.close());
    const back = batchOf(old, []);
    for (const value of back.values) await client.put(value);
    const { lease, tip } = await client.lease();
    const answer = await client.records(back.body, lease, tip);

    assert.is(problemIn(answer), '409 BATCH_REFUSED');
    assert.match(answer.body.toString(), 'snapshot after seq');
    assert.equal(held(), before);
  }),
);

test(
  'push :: of twenty pairs that deploy at once, one of each wins, and there is one history',
  scope(async (t) => {
    const { client, own, held, deploys, port } = await rig(t);
    own.stream.setBytes('blob', 'start', bytesOf('start'));
    await deploy(client, own.read(batchOf));

    for (let round = 0; round < 20; round += 1) {
      const pair = [pushClient(port, KEY_A), pushClient(port, KEY_A)];
      const asked = await Promise.all(pair.map((one) => one.askLease()));
      const answers = asked.map(problemIn).sort();
      assert.equal(answers, ['200', '423 LEASE_HELD']);
      const winner = asked.find(({ status }) => status === 200);
      const { lease, tip } = decodeLease(new Uint8Array(winner?.body ?? []));
      // Only who has the lease signs.
      const before = own.records();
      own.stream.setBytes('blob', `k${round}`, bytesOf(`${round}`));
      const batch = own.read((reader) => batchOf(reader, before));
      for (const value of batch.values) await client.put(value);
      const sent = await Promise.all(pair.map((one) => one.records(batch.body, lease, tip)));
      assert.ok(sent.some((answer) => problemIn(answer) === '200'));
      await client.lease({ lease, release: true });
    }

    assert.is(deploys.length, 21);
    assert.is(
      held()?.tip,
      own.read((reader) => reader.view.modifiedTip()),
    );
    assert.is(held()?.keys.length, 21);
  }),
);

test(
  'push :: an operator who set a token gets it with each push; it opens nothing by itself',
  scope(async (t) => {
    const { client, port } = await rig(t, { token: 'secret' });
    const token = { headers: { 'Drayer-Token': 'secret' } };

    assert.is(problemIn(await client.askLease()), '403 PUSH_NOT_ALLOWED');
    const wrong = await client.askLease({}, { headers: { 'Drayer-Token': 'secre' } });
    assert.is(problemIn(wrong), '403 PUSH_NOT_ALLOWED');
    assert.is(problemIn(await client.askLease({}, token)), '200');
    const stranger = await pushClient(port, KEY_B).askLease({}, token);
    assert.is(problemIn(stranger), '403 PUSH_NOT_ALLOWED');
  }),
);

test(
  'push :: a stream whose key lies on the server is written there and nowhere else',
  scope(async (t) => {
    const path = t.path('data', NAME);
    mkdirSync(t.path('data'));
    const local = t.defer(createStream(path, { secretKey: KEY_A.secretKey }), (one) => one.close());
    local.setBytes('blob', 'a', bytesOf('one'));
    writeKeyFile(keyPathOf(path), KEY_A.secretKey);
    const { client } = await rig(t);

    assert.is(problemIn(await client.askLease()), '403 PUSH_NOT_ALLOWED');
  }),
);

test(
  'push :: a mirror in the data folder that is not hosted yet goes on with the next deploy',
  scope(async (t) => {
    const first = await rig(t);
    first.own.stream.setBytes('blob', 'a', bytesOf('one'));
    await deploy(first.client, first.own.read(batchOf));
    let add = (_: string): void => {};
    const push = {
      dataDir: t.path('data'),
      isAllowed: () => true,
      onFile: (path: string) => add(path),
    };
    const { port, streams } = await serve(t, [], { push });
    add = (path) => streams.add({ path });
    const before = first.own.records();
    first.own.stream.setBytes('blob', 'b', bytesOf('two'));
    const batch = first.own.read((reader) => batchOf(reader, before));

    assert.is(problemIn(await deploy(pushClient(port, KEY_A), batch)), '200');
    assert.equal(first.held()?.keys, ['a', 'b']);
  }),
);

test(
  'push :: a stream that is served from another place is not written to',
  scope(async (t) => {
    const own = ownStream(t);
    own.stream.setBytes('blob', 'a', bytesOf('one'));
    const push = { dataDir: t.path('data'), isAllowed: () => true };
    const { port } = await serve(t, [{ path: own.path }], { push });

    assert.is(problemIn(await pushClient(port, KEY_A).askLease()), '403 PUSH_NOT_ALLOWED');
  }),
);

test(
  'push :: without it a server says that it takes none',
  scope(async (t) => {
    const own = ownStream(t);
    own.stream.setBytes('blob', 'a', bytesOf('one'));
    const { port } = await serve(t, [{ path: own.path }]);

    assert.is(problemIn(await pushClient(port, KEY_A).askLease()), '501 NOT_SUPPORTED');
  }),
);

test(
  'push :: a first deploy also where another site stands at /',
  scope(async (t) => {
    const site = t.path('site.stream');
    t.defer(createStream(site, { secretKey: KEY_B.secretKey }), (one) => one.close());
    const push = { dataDir: t.path('data'), isAllowed: () => true };
    const { port, get } = await serve(t, [{ path: site }], { push, site: KEY_B.publicKey });

    assert.is(problemIn(await pushClient(port, KEY_A).askLease()), '200');
    const posted = await get('/index.html', { method: 'POST' });
    assert.is(posted.status, 405);
  }),
);

test.run();
