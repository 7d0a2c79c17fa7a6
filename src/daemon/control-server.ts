/** The socket on which a daemon takes orders: for its owner alone, a few at once, each on a line of its own. */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { DrayerError } from '../core/errors.ts';
import { fileError } from '../store/durable-file.ts';
import { controlPathOf } from './control-socket.ts';
import {
  type Greeting,
  LineReader,
  type Order,
  parseOrder,
  type Reply,
  type Results,
  toWireError,
} from './control-wire.ts';

/** What the one who ordered it gets while it is done. */
export type OrderContext = {
  /** Aborts when who ordered it has gone, and when the daemon closes. */
  readonly signal: AbortSignal;
  progress(progress: object): void;
};

/** Does orders. */
export type OrderHandler = (order: Order, context: OrderContext) => Promise<Results[Order['do']]>;

/** What {@link openControl} is told. */
export type ControlOptions = {
  readonly dataDir: string;
  readonly greeting: Greeting;
  readonly handle: OrderHandler;
  /** Told of what is wrong here, not with an order. */
  readonly onError: (error: unknown) => void;
};

/** An open socket. */
export type Control = {
  readonly path: string;
  /** Ends every order and takes the socket away. Idempotent. */
  close(): Promise<void>;
};

const MOST_CONNECTIONS = 64;
/** Who connects says what he wants. */
const PATIENCE_MS = 5_000;
/** Between two reports of progress. */
const PROGRESS_MS = 100;

/**
 * Opens the socket of a data folder. Only the holder of the daemon's lock may call it: what lies at the
 * path is what a daemon left that was killed, and is removed.
 *
 * @throws {DrayerError} STORAGE_FAILED when there can be no socket
 */
export async function openControl(options: ControlOptions): Promise<Control> {
  const path = controlPathOf(options.dataDir);
  const connections = new Set<Connection>();
  const server = createServer((socket) => {
    const connection = new Connection(socket, options);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  server.maxConnections = MOST_CONNECTIONS;
  await listenPrivately(server, path);
  server.on('error', options.onError);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const ended = new Promise<void>((resolve) => void server.close(() => resolve()));
    for (const connection of connections) connection.close();
    await ended;
  };
  return {
    path,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

async function listenPrivately(server: Server, path: string): Promise<void> {
  if (process.platform !== 'win32') rmSync(path, { force: true });
  // Nobody else may get in between its making and a change of its mode.
  const before = process.umask(0o177);
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => resolve());
  });
  try {
    server.listen(path);
  } finally {
    process.umask(before);
  }
  try {
    await listening;
    if (process.platform !== 'win32') chmodSync(path, 0o600);
  } catch (cause) {
    server.close();
    throw fileError(path, 'cannot open the socket for orders', cause);
  }
}

class Connection {
  readonly #socket: Socket;
  readonly #options: ControlOptions;
  readonly #lines = new LineReader();
  readonly #stop = new AbortController();
  #isAsked = false;
  #progressMs = 0;

  constructor(socket: Socket, options: ControlOptions) {
    this.#socket = socket;
    this.#options = options;
    const { greeting } = options;
    socket.setEncoding('utf8');
    socket.setTimeout(PATIENCE_MS, () => (this.#isAsked ? undefined : socket.destroy()));
    // Who goes away in the middle of an answer does not want it.
    socket.on('error', () => this.#stop.abort());
    socket.on('close', () => this.#stop.abort());
    socket.on('data', (chunk: string) => this.#take(chunk));
    socket.write(`${JSON.stringify(greeting)}\n`);
  }

  close(): void {
    this.#stop.abort();
    this.#socket.destroy();
  }

  #take(chunk: string): void {
    try {
      const [line] = this.#lines.take(chunk);
      if (line === undefined || this.#isAsked) return;
      this.#isAsked = true;
      void this.#answer(parseOrder(line));
    } catch (error) {
      this.#isAsked = true;
      this.#end({ error: toWireError(error) });
    }
  }

  async #answer(order: Order): Promise<void> {
    const { handle, onError } = this.#options;
    const { signal } = this.#stop;
    try {
      const progress = (state: object): void => this.#progress(state);
      this.#end({ done: await handle(order, { signal, progress }) });
    } catch (error) {
      if (!(error instanceof DrayerError) && !signal.aborted) onError(error);
      this.#end({ error: toWireError(error) });
    }
  }

  #progress(state: object): void {
    const now = performance.now();
    if (now - this.#progressMs < PROGRESS_MS || this.#socket.destroyed) return;
    this.#progressMs = now;
    this.#socket.write(`${JSON.stringify({ progress: state })}\n`);
  }

  #end(reply: Reply): void {
    if (!this.#socket.destroyed) this.#socket.end(`${JSON.stringify(reply)}\n`);
  }
}
