/**
 * What a server needs for a stream does not grow with the stream: peak memory of a process of its own,
 * for a small and for a large one.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { encodeFile } from '../../src/files/file-record.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { scaled } from '../helpers/scale.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('server/memory');

const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}`;
const MB = 1024 * 1024;
const GZIP = 'Accept-Encoding: gzip\r\n';

/** A stream of so many values of 1 MB, a few in each generation. */
function makeStream(t: Scope, name: string, megabytes: number): string {
  const stream = createStream(t.path(name), { secretKey: KEY_A.secretKey });
  for (let at = 0; at < megabytes; at += 8) {
    stream.transaction((tx) => {
      for (let i = at; i < Math.min(megabytes, at + 8); i += 1) {
        tx.setBytes('blob', `${i}`, Buffer.alloc(MB, `${i} `));
      }
    });
  }
  stream.close();
  return stream.path;
}

/** A server in a process of its own. */
type Child = {
  /** Sends a request; what comes is not read. */
  ask(path: string, headers?: string): Socket;
  /** Most memory it ever had, in MB. */
  peakMb(): Promise<number>;
};

async function startServer(t: Scope, path: string, temporary = ''): Promise<Child> {
  const script = fileURLToPath(new URL('../helpers/serve-process.ts', import.meta.url));
  const execArgv = ['--conditions=source', '--import', import.meta.resolve('tsx')];
  const child = t.defer(fork(script, [path, temporary], { execArgv }), (one) => one.kill());
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    ask(requested, headers = '') {
      const socket = t.defer(connect(port, '127.0.0.1'), (one) => one.destroy());
      socket.write(`GET ${base}/${requested} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
      return socket;
    },
    async peakMb() {
      child.send({});
      const [{ peakMb }] = (await once(child, 'message')) as [{ peakMb: number }];
      return peakMb;
    },
  };
}

/** Reads `newRecords/0` to its end, beside two clients that ask for it and read nothing. */
async function peakOf(t: Scope, path: string): Promise<{ peakMb: number; bytes: number }> {
  const server = await startServer(t, path);
  for (let i = 0; i < 2; i += 1) await once(server.ask('newRecords/0'), 'readable');
  const reader = server.ask('newRecords/0', 'Connection: close\r\n');
  let bytes = 0;
  reader.on('data', (chunk) => {
    bytes += chunk.length;
  });
  await once(reader, 'close');
  return { peakMb: await server.peakMb(), bytes };
}

test(
  'newRecords :: a stream a hundred times as large needs no more memory, with clients that do not read',
  scope(async (t) => {
    // 2 GB in the slow run.
    const most = Math.min(2048, scaled(200));
    const small = await peakOf(t, makeStream(t, 'small.stream', 2));
    const large = await peakOf(t, makeStream(t, 'large.stream', most));
    console.log(
      `${most} MB: peak ${large.peakMb.toFixed(0)} MB; 2 MB: ${small.peakMb.toFixed(0)} MB`,
    );

    assert.ok(small.bytes > 2 * MB && small.bytes < 3 * MB);
    assert.ok(large.bytes > most * MB && large.bytes < (most + 3) * MB);
    const more = large.peakMb - small.peakMb;
    // What V8 has not yet collected of values already sent; none of it grows with the stream.
    assert.ok(more < 100, `${more.toFixed(0)} MB more`);
  }),
);

test(
  'value :: five hundred clients that do not read hold what they are sent once (T062)',
  scope(async (t) => {
    const stream = createStream(t.path('a.stream'), { secretKey: KEY_A.secretKey });
    const film = encodeFile(Buffer.alloc(20 * MB, 'film'), { timeMicros: 1, stored: true });
    stream.setBytes('file', 'film.mp4', film);
    stream.close();
    const server = await startServer(t, stream.path);
    await once(server.ask('webAccess/none'), 'readable');
    const before = await server.peakMb();

    for (let i = 0; i < 50; i += 1) {
      const forms = Array.from({ length: 10 }, (_, one) => (one % 2 === 0 ? GZIP : ''));
      const sockets = forms.map((headers) => server.ask('webAccess/film.mp4', headers));
      await Promise.all(sockets.map((socket) => once(socket, 'readable')));
    }

    const more = (await server.peakMb()) - before;
    console.log(`500 clients of a film of 20 MB: ${more.toFixed(0)} MB`);
    // A copy for each client would be 10,000 MB; a piece for each is 32.
    assert.ok(more < 200, `${more.toFixed(0)} MB more`);
  }),
);

test(
  'value :: who reads slowly holds a piece of a film, not the film, whatever others read',
  scope(async (t) => {
    const films = 20;
    const stream = createStream(t.path('a.stream'), { secretKey: KEY_A.secretKey });
    for (let i = 0; i < films; i += 1) {
      const film = encodeFile(Buffer.alloc(8 * MB, `film ${i}`), { timeMicros: 1, stored: true });
      stream.setBytes('file', `${i}.mp4`, film);
    }
    stream.close();
    const growth = async (temporary?: string): Promise<number> => {
      const server = await startServer(t, stream.path, temporary);
      await once(server.ask('webAccess/0.mp4', 'Range: bytes=0-1\r\n'), 'readable');
      const before = await server.peakMb();
      for (let i = 0; i < films; i += 1) {
        await once(server.ask(`webAccess/${i}.mp4`), 'readable');
        await once(server.ask(`webAccess/${i}.mp4`, GZIP), 'readable');
      }
      return (await server.peakMb()) - before;
    };

    const more = await growth();
    // Where files cannot be written they are in memory: the measure is able to go wrong.
    const without = await growth(t.path('nowhere'));

    console.log(
      `${films} films of 8 MB: ${more.toFixed(0)} MB; in memory ${without.toFixed(0)} MB`,
    );
    assert.ok(more < films * 6, `${more.toFixed(0)} MB more`);
    assert.ok(without > films * 6, `${without.toFixed(0)} MB`);
  }),
);

test.run();
