/** Giving orders to the daemon that runs over a data folder, where one does. */

import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import type { MirrorProgress } from '../mirror/session.ts';
import { isErrno } from '../store/durable-file.ts';
import { controlPathOf, hasControlSocket } from './control-socket.ts';
import {
  CONTROL_VERSION,
  fromWireError,
  type Greeting,
  LineReader,
  type Order,
  type Reply,
  type Results,
} from './control-wire.ts';

/** A daemon that takes orders. */
export type DaemonLink = {
  readonly pid: number;
  /** Of the program that runs. */
  readonly version: string;
  /** Where it serves. */
  readonly port: number;
  /**
   * Gives one order; the link is closed with its end.
   *
   * @throws {DrayerError} what came of the order; UNREACHABLE when the daemon ends in the middle
   */
  ask<Given extends Order>(
    order: Given,
    options?: {
      readonly signal?: AbortSignal | undefined;
      readonly onProgress?: ((progress: MirrorProgress) => void) | undefined;
    },
  ): Promise<Results[Given['do']]>;
  /** Goes without an order. */
  close(): void;
};

/** A daemon of this machine greets at once; one that does not is stuck. */
const PATIENCE_MS = 3_000;

/**
 * Finds the daemon of a data folder.
 *
 * @returns undefined where none runs, also where one that was killed has left its socket
 * @throws {DrayerError} SOCKET_UNSAFE for a socket that is not ours alone
 * @throws {DrayerError} CONFLICT when it speaks another version, or does not answer
 */
export async function findDaemon(
  dataDir: string,
  { patienceMs = PATIENCE_MS }: { readonly patienceMs?: number | undefined } = {},
): Promise<DaemonLink | undefined> {
  const path = controlPathOf(dataDir);
  if (!hasControlSocket(path)) return undefined;
  const socket = await connect(path);
  if (socket === undefined) return undefined;
  const answers = readReplies(socket);
  const timer = setTimeout(() => socket.destroy(), patienceMs);
  try {
    const first = await answers.next();
    const greeting = checkGreeting(path, first.value ?? {});
    const { pid, version, port } = greeting;
    return {
      pid,
      version,
      port,
      ask: (order, options) => ask(socket, answers, { order, pid, ...options }),
      close: () => void socket.destroy(),
    };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function connect(path: string): Promise<Socket | undefined> {
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
    // Told to whoever reads; nobody may be reading any more when the other end breaks off.
    socket.on('error', () => undefined);
    return socket;
  } catch (error) {
    socket.destroy();
    // Left by one that was killed, or gone in this moment.
    if (isErrno(error, 'ECONNREFUSED') || isErrno(error, 'ENOENT')) return undefined;
    if (!isErrno(error, 'EACCES') && !isErrno(error, 'EPERM')) throw error;
    throw new DrayerError('SOCKET_UNSAFE', `${path}: this socket is another user's`, {
      cause: error,
      hint: 'run the command as the user whose daemon it is, or give another --data-dir',
    });
  }
}

type Lines = AsyncGenerator<object, void, void>;

async function* readReplies(socket: Socket): Lines {
  const lines = new LineReader();
  socket.setEncoding('utf8');
  try {
    for await (const chunk of socket) {
      // A line that is no object is as good as an empty one: nobody of ours wrote it.
      for (const line of lines.take(String(chunk))) yield parseJsonObject(line) ?? {};
    }
  } catch (error) {
    // Broken off: it has ended, which the caller tells.
    if (isErrno(error, 'ECONNRESET') || isErrno(error, 'EPIPE')) return;
    if (isErrno(error, 'ABORT_ERR') || isErrno(error, 'ERR_STREAM_PREMATURE_CLOSE')) return;
    throw error;
  }
}

function checkGreeting(path: string, greeting: Partial<Greeting>): Greeting {
  const { drayer, version = 'unknown', pid = 0, port = 0 } = greeting;
  if (drayer === CONTROL_VERSION) return { drayer, version, pid, port };
  if (drayer === undefined) {
    throw new DrayerError(
      'CONFLICT',
      `${path}: whoever listens there does not answer as a drayer`,
      {
        hint: 'it may be stuck: end it and start drayer serve again, or give another --data-dir',
      },
    );
  }
  const message = `the drayer that runs here (process ${pid}, version ${version}) is of another version than this one`;
  throw new DrayerError('CONFLICT', message, {
    hint: `it speaks ${drayer}, this one ${CONTROL_VERSION}: end process ${pid} and start it anew with this version`,
  });
}

type Asked = {
  readonly order: Order;
  readonly pid: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: MirrorProgress) => void) | undefined;
};

async function ask<Name extends Order['do']>(
  socket: Socket,
  answers: Lines,
  { order, pid, signal, onProgress }: Asked,
): Promise<Results[Name]> {
  const stop = (): void => void socket.destroy();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  try {
    if (!socket.destroyed) socket.write(`${JSON.stringify(order)}\n`);
    for await (const line of answers) {
      const reply = line as Reply;
      if ('progress' in reply) onProgress?.(reply.progress);
      else if ('error' in reply) throw fromWireError(reply.error);
      // The same program wrote it, which the greeting has shown.
      else if ('done' in reply) return reply.done as Results[Name];
    }
  } catch (error) {
    if (isDrayerError(error) || !signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    socket.destroy();
  }
  if (signal?.aborted) throw new DrayerError('ABORTED', 'stopped before it was done');
  throw new DrayerError('UNREACHABLE', `the daemon (process ${pid}) ended before it was done`, {
    hint: 'start it again, then run this command again: nothing is left half done',
  });
}
