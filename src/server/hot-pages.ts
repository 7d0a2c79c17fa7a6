/**
 * Answers that were given before, ready to be given again. A page that is asked for again in the same
 * generation, by a request that is the same in all that can decide (request-key.ts), gets what the
 * app answered, byte for byte, without the app: a tenth of the work. Nothing is kept longer than its
 * generation: whether the file has been written to is looked up before the first answer of every turn
 * of the event loop, so that who asks after a publish gets what was published.
 */
import type { ClientRequest, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Context } from 'koa';
import { LRUCache } from 'lru-cache';
import { isDrayerError } from '../core/errors.ts';
import type { StreamReader } from '../store/reader.ts';
import { giveAnswer, type ReadyAnswer, sendAnswer, takeAnswer } from './ready-answer.ts';
import { placeOf, requestKey } from './request-key.ts';
import type { StreamSet } from './stream-set.ts';

/** Bytes of answers that are kept unless another number is given. */
export const HOT_BYTES: number = 64 * 1024 * 1024;
/** A larger share of it is not kept: a film would push out a site. */
const LARGEST_SHARE = 1 / 32;
/** What an answer takes besides its text and body. */
const ENTRY_BYTES = 700;
/** What the app may answer to be asked no more: there is a page, it has not changed, it is elsewhere. */
const KEPT_STATUSES: ReadonlySet<number> = new Set([200, 304, 308]);

/** Bodies up to this size are copied once a second, to be sent in one piece with their head. */
const COPIED_BYTES = 65_536;
const NOTHING = new Uint8Array(0);

/** Most requests a page is known by; of those that come then only one in so many takes the place of another. */
const MOST_TEXTS = 64;
const REPLACED_EVERY = 16;
/** What each takes besides its text. */
const TEXT_BYTES = 160;
/** Most addresses and ports at which requests are known. */
const MOST_PLACES = 64;

/** A stream as it was when an answer was made. */
type State = {
  readonly publicKey: Uint8Array;
  readonly reader: StreamReader;
  readonly counter: number;
  /** The turn in which it was found to be the present one. */
  checkedAt: number;
};

type Page = {
  readonly key: string;
  readonly state: State;
  readonly answer: ReadyAnswer | SpelledAnswer;
  /** The whole requests it is known by, the oldest first. */
  readonly texts: { readonly known: KnownPages; readonly text: string }[];
  /** Requests it could be known by, since it is by as many as may be. */
  passed: number;
};

/** Pages by the whole text of a request that got them, of those that come in at one place. */
export type KnownPages = Map<string, Page>;

/** An answer in its parts: for connections that end with it, and bodies that are not copied each second. */
type SpelledAnswer = {
  readonly status: number;
  /** Name, value, name, value …, in the order they were sent. */
  readonly headers: string[];
  readonly body: Uint8Array | undefined;
};

/** What the answers in memory come to. */
export type MemoryUse = { readonly bytes: number; readonly pages: number; readonly given: number };

/** The answers one app keeps. */
export class HotPages {
  readonly #streams: StreamSet;
  readonly #pages: LRUCache<string, Page>;
  readonly #keys = new WeakMap<ServerResponse, string>();
  /** The present states, by stream: answers of one state share it. */
  readonly #states = new WeakMap<StreamReader, State>();
  #turn = 1;
  #isTurnOpen = false;
  #given = 0;
  readonly #places = new Map<string, KnownPages>();
  /** The page that was given last. */
  #last: Page | undefined;
  /** The page that is only taken out of the memory to go in again. */
  #resized: Page | undefined;

  constructor(streams: StreamSet, maxBytes: number) {
    this.#streams = streams;
    this.#pages = new LRUCache({
      // 0 would mean no limit.
      maxSize: Math.max(1, maxBytes),
      maxEntrySize: Math.max(1, Math.floor(maxBytes * LARGEST_SHARE)),
      dispose: (page) => {
        if (page === this.#resized) return;
        for (const { known, text } of page.texts) known.delete(text);
      },
    });
  }

  /** What is kept now, and how many answers were given from it. */
  get use(): MemoryUse {
    return { bytes: this.#pages.calculatedSize, pages: this.#pages.size, given: this.#given };
  }

  /** Puts the answers that are kept in front of an app. */
  before(app: RequestListener): RequestListener {
    if (this.#pages.maxSize === 1) return app;
    return (request, response) => {
      const key = requestKey(request, response);
      if (key === undefined) return app(request, response);
      const page = this.#find(key);
      if (page === undefined) {
        this.#keys.set(response, key);
        return app(request, response);
      }
      if (!send(response, page)) return app(request, response);
      this.#given += 1;
      this.#last = page;
    };
  }

  /** What is known at the place where a connection has come in; undefined when there are too many of them. */
  knownAt(socket: Socket): KnownPages | undefined {
    const place = placeOf(socket);
    const known = this.#places.get(place);
    if (known !== undefined || this.#places.size >= MOST_PLACES) return known;
    const pages: KnownPages = new Map();
    this.#places.set(place, pages);
    return pages;
  }

  /**
   * Answers a request that is known word for word.
   *
   * @param socket - nothing is being answered on it
   * @returns whether it was answered; not where the page is not known, or not the present one
   */
  giveKnown(known: KnownPages, text: string, socket: Socket): boolean {
    const page = known.get(text);
    if (page === undefined || !('bytes' in page.answer)) return false;
    if (!socket.writable || !this.#isPresent(page.state)) return false;
    // To be found is to be used, but once a second is enough.
    if (sendAnswer(socket, page.answer)) this.#pages.get(page.key);
    this.#given += 1;
    return true;
  }

  /** The page that was given last through {@link HotPages.before}, once. */
  takeLast(): Page | undefined {
    const page = this.#last;
    this.#last = undefined;
    return page;
  }

  /** Remembers that a page is what a whole request gets. */
  learn(known: KnownPages, text: string, page: Page): void {
    if (!('bytes' in page.answer) || this.#pages.peek(page.key) !== page || known.has(text)) return;
    const isFull = page.texts.length >= MOST_TEXTS;
    if (isFull) page.passed = (page.passed + 1) % REPLACED_EVERY;
    if (isFull && page.passed > 0) return;
    const size = sizeOf(page) + text.length + TEXT_BYTES;
    if (size > this.#pages.maxEntrySize) return;
    const dropped = isFull ? page.texts.shift() : undefined;
    dropped?.known.delete(dropped.text);
    page.texts.push({ known, text });
    known.set(text, page);
    // What is there has the size it came with.
    this.#resized = page;
    this.#pages.delete(page.key);
    this.#resized = undefined;
    this.#pages.set(page.key, page, { size });
  }

  /**
   * Says that the answer now being made depends on nothing but the request and the present state of
   * this stream; to be called before anything of it is read.
   */
  keep(ctx: Context, reader: StreamReader): void {
    const key = this.#keys.get(ctx.res);
    if (key === undefined) return;
    const state = this.#stateOf(reader);
    ctx.res.once('finish', () => {
      const answer = answerOf(ctx);
      if (answer === undefined) return;
      const page = { key, state, answer, texts: [], passed: 0 };
      this.#pages.set(key, page, { size: sizeOf(page) });
    });
  }

  #find(key: string): Page | undefined {
    const page = this.#pages.get(key);
    if (page === undefined || this.#isPresent(page.state)) return page;
    this.#pages.delete(key);
    return undefined;
  }

  #isPresent(state: State): boolean {
    const turn = this.#openTurn();
    if (state.checkedAt === turn) return true;
    try {
      const reader = this.#streams.find(state.publicKey);
      if (reader !== state.reader || reader.changeCounter() !== state.counter) return false;
    } catch (error) {
      // The app finds the same, and tells it as it should be told.
      if (isDrayerError(error)) return false;
      throw error;
    }
    state.checkedAt = turn;
    return true;
  }

  #stateOf(reader: StreamReader): State {
    const counter = reader.changeCounter();
    const known = this.#states.get(reader);
    if (known?.counter === counter) return known;
    const state = { publicKey: reader.publicKey, reader, counter, checkedAt: 0 };
    this.#states.set(reader, state);
    return state;
  }

  // All that is answered in one turn had been asked before it began.
  #openTurn(): number {
    if (!this.#isTurnOpen) {
      this.#isTurnOpen = true;
      this.#turn += 1;
      setImmediate(() => {
        this.#isTurnOpen = false;
      });
    }
    return this.#turn;
  }
}

function send(response: ServerResponse, { answer }: Page): boolean {
  if ('bytes' in answer) return giveAnswer(response, answer);
  response.writeHead(answer.status, answer.headers);
  response.end(answer.body);
  return true;
}

function answerOf({ req, res, body }: Context): Page['answer'] | undefined {
  const status = res.statusCode;
  if (!KEPT_STATUSES.has(status)) return undefined;
  const isEmpty = req.method === 'HEAD' || status === 304;
  // Neither a stream, which is used up, nor what Koa says where nothing was said.
  const isWhole =
    body instanceof Uint8Array && Number(res.getHeader('content-length')) === body.length;
  if (!isEmpty && !isWhole) return undefined;
  const sent = isEmpty || !isWhole ? NOTHING : body;
  const ready = sent.length <= COPIED_BYTES ? takeAnswer(res, sent) : undefined;
  return ready ?? spell(res, sent);
}

function spell(res: ServerResponse, body: Uint8Array): SpelledAnswer | undefined {
  const headers: string[] = [];
  for (const name of rawHeaderNames(res)) {
    const value = res.getHeader(name);
    if (typeof value !== 'string' && typeof value !== 'number') return undefined;
    headers.push(name, String(value));
  }
  return { status: res.statusCode, headers, body: body === NOTHING ? undefined : body };
}

// Node has it for every message; its types only for those of a client.
function rawHeaderNames(response: ServerResponse): string[] {
  return (response as unknown as Pick<ClientRequest, 'getRawHeaderNames'>).getRawHeaderNames();
}

function sizeOf({ key, answer, texts }: Page): number {
  const bytes = texts.reduce(
    (sum, { text }) => sum + text.length + TEXT_BYTES,
    ENTRY_BYTES + key.length,
  );
  if ('bytes' in answer) return bytes + answer.bytes.length;
  const text = answer.headers.reduce((sum, part) => sum + part.length, 0);
  // The memory behind it, of which it may be a part.
  return bytes + text + (answer.body?.buffer.byteLength ?? 0);
}
