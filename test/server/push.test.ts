import { existsSync, readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hash } from '#crypto';
import type { SignedRecord } from '../../src/core/record.ts';
import { formatStreamId } from '../../src/core/stream-id.ts';
import type { Deploy, PushOptions } from '../../src/server/push.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream } from '../../src/store/open-stream.ts';
import type { StreamReader } from '../../src/store/reader.ts';
import type { Stream } from '../../src/store/stream.ts';
import { decodeReceipt } from '../../src/wire/push-codec.ts';
import { KEY_A } from '../helpers/keys.ts';
import { batchOf, deploy, type PushClient, pushClient } from '../helpers/push-client.ts';
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

test.run();
