/**
 * Answers a request that is known word for word without reading it. What node's parser has read from the
 * first byte to the last as one request without a body, at the beginning of a message, is that same request
 * whenever it comes again at the beginning of a message and in one piece; and what it was given from memory
 * is given again as long as that is the present page (hot-pages.ts). This is no parser: where a piece is not
 * known, or it is not certain that a message begins with it, node reads it, and reads on for good where it
 * is not certain where the next one begins. All that is held against that is counted here, on this
 * connection: one request came of the piece, and it was complete when the piece was.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionGate } from './connection-gate.ts';
import type { HotPages, KnownPages } from './hot-pages.ts';
import type { OpenConnection } from './open-connection.ts';
import { isForwarded } from './request-key.ts';

/** Longest request that is kept. */
const MOST_BYTES = 2048;
/** Lines, and an empty one at the end and nowhere else: no bare line feed could be one for somebody. */
const WHOLE = /^(?:GET|HEAD) [^\r\n]+\r\n(?:[^\r\n]+\r\n)*\r\n$/;
/** Behind these a head is not the end, or what comes next is none. */
const GOES_ON = ['content-length', 'transfer-encoding', 'upgrade', 'expect'] as const;

/** Has the connections of a server answered by what is known. The gate has to look after them already. */
export function answerKnown(
  server: Server,
  { gate, pages }: { readonly gate: ConnectionGate; readonly pages: HotPages },
): void {
  server.on('connection', (socket: Socket) => {
    const connection = gate.connectionOf(socket);
    const known = connection && pages.knownAt(socket);
    // Node's own, which reads.
    const [read, ...others] = socket.listeners('data') as ((piece: Buffer) => void)[];
    if (connection === undefined || known === undefined) return;
    if (read === undefined || others.length > 0) return;
    const desk = new Desk(connection, { read, known, pages, idleMs: server.timeout });
    const take = (piece: Buffer): void => desk.take(piece);
    socket.removeListener('data', read);
    // Where node takes its own away, as before a tunnel, this one goes.
    socket.on('data', Object.assign(take, { listener: read }));
  });
}

type DeskOptions = {
  readonly read: (piece: Buffer) => void;
  readonly known: KnownPages;
  readonly pages: HotPages;
  readonly idleMs: number;
};

/** What stands before the parser of one connection. */
class Desk {
  readonly #connection: OpenConnection;
  readonly #read: (piece: Buffer) => void;
  readonly #known: KnownPages;
  readonly #pages: HotPages;
  readonly #idleMs: number;
  /** All that came so far was whole requests. */
  #isBetween = true;

  constructor(connection: OpenConnection, { read, known, pages, idleMs }: DeskOptions) {
    this.#connection = connection;
    this.#read = read;
    this.#known = known;
    this.#pages = pages;
    this.#idleMs = idleMs;
  }

  take(piece: Buffer): void {
    const { socket, now, asked } = this.#connection;
    if (isHeldBack(socket)) {
      socket.pause();
      socket.unshift(piece);
      return;
    }
    const isFree = this.#isBetween && now === undefined && socket.writableLength === 0;
    if (!isFree || piece.length > MOST_BYTES) {
      this.#isBetween = false;
      this.#read(piece);
      return;
    }
    const text = piece.toString('latin1');
    // Node counts the time for a first request until it has read one.
    if (asked > 0 && this.#pages.giveKnown(this.#known, text, socket)) {
      if (socket.writableLength > 0) this.#waitLonger();
    } else {
      this.#handOver(piece, text);
    }
  }

  #handOver(piece: Buffer, text: string): void {
    const { asked } = this.#connection;
    this.#isBetween = false;
    this.#pages.takeLast();
    this.#read(piece);
    const page = this.#pages.takeLast();
    const { last } = this.#connection;
    if (last === undefined || this.#connection.asked !== asked + 1) return;
    // What memory answers has no such field.
    if (!last.complete || (page === undefined && goesOn(last)) || !WHOLE.test(text)) return;
    this.#isBetween = true;
    if (page !== undefined && !isForwarded(last)) this.#pages.learn(this.#known, text, page);
  }

  /** Who has not taken all of an answer has the time that others have for it, not that between two requests. */
  #waitLonger(): void {
    const { socket } = this.#connection;
    const { timeout = 0 } = socket;
    socket.setTimeout(this.#idleMs);
    socket.write('', () => {
      if (this.#connection.now === undefined && !socket.destroyed) socket.setTimeout(timeout);
    });
  }
}

function goesOn({ headers }: IncomingMessage): boolean {
  return GOES_ON.some((name) => headers[name] !== undefined);
}

/**
 * Whether node reads no more for now, because too much waits to be sent. It fails when it is given something
 * all the same, by who resumes the socket.
 */
function isHeldBack(socket: Socket): boolean {
  return (socket as Socket & { readonly _paused?: unknown })._paused === true;
}
