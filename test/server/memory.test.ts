/**
 * What a server needs for a stream does not grow with the stream: peak memory of a process of its own,
 * for a small and for a large one.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatStreamId } from '../../src/core/stream-id.ts';
import { createStream } from '../../src/store/open-stream.ts';
import { KEY_A } from '../helpers/keys.ts';
import { type Scope, scope } from '../helpers/scope.ts';

const test = suite('server/memory');

const base = `/${formatStreamId(KEY_A.publicKey, 'base64url')}`;
const MB = 1024 * 1024;

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

/** Reads `newRecords/0` to its end, beside two clients that ask for it and read nothing. */
async function peakOf(t: Scope, path: string): Promise<{ peakMb: number; bytes: number }> {
  const script = fileURLToPath(new URL('../helpers/serve-process.ts', import.meta.url));
  const execArgv = ['--conditions=source', '--import', import.meta.resolve('tsx')];
  const child = t.defer(fork(script, [path], { execArgv }), (one) => one.kill());
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];

  const ask = (close: string): ReturnType<typeof connect> => {
    const socket = t.defer(connect(port, '127.0.0.1'), (one) => one.destroy());
    socket.write(`GET ${base}/newRecords/0 HTTP/1.1\r\nHost: localhost\r\n${close}\r\n`);
    return socket;
  };
  for (let i = 0; i < 2; i += 1) await once(ask(''), 'readable');
  const reader = ask('Connection: close\r\n');
  let bytes = 0;
  reader.on('data', (chunk) => {
    bytes += chunk.length;
  });
  await once(reader, 'close');
  child.send({});
  const [{ peakMb }] = (await once(child, 'message')) as [{ peakMb: number }];
  return { peakMb, bytes };
}

test(
  'newRecords :: a stream a hundred times as large needs no more memory, with clients that do not read',
  scope(async (t) => {
    const small = await peakOf(t, makeStream(t, 'small.stream', 2));
    const large = await peakOf(t, makeStream(t, 'large.stream', 200));

    assert.ok(small.bytes > 2 * MB && small.bytes < 3 * MB);
    assert.ok(large.bytes > 200 * MB && large.bytes < 201 * MB);
    const more = large.peakMb - small.peakMb;
    // What V8 has not yet collected of values already sent; none of it grows with the stream.
    assert.ok(more < 100, `${more.toFixed(0)} MB more`);
  }),
);

test.run();
