/**
 * Server-Sent Events: every new generation of a stream, for followers and live reload. The current
 * one comes first, so that a follower that was cut off sees at once whether it missed any.
 */
import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import type { Context } from 'koa';
import type { Generation, StreamReader } from '../store/reader.ts';
import { uncheckedOf } from '../store/unchecked.ts';
import type { StreamSet } from './stream-set.ts';

/** Between two signs of life. Proxies cut what says nothing for longer, and so does our own server. */
export const SIGN_MS = 15_000;
const SIGN_OF_LIFE = ': \n\n';
/** A follower that has so many unread bytes waiting is not reading. */
const MOST_UNREAD_BYTES = 65_536;

/** The followers of one server. */
export class EventHub {
  readonly #followers = new Set<Follower>();
  readonly #stop: () => void;
  readonly #timer: NodeJS.Timeout;

  constructor(streams: StreamSet) {
    this.#stop = streams.onGeneration(({ id, generation }) => {
      for (const follower of this.#followers) {
        if (follower.id === id) write(follower, eventOf(generation));
      }
    });
    this.#timer = setInterval(() => {
      for (const follower of this.#followers) write(follower, SIGN_OF_LIFE);
    }, SIGN_MS);
    this.#timer.unref();
  }

  /** Answers a request with the events of a stream. */
  follow(ctx: Context, reader: StreamReader): void {
    const body = new PassThrough();
    ctx.set('Content-Type', 'text/event-stream');
    ctx.set('Cache-Control', 'no-store');
    // Buffering proxies would hold events back.
    ctx.set('X-Accel-Buffering', 'no');
    ctx.status = 200;
    ctx.body = body;
    if (ctx.method === 'HEAD') return;
    const follower = { id: reader.id, body, response: ctx.res };
    this.#followers.add(follower);
    body.once('close', () => this.#followers.delete(follower));
    // An answer without end is not sent on to who may have gone.
    ctx.req.socket.once('end', () => ctx.res.destroy());
    // What may not be fetched yet is told of once it may; till then a sign that somebody is there.
    const isOffered = uncheckedOf(reader) === undefined;
    write(follower, isOffered ? eventOf(reader.generation()) : SIGN_OF_LIFE);
  }

  /** Ends every response. Idempotent. */
  close(): void {
    this.#stop();
    clearInterval(this.#timer);
    for (const { body } of this.#followers) body.end();
  }
}

type Follower = {
  /** Of the stream that is followed. */
  readonly id: string;
  readonly body: PassThrough;
  readonly response: ServerResponse;
};

function eventOf(generation: Generation): string {
  const data = JSON.stringify({ seq: generation.snapshot?.seq ?? null, tip: generation.tip });
  return `event: generation\nid: ${generation.tip}\ndata: ${data}\n\n`;
}

function write({ body, response }: Follower, text: string): void {
  if (body.writableLength + body.readableLength > MOST_UNREAD_BYTES) response.destroy();
  else body.write(text);
}
