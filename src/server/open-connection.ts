/** A connection as its gate knows it, and the requests that wait on it behind another. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Pace } from './reading-pace.ts';

/** A connection that is answered, or refused. */
export type Connection = {
  readonly socket: Socket;
  readonly address: string;
  /** The request that is being answered. */
  now: { readonly request: IncomingMessage; readonly response: ServerResponse } | undefined;
  /** The one that came last, answered or not. */
  last: IncomingMessage | undefined;
  /** How many requests have come. */
  asked: number;
  /** Requests that came behind it on the same connection. */
  readonly waiting: (() => void)[];
  /** What those take in memory, about. */
  waitingBytes: number;
  /** No room for it: its request is answered 503. */
  readonly isRefused: boolean;
  pace: Pace | undefined;
};

/** A connection that is answered, to look at. */
export type OpenConnection = Readonly<Pick<Connection, 'socket' | 'now' | 'last' | 'asked'>>;

/** Most that waits on one connection. Nothing is read meanwhile, but what comes in one piece, 64 KiB, is many requests. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;
/** What a request takes besides its text. */
const REQUEST_BYTES = 1024;

/** Whether there is a request in progress, or an answer from memory that has not been taken (known-requests.ts). */
export function isBusy({ now, socket }: Connection): boolean {
  return now !== undefined || socket.writableLength > 0;
}

/** Keeps a request for later. Who sends on and on behind an answer without end is not read, or ended. */
export function letWait(connection: Connection, request: IncomingMessage, begin: () => void): void {
  connection.waiting.push(begin);
  const text = request.rawHeaders.reduce((sum, part) => sum + part.length, 0);
  connection.waitingBytes += REQUEST_BYTES + text + (request.url?.length ?? 0);
  if (connection.waitingBytes > MOST_WAITING_BYTES) connection.socket.destroy();
  else stopReading(connection);
}

/** Node reads on at the end of each request and of each answer, in this turn or its next ticks: so after those. */
export function stopReading({ socket, waiting }: Connection): void {
  queueMicrotask(() => {
    if (waiting.length > 0) socket.pause();
  });
}
