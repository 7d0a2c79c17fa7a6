/**
 * A large body on its way: read piece by piece, each into memory that is lent for as long as the system
 * takes to send it. Memory that is new for each piece costs more than the reading, and collecting it
 * stops everybody for a quarter of a second when hundreds read. Only so much is read in one turn of the event
 * loop, whoever waits for it: between two turns everybody else is answered.
 */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type { ByteRange } from '../files/stored-gzip.ts';
import { limitTurns } from './event-turns.ts';

/** Most bytes of a piece. */
export const PIECE_BYTES: number = 65_536;
/** Pieces sent in one turn, of all bodies together. */
const MOST_IN_TURN = 16;
const inTurn = limitTurns(MOST_IN_TURN);
/** Memory that is kept to be lent again, in pieces. */
const MOST_KEPT = 64;

/** Where pieces come from. */
export type PieceSource = {
  /**
   * Gives a part that is not longer than a piece.
   *
   * @param into - memory that may be used for it
   * @throws {DrayerError} STORAGE_FAILED when it cannot be read
   */
  read(part: ByteRange, into: Buffer): Uint8Array | Promise<Uint8Array>;
  /** Nothing more is read. */
  done(): void;
};

/**
 * Parts of something, one after the other. Whoever reads it as a stream gets memory of their own;
 * a response is sent it in lent memory.
 */
export class PieceStream extends Readable {
  readonly #source: PieceSource;
  readonly #parts: readonly ByteRange[];
  #part = 0;
  #offset = 0;
  #reading: Promise<unknown> | undefined;

  constructor(source: PieceSource, parts: readonly ByteRange[]) {
    super({ highWaterMark: 1 });
    this.#source = source;
    this.#parts = parts;
  }

  /**
   * Sends it as the body of a response; destroys itself after. The head goes with the first piece, not in
   * this turn: until then it may be added to.
   */
  sendTo(response: ServerResponse): void {
    response.once('close', () => this.destroy());
    setImmediate(() => inTurn(() => this.#send(response)));
  }

  override _read(): void {
    // Not in this turn: a reader that is given two pieces at once has them joined.
    setImmediate(() => inTurn(() => this.#give()));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const close = (): void => {
      this.#source.done();
      done(error);
    };
    // What is being read from is not closed.
    if (this.#reading === undefined) close();
    else this.#reading.then(close, close);
  }

  #give(): void {
    if (this.destroyed) return;
    const part = this.#next();
    if (part === undefined) {
      this.push(null);
      return;
    }
    this.#take(part, Buffer.allocUnsafeSlow(part.end - part.start), (bytes) => this.push(bytes));
  }

  #send(response: ServerResponse): void {
    if (this.destroyed || response.destroyed) return;
    const part = this.#next();
    if (part === undefined) {
      response.end();
      return;
    }
    const memory = lent();
    this.#take(part, memory, (bytes) => {
      if (this.destroyed || response.destroyed) return giveBack(memory);
      // Called when it is written or given up: the system has no more use for the memory.
      response.write(bytes, (error) => {
        giveBack(memory);
        if (!error) inTurn(() => this.#send(response));
      });
    });
  }

  #next(): ByteRange | undefined {
    const part = this.#parts[this.#part];
    if (part === undefined) return undefined;
    const start = part.start + this.#offset;
    const end = Math.min(part.end, start + PIECE_BYTES);
    this.#offset = end - part.start;
    if (end === part.end) {
      this.#part += 1;
      this.#offset = 0;
    }
    return { start, end };
  }

  #take(part: ByteRange, into: Buffer, give: (bytes: Uint8Array) => void): void {
    try {
      const read = this.#source.read(part, into);
      if (read instanceof Uint8Array) give(read);
      else this.#reading = read.then(give).catch((error: Error) => void this.destroy(error));
    } catch (error) {
      this.destroy(error as Error);
    }
  }
}

const kept: Buffer[] = [];

function lent(): Buffer {
  return kept.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
}

function giveBack(memory: Buffer): void {
  if (kept.length < MOST_KEPT) kept.push(memory);
}
