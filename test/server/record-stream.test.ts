import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { Context } from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { createApp } from '../../src/server/app.ts';
import { sendRecordStream } from '../../src/server/record-stream.ts';
import { openStreamSet } from '../../src/server/stream-set.ts';
import { openReader } from '../../src/store/open-reader.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { decodeList } from '../helpers/old-wire.ts';
import { readAll } from '../helpers/raw-http.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { rejectsCode } from '../helpers/throws.ts';

const test = suite('server/record-stream');

const path = `/${formatStreamId(KEY_A.publicKey, 'base64url')}/newRecords/0`;
const MB = 1024 * 1024;

function makeStream(t: Scope, sizes: readonly number[]): string {
  const stream = createStream(t.path('a.stream'), { secretKey: KEY_A.secretKey });
  for (const [i, size] of sizes.entries()) stream.setBytes('blob', `${i}`, Buffer.alloc(size, i));
  stream.close();
  return stream.path;
}

/** Takes the value of a record away, as in a mirror that does not hold it. */
function forget(file: string, key: string): void {
  const database = new Database(file);
  database.prepare('UPDATE record SET value = NULL WHERE key = ?').run(key);
  database.close();
}

/** Whether nobody reads an old state: then the log can be cut to nothing (R7). */
function canTruncate(file: string): boolean {
  const database = new Database(file, { timeout: 0 });
  const [row] = database.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
  database.close();
  return row?.busy === 0;
}

test(
  'newRecords :: a client that takes nothing is cut, and its read transaction ends',
  scope(async (t) => {
    const file = makeStream(t, [32 * MB]);
    const streams = t.defer(openStreamSet([{ path: file }]), (set) => set.close());
    const server = createServer(createApp({ streams, idleMs: 100 }).callback());
    t.defer(server.listen(0, '127.0.0.1'), (one) => one.close());
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    t.defer(client, (one) => one.destroy());
    client.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const [socket] = await accepted;
    await once(client, 'readable');
    // A write while the client is being sent an older state: the log is needed until it is cut.
    const writer = createOther(file);
    const before = canTruncate(file);

    if (!socket.destroyed) await once(socket, 'close');

    writer.close();
    assert.is(before, false);
    // The connection is closed a few ticks after the socket; without that this would never end.
    while (!canTruncate(file)) await setImmediate();
  }),
);

test(
  'newRecords :: the state of the moment it was asked, whatever is written while it is read',
  scope(async (t) => {
    const file = makeStream(t, [16 * MB, 16 * MB]);
    const { port, errors } = await serve(t, [{ path: file }]);
    const client = connect(port, '127.0.0.1');
    client.write(`GET ${path} HTTP/1.0\r\nHost: localhost\r\n\r\n`);
    await once(client, 'readable');

    const writer = createOther(file);
    writer.exec("UPDATE record SET key = 'changed'");
    writer.close();
    const all = readAll(client);
    client.resume();
    const bytes = await all;

    const body = bytes.subarray(bytes.indexOf('\r\n\r\n') + 4);
    const records = decodeList(new Uint8Array(body));
    assert.equal(
      records.map(({ key }) => key),
      ['0', '1', 'snapshot'],
    );
    assert.equal(errors, []);
  }),
);

test(
  'newRecords :: 503 where a value is not held: originals cannot take that (R18)',
  scope(async (t) => {
    const file = makeStream(t, [10, 10]);
    forget(file, '1');
    const { get, errors } = await serve(t, [{ path: file }]);

    const plain = await get(path);
    const page = await get(`${path}?limit=10`);

    assert.is(plain.status, 503);
    assert.is(plain.headers['retry-after'], '5');
    assert.match(plain.body.toString(), 'newRecords/<t>?limit=N');
    assert.is(page.status, 200);
    assert.equal(errors, []);
  }),
);

test(
  'newRecords :: cut off, not ended, where the missing value is found too late',
  scope(async (t) => {
    const file = makeStream(t, [MB, MB, 10]);
    forget(file, '2');
    const { get } = await serve(t, [{ path: file }]);

    const response = await get(path);

    assert.is(response.status, 200);
    assert.is(response.complete, false);
  }),
);

test(
  'newRecords :: HEAD answers without reading anything',
  scope(async (t) => {
    const file = makeStream(t, [10]);
    const { get } = await serve(t, [{ path: file }]);

    const response = await get(path, { method: 'HEAD' });

    assert.is(response.status, 200);
    assert.is(response.body.length, 0);
    assert.is(response.headers['content-type'], 'application/octet-stream');
  }),
);

/** Another program's connection that has just written to the file. */
function createOther(file: string): Database.Database {
  const database = new Database(file);
  database.exec('UPDATE record SET timestamp = timestamp + 1');
  return database;
}

test(
  'sendRecordStream :: between two pieces everybody else has a turn, however fast it is read',
  scope(async (t) => {
    const stream = createStream(t.path('a.stream'), { secretKey: KEY_A.secretKey });
    stream.transaction((tx) => {
      for (let i = 0; i < 400; i += 1) tx.setBytes('blob', `${i}`, Buffer.alloc(10_000, i));
    });
    stream.close();
    const reader = t.defer(openReader(stream.path), (one) => one.close());
    const ctx = {
      set: () => {},
      req: { socket: { setTimeout: () => {} } },
      res: {},
      body: undefined as Readable | undefined,
    };

    await sendRecordStream(ctx as unknown as Context, reader, { since: 0, idleMs: 1000 });
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns += 1;
      if (!isOver) globalThis.setImmediate(count);
    };
    count();
    const parts: Buffer[] = [];
    for await (const part of ctx.body ?? []) parts.push(part as Buffer);
    isOver = true;

    assert.is(decodeList(Buffer.concat(parts)).length, reader.countSince(0));
    assert.ok(turns >= parts.length - 1 && parts.length >= 50, `${turns} for ${parts.length}`);
  }),
);

test(
  'sendRecordStream :: where it takes a copy of the whole stream, two are sent at once',
  scope(async (t) => {
    const reader = t.defer(openReader(makeStream(t, [1000])), (one) => one.close());
    // As a file has it that lies where SQLite cannot even make its log.
    Object.defineProperty(reader, 'isCopy', { value: true });
    const send = async (): Promise<Readable> => {
      const ctx = {
        set: () => {},
        req: { socket: { setTimeout: () => {} } },
        res: {},
        body: undefined as Readable | undefined,
      };
      await sendRecordStream(ctx as unknown as Context, reader, { since: 0, idleMs: 1000 });
      assert.ok(ctx.body);
      return ctx.body;
    };
    const [one, other] = [await send(), await send()];

    await rejectsCode(send(), 'STREAM_BUSY');

    await once(one.destroy(), 'close');
    const third = await send();
    await rejectsCode(send(), 'STREAM_BUSY');
    for (const body of [other, third]) await once(body.destroy(), 'close');
  }),
);

test.run();
