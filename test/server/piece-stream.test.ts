/** Bodies that are sent piece by piece in memory that is lent: the bytes are right, and the memory is few. */
import { EventEmitter, once } from 'node:events';
import { createServer, get, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import type { ByteRange } from '../../src/files/stored-gzip.ts';
import { PIECE_BYTES, type PieceSource, PieceStream } from '../../src/server/piece-stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { readAll } from '../helpers/raw-http.ts';
import { freshSeed, randomFrom } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';
import { serve } from '../helpers/serving.ts';
import { makeSite, putFiles } from '../helpers/site.ts';

const test = suite('server/piece-stream');

/** Bytes that tell where they are and whose they are. */
class Numbers implements PieceSource {
  readonly memory = new Set<ArrayBufferLike>();
  isDone = 0;
  reads = 0;
  readonly #first: number;

  constructor(first: number) {
    this.#first = first;
  }

  read({ start, end }: ByteRange, into: Buffer): Uint8Array {
    this.reads += 1;
    this.memory.add(into.buffer);
    const piece = into.subarray(0, end - start);
    for (let at = 0; at < piece.length; at += 4) piece.writeUInt32LE(this.#first + start + at, at);
    return piece;
  }

  done(): void {
    this.isDone += 1;
  }

  check(bytes: Buffer, from = 0): void {
    for (let at = 0; at < bytes.length; at += 4) {
      if (bytes.readUInt32LE(at) !== this.#first + from + at) throw new Error(`wrong at ${at}`);
    }
  }
}

/** Sends `bytes` of what `make` gives for each request. */
async function sending(
  t: Scope,
  make: (response: ServerResponse) => PieceSource,
  bytes: number,
): Promise<number> {
  const server = createServer((_request, response) => {
    const body = new PieceStream(make(response), [{ start: 0, end: bytes }]);
    body.once('error', () => response.destroy());
    body.sendTo(response);
    // As whoever answers does, after the body was given.
    response.setHeader('Content-Length', bytes);
  });
  t.defer(server, (one) => {
    one.close();
    one.closeAllConnections();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as { readonly port: number }).port;
}

function ask(t: Scope, port: number): Socket {
  const socket = t.defer(connect(port, '127.0.0.1'), (one) => one.destroy());
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  return socket;
}

function bodyOf(came: Buffer): Buffer {
  return came.subarray(came.indexOf('\r\n\r\n') + 4);
}

test(
  'sendTo :: one who reads fast is sent all of it through the same memory',
  scope(async (t) => {
    const source = new Numbers(7);
    const bytes = 200 * PIECE_BYTES - 400;
    const port = await sending(t, () => source, bytes);

    const came = bodyOf(await readAll(ask(t, port)));

    assert.is(came.length, bytes);
    source.check(came);
    assert.is(source.reads, 200);
    // Where the system takes a moment for one piece, another reader has that piece's memory.
    assert.ok(source.memory.size <= 4, `${source.memory.size}`);
    assert.is(source.isDone, 1);
  }),
);

test(
  'sendTo :: memory is lent again when it is sent, not before, whoever stops, goes on or goes',
  scope(async (t) => {
    const seed = freshSeed();
    const random = randomFrom(seed);
    const sources: Numbers[] = [];
    const bytes = 60 * PIECE_BYTES;
    const port = await sending(
      t,
      () => {
        const source = new Numbers(sources.length * 100_000_000);
        sources.push(source);
        return source;
      },
      bytes,
    );

    const gone: Promise<unknown>[] = [];
    for (let i = 0; i < 24; i += 1) {
      const socket = ask(t, port);
      const parts: Buffer[] = [];
      const leaves = random.oneIn(4);
      const most = leaves ? random.below(bytes) : Number.POSITIVE_INFINITY;
      let taken = 0;
      socket.on('data', (chunk: Buffer) => {
        parts.push(chunk);
        taken += chunk.length;
        if (taken > most) socket.destroy();
        if (!random.oneIn(8)) return;
        socket.pause();
        setTimeout(() => socket.resume(), random.below(30));
      });
      gone.push(
        once(socket, 'close').then(() => {
          const body = bodyOf(Buffer.concat(parts));
          const first = body.readUInt32LE(0) / 100_000_000;
          sources[Math.floor(first)]?.check(body.subarray(0, body.length & ~3));
          if (!leaves) assert.is(body.length, bytes, `seed ${seed}`);
        }),
      );
    }
    await Promise.all(gone);

    while (sources.some(({ isDone }) => isDone === 0)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(sources.every(({ isDone }) => isDone === 1));
  }),
);

test(
  'sendTo :: of what hundreds have asked for sixteen pieces are read in one turn',
  scope(async (t) => {
    const bytes = 20 * PIECE_BYTES;
    let inTurn = 0;
    let most = 0;
    const port = await sending(
      t,
      () => ({
        read: ({ start, end }, into) => {
          inTurn += 1;
          most = Math.max(most, inTurn);
          return into.subarray(0, end - start);
        },
        done: () => {},
      }),
      bytes,
    );

    let isOver = false;
    const count = (): void => {
      inTurn = 0;
      if (!isOver) setImmediate(count);
    };
    count();
    await Promise.all(Array.from({ length: 200 }, () => once(ask(t, port).resume(), 'close')));
    isOver = true;

    // A turn of theirs may end just after one is counted: two can fall into one.
    assert.ok(most >= 16 && most <= 32, `${most}`);
  }),
);

for (const isLate of [false, true]) {
  test(
    `sendTo :: what cannot be read ${isLate ? 'from another thread ' : ''}cuts the connection`,
    scope(async (t) => {
      let done = 0;
      const fail = (): never => {
        throw new RangeError('no more');
      };
      const port = await sending(
        t,
        () => ({
          read: ({ start, end }, into) => {
            if (start < 2 * PIECE_BYTES) return into.subarray(0, end - start);
            return isLate ? Promise.resolve().then(fail) : fail();
          },
          done: () => {
            done += 1;
          },
        }),
        4 * PIECE_BYTES,
      );

      const came = bodyOf(await readAll(ask(t, port)));

      assert.ok(came.length <= 2 * PIECE_BYTES);
      assert.is(done, 1);
    }),
  );
}

test(
  'sendTo :: a reader who goes while a piece is read is waited for before the file is closed',
  scope(async (t) => {
    const steps: string[] = [];
    let goOn = (): void => {};
    const over = new EventEmitter();
    const isClosed = once(over, 'done');
    const port = await sending(
      t,
      (response) => {
        response.once('close', () => setImmediate(() => setImmediate(goOn)));
        return {
          read: async ({ start, end }, into) => {
            await new Promise<void>((read) => {
              goOn = read;
              request.destroy();
            });
            steps.push('read');
            return into.subarray(0, end - start);
          },
          done: () => {
            steps.push('done');
            over.emit('done');
          },
        };
      },
      PIECE_BYTES,
    );
    const request = get({ port, host: '127.0.0.1' });
    request.once('error', () => {});

    await isClosed;

    assert.equal(steps, ['read', 'done']);
  }),
);

for (const what of ['replaced', 'served no more']) {
  test(
    `webAccess :: a film that is ${what} in the middle is sent to its end, as it was`,
    scope(async (t) => {
      const film = Buffer.alloc(24 * 1024 * 1024, 'one film ');
      const { path, stream } = makeSite(t, { 'film.mp4': film });
      const { port, streams, get, errors } = await serve(t, [{ path }]);
      const page = `/${formatStreamId(KEY_A.publicKey, 'base64url')}/webAccess/film.mp4`;
      const socket = t.defer(connect(port, '127.0.0.1'), (one) => one.destroy());
      socket.write(`GET ${page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      await once(socket, 'readable');

      if (what === 'replaced') putFiles(stream, { 'film.mp4': Buffer.alloc(300_000, 'another ') });
      else streams.remove(path);
      const after = await get(page, { headers: ['Range: bytes=0-6'] });
      const came = bodyOf(await readAll(socket));

      assert.is(after.status, what === 'replaced' ? 206 : 404);
      assert.is(after.body.toString().startsWith('another'), what === 'replaced');
      assert.ok(came.equals(film));
      assert.equal(errors, []);
    }),
  );
}

test.run();
