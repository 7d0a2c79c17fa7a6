/**
 * The socket of the DHT library. Out of it go queries and nothing else, each marked read-only (BEP 43), so
 * that nobody takes this machine for a node that answers; into the library come only answers to them,
 * from whoever was asked, each made anew by {@link cleanReply}. What anybody else sends is dropped unread:
 * the library cannot be made to answer, nor to fail on a packet it was not written for.
 */
import { createSocket, type Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { MayReach } from './dht-address.ts';
import { cleanReply } from './dht-reply.ts';

/** What has gone over a {@link QuerySocket}, for tests and for `drayer doctor`. */
export type Traffic = {
  /** Queries sent. */
  sent: number;
  /** Answers given to the library. */
  taken: number;
  /** Datagrams that came and were dropped. */
  dropped: number;
  /** Packets of the library that were no query, or not to a good address. */
  held: number;
};

/** Answers that come later are nobody's. */
const WAIT_MS = 10_000;
/** How a query of the library ends: its transaction, its kind, and the end of the dictionary. */
const TAIL_BYTES = 14;
const READ_ONLY = Buffer.from('2:roi1e');

/** Looks to the library like a socket of node:dgram. */
export class QuerySocket extends EventEmitter {
  readonly traffic: Traffic = { sent: 0, taken: 0, dropped: 0, held: 0 };
  readonly #socket: Socket = createSocket('udp4');
  readonly #mayReach: MayReach;
  /** Transactions of who was asked, with when that was last; the one asked last at the end. */
  readonly #asked = new Map<string, { atMs: number; readonly transactions: Set<number> }>();

  constructor(mayReach: MayReach) {
    super();
    this.#mayReach = mayReach;
    this.#socket.on('message', (datagram, { address, port }) => {
      this.#take(datagram, { address, port });
    });
    for (const name of ['listening', 'error', 'close']) {
      this.#socket.on(name, (...args: unknown[]) => this.emit(name, ...args));
    }
  }

  bind(port: number, host: string, done?: () => void): void {
    this.#socket.bind(port, host, done);
  }

  address(): AddressInfo {
    return this.#socket.address();
  }

  close(): void {
    this.#socket.close();
  }

  /** Sends a query; anything else, and a query to where none may go, is as if it had been lost. */
  send(
    packet: Buffer,
    offset: number,
    length: number,
    port: number,
    host: string,
    done: (error: Error | null) => void = () => {},
  ): void {
    const query = packet.subarray(offset, offset + length);
    const transaction = transactionOf(query);
    if (transaction === undefined || !this.#mayReach(host) || port < 1024 || port > 65_535) {
      this.traffic.held += 1;
      return;
    }
    this.#remember(`${host}:${port}`, transaction);
    const head = query.subarray(0, -TAIL_BYTES);
    const marked = Buffer.concat([head, READ_ONLY, query.subarray(-TAIL_BYTES)]);
    this.traffic.sent += 1;
    this.#socket.send(marked, 0, marked.length, port, host, done);
  }

  #take(datagram: Buffer, from: { readonly address: string; readonly port: number }): void {
    // Most of what comes unasked is not even read.
    const asked = this.#asked.get(`${from.address}:${from.port}`);
    const reply = asked && cleanReply(datagram, this.#mayReach);
    if (reply === undefined || !asked?.transactions.delete(reply.transaction)) {
      this.traffic.dropped += 1;
      return;
    }
    this.traffic.taken += 1;
    this.emit('message', Buffer.from(reply.packet), from);
  }

  #remember(address: string, transaction: number): void {
    const now = performance.now();
    for (const [old, { atMs }] of this.#asked) {
      if (now - atMs < WAIT_MS) break;
      this.#asked.delete(old);
    }
    const { transactions } = this.#asked.get(address) ?? { transactions: new Set<number>() };
    transactions.add(transaction);
    this.#asked.delete(address);
    this.#asked.set(address, { atMs: now, transactions });
  }
}

/** Of a query as the library writes it, `…1:t2:XX1:y1:qe`; undefined for all else. */
function transactionOf(packet: Buffer): number | undefined {
  const tail = packet.subarray(-TAIL_BYTES);
  const isQuery =
    packet.length > TAIL_BYTES &&
    packet[0] === 0x64 &&
    tail.toString('latin1', 0, 5) === '1:t2:' &&
    tail.toString('latin1', 7) === '1:y1:qe';
  return isQuery ? tail.readUInt16BE(5) : undefined;
}
