/** Bytes sent to a server of this process in the very pieces they are cut into, and what came back. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Listener } from '../../src/server/listen.ts';
import { readAll } from './raw-http.ts';
import type { Scope } from './scope.ts';

/** Turns of the event loop after which a server that does not read is not waited for. */
const MOST_TURNS = 300;

/**
 * Sends each piece when the one before has been read and answered as far as it can be, then says that no
 * more comes; returns all that came back, without its dates.
 */
export async function sendPieces(listener: Listener, pieces: readonly string[]): Promise<string> {
  const [server] = listener.sockets;
  if (server === undefined) throw new Error('the server does not listen');
  const came = once(server, 'connection') as Promise<[Socket]>;
  const client = connect({ port: listener.port, host: '127.0.0.1', noDelay: true });
  const answer = readAll(client);
  const [peer] = await came;
  let sent = 0;
  for (const piece of pieces) {
    if (!client.writable) break;
    client.write(piece, 'latin1');
    sent += piece.length;
    await settled(listener, () => peer.bytesRead >= sent || peer.destroyed);
  }
  client.end();
  return withoutDates((await answer).toString('latin1'));
}

async function settled(listener: Listener, hasRead: () => boolean): Promise<void> {
  for (let i = 0; i < MOST_TURNS && !hasRead(); i += 1) await turn();
  for (let i = 0; i < MOST_TURNS && listener.connections().busy > 0; i += 1) await turn();
}

/** Leaves dates out of answers: they are of the second in which each was sent. */
export function withoutDates(answers: string): string {
  return answers.replace(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/gm, '');
}

/** Counts the requests that node's parser has read for a listener. */
export function countRead(t: Scope, listener: Listener): () => number {
  const servers = new Set(listener.sockets);
  let count = 0;
  const onStart = (message: unknown): void => {
    if (servers.has((message as { readonly server: Server }).server)) count += 1;
  };
  subscribe('http.server.request.start', onStart);
  t.defer(onStart, (one) => unsubscribe('http.server.request.start', one));
  return () => count;
}
