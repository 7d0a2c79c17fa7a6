/**
 * The connections of one server: how many there may be, who gives way when there are too many, that one
 * connection has one request answered at a time, and that nobody is waited for who does not read.
 *
 * Under pressure a connection without a request in progress gives way, the oldest first: one that was
 * left open, or one that says half a request and no more. So it takes as many real downloads, not as
 * many sockets, to make a visitor see 503.
 */
import type { RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { answerBare, sayBare, statusOfParserError } from './bare-answer.ts';
import { affordableConnections } from './file-limit.ts';
import { Handshakes, MOST_HANDSHAKES } from './handshakes.ts';
import {
  type Connection,
  isBusy,
  letWait,
  type OpenConnection,
  stopReading,
} from './open-connection.ts';
import { isTooSlow } from './reading-pace.ts';

/** Limits on connections; each has a default. */
export type ConnectionLimits = {
  /** Most connections that are answered. Default 2,048, or what there are file descriptors for. */
  readonly most: number;
  /** Most of one address. Default a quarter of all. */
  readonly mostOfOne: number;
  /** Time between two looks at who reads, in ms. Default 2,500. */
  readonly sweepMs: number;
  /** Time in which a reader has to take {@link ConnectionLimits.leastBytes}, in ms. Default 15,000. */
  readonly paceMs: number;
  /** Least bytes that a reader who is behind takes in that time. Default 16 KiB. */
  readonly leastBytes: number;
};

/** Why a connection was ended or not answered. */
export type GateEvent = 'evicted' | 'full' | 'address' | 'slow' | 'malformed' | 'timeout';

/** What a gate is told besides its limits. */
export type GateHooks = {
  /** Whether many clients share this address, as behind a proxy. */
  readonly isShared?: ((address: string) => boolean) | undefined;
  /** Told of each connection that was refused or ended. */
  readonly onEvent?: ((event: GateEvent) => void) | undefined;
};

const MOST = 2048;
/** Refused connections that are kept open for their 503; more are ended without a word. */
const MOST_REFUSED = 64;
const REFUSED_MS = 3_000;

/** The gate of one server, over all its sockets. */
export class ConnectionGate {
  readonly #limits: ConnectionLimits;
  readonly #hooks: GateHooks;
  readonly #open = new Map<Socket, Connection>();
  readonly #ofAddress = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  readonly #handshakes: Handshakes;
  #refused = 0;
  #isDraining = false;

  constructor(limits: Partial<ConnectionLimits> = {}, hooks: GateHooks = {}) {
    const most = limits.most ?? affordableConnections(MOST);
    this.#limits = {
      mostOfOne: Math.ceil(most / 4),
      sweepMs: 2500,
      paceMs: 15_000,
      leastBytes: 16_384,
      ...limits,
      most,
    };
    this.#hooks = hooks;
    const { isShared, onEvent } = hooks;
    this.#handshakes = new Handshakes({ isShared, onEvicted: () => onEvent?.('evicted') });
    this.#timer = setInterval(() => this.#sweep(), this.#limits.sweepMs);
    this.#timer.unref();
  }

  /** Connections that are answered, with and without a request in progress. */
  get connections(): { readonly open: number; readonly busy: number } {
    let busy = 0;
    for (const connection of this.#open.values()) if (isBusy(connection)) busy += 1;
    return { open: this.#open.size, busy };
  }

  /** The connection of a socket; undefined for one that is refused. */
  connectionOf(socket: Socket): OpenConnection | undefined {
    return this.#open.get(socket);
  }

  /** Whether {@link ConnectionGate.drain} was called. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Looks after the connections of `server`; `event` is where they begin. */
  watch(server: Server, event: 'connection' | 'secureConnection'): void {
    server.on(event, (socket: Socket) => this.#take(socket));
    server.on('clientError', (error, socket) => this.#endBroken(error, socket));
    server.on('connect', (_request, socket) => this.#refuseTunnel(socket));
    server.on('checkExpectation', (_request, response: ServerResponse) =>
      answerBare(response, 417),
    );
    // Said by the system, not by a client: what is open goes on.
    server.maxConnections = this.#limits.most + MOST_REFUSED;
    if (event === 'connection') return;
    this.#handshakes.watch(server);
    server.maxConnections += MOST_HANDSHAKES;
  }

  /** Wraps a handler so that one connection has one request answered at a time. */
  guard(handler: RequestListener): RequestListener {
    return (request, response) => {
      const connection = this.#open.get(request.socket);
      if (connection === undefined || connection.isRefused) return answerBare(response, 503);
      connection.last = request;
      connection.asked += 1;
      const begin = (): void => {
        connection.now = { request, response };
        // Comes once; to listen for it once takes an object more.
        response.on('close', () => this.#next(connection));
        if (this.#isDraining) response.setHeader('Connection', 'close');
        handler(request, response);
      };
      if (connection.now === undefined) begin();
      else letWait(connection, request, begin);
    };
  }

  /** Ends what waits for a request; answers that are on their way are told to be the last. Idempotent. */
  drain(): void {
    this.#isDraining = true;
    clearInterval(this.#timer);
    for (const connection of this.#open.values()) {
      const { socket, now, waiting } = connection;
      waiting.length = 0;
      if (!isBusy(connection)) socket.destroy();
      else if (now === undefined) socket.destroySoon();
      else if (!now.response.headersSent) now.response.setHeader('Connection', 'close');
    }
  }

  #take(socket: Socket): void {
    // Node counts nothing of these among its clients' errors.
    const address = socket.remoteAddress;
    if (address === undefined || this.#isDraining) {
      socket.destroy();
      return;
    }
    const refusal = this.#makeRoom(address);
    if (refusal !== undefined) {
      this.#hooks.onEvent?.(refusal);
      if (this.#refused >= MOST_REFUSED) {
        socket.destroy();
        return;
      }
      socket.setTimeout(REFUSED_MS, () => socket.destroy());
      this.#refused += 1;
    }
    const isRefused = refusal !== undefined;
    const state = { now: undefined, last: undefined, pace: undefined, asked: 0 };
    const connection = { socket, address, isRefused, waiting: [], waitingBytes: 0, ...state };
    if (!isRefused) {
      this.#open.set(socket, connection);
      this.#count(address, 1);
    }
    socket.once('close', () => {
      if (isRefused) this.#refused -= 1;
      else if (this.#open.delete(socket)) this.#count(address, -1);
    });
  }

  /** Why there is no room for one more; undefined when there is, or an idle one has given way. */
  #makeRoom(address: string): 'address' | 'full' | undefined {
    const { most, mostOfOne } = this.#limits;
    const isMany = (this.#ofAddress.get(address) ?? 0) >= mostOfOne;
    if (isMany && !(this.#hooks.isShared?.(address) ?? false)) {
      return this.#evict((one) => one.address === address) ? undefined : 'address';
    }
    if (this.#open.size < most) return undefined;
    return this.#evict(() => true) ? undefined : 'full';
  }

  /** Ends the oldest connection that has no request in progress. */
  #evict(isMeant: (connection: Connection) => boolean): boolean {
    for (const connection of this.#open.values()) {
      if (isBusy(connection) || !isMeant(connection)) continue;
      this.#open.delete(connection.socket);
      this.#count(connection.address, -1);
      connection.socket.destroy();
      this.#hooks.onEvent?.('evicted');
      return true;
    }
    return false;
  }

  #count(address: string, change: 1 | -1): void {
    const count = (this.#ofAddress.get(address) ?? 0) + change;
    if (count > 0) this.#ofAddress.set(address, count);
    else this.#ofAddress.delete(address);
  }

  #next(connection: Connection): void {
    connection.now = undefined;
    connection.pace = undefined;
    if (this.#isDraining || connection.socket.destroyed) connection.waiting.length = 0;
    if (this.#isDraining) connection.socket.end();
    connection.waiting.shift()?.();
    if (connection.waiting.length > 0) {
      stopReading(connection);
      return;
    }
    connection.waitingBytes = 0;
    connection.socket.resume();
  }

  /** CONNECT: node would end the connection without a word (RFC 9110 §9.3.6). */
  #refuseTunnel(socket: Duplex): void {
    // An answer that is on its way is not written into.
    if (this.#open.get(socket as Socket)?.now === undefined) sayBare(socket, 501);
    else socket.destroy();
  }

  /** What comes no further than the parser. No answer is written into another, nor beside one. */
  #endBroken(error: Error & { readonly code?: string }, socket: Duplex): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const status = statusOfParserError(error);
    this.#hooks.onEvent?.(status === 408 ? 'timeout' : 'malformed');
    const { now, last, waiting } = this.#open.get(socket as Socket) ?? {};
    if (now?.request.complete === true) {
      // The one before was good; it gets its answer, and is the last that does.
      waiting?.splice(0);
      now.response.once('close', () => socket.destroy());
    } else if (now === undefined ? last?.complete === false : now.response.headersSent) {
      // It has been answered before its body broke.
      socket.destroy();
    } else {
      sayBare(socket, status);
    }
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const connection of this.#open.values()) {
      // Where the last answer has been taken there is nobody to wait for.
      if (!isBusy(connection)) connection.pace = undefined;
      if (!isBusy(connection)) continue;
      const pace = isTooSlow(connection.socket, connection.pace, { nowMs, ...this.#limits });
      if (pace !== 'too-slow') {
        connection.pace = pace;
        continue;
      }
      this.#hooks.onEvent?.('slow');
      reset(connection.socket);
    }
  }
}

/** Ends a connection and forgets what is still to be sent on it, in the system's memory too. */
function reset(socket: Socket): void {
  // Node resets only what is bare TCP.
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
