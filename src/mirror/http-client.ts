/**
 * The only HTTP client of the mirror, with every limit of R19. No redirects, no compressed bodies,
 * nothing read beyond what the caller allows, and no wait without an end.
 *
 * Not `fetch`: it inflates bodies without limit and follows redirects into the local network.
 */
import { type LookupAddress, lookup } from 'node:dns';
import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { DrayerError } from '../core/errors.ts';
import { LIMITS } from '../wire/limits.ts';
import { readBody } from './http-body.ts';
import { abortedError, unreachable } from './peer-errors.ts';

/** The waits a client accepts, in ms. */
export type HttpLimits = {
  /** Until a connection stands. */
  readonly connectMs: number;
  /** From then until the answer's head is there. */
  readonly firstByteMs: number;
  /** Between two pieces of a body; in as long a time at least {@link minimumRate} × it must come. */
  readonly idleMs: number;
};

/** What to ask a peer for, beside the URL. */
export type HttpRequest = {
  readonly headers?: Readonly<Record<string, string>> | undefined;
};

/** What to hand a peer, beside the URL. */
export type HttpUpload = HttpRequest & {
  readonly method: 'POST' | 'PUT';
  readonly body: Uint8Array;
  /** Until the head of the answer is there, once the body is sent; as for any request by default. */
  readonly answerMs?: number | undefined;
};

/** The head of an answer; the body is read once, or discarded. */
export type HttpResponse = {
  readonly url: string;
  readonly status: number;
  /** The header of this name, lower case, or undefined. */
  header(name: string): string | undefined;
  /** The body in pieces; throws TOO_LARGE beyond `maxBytes`, UNREACHABLE when it breaks or stalls. */
  body(maxBytes: number): AsyncGenerator<Uint8Array, void, void>;
  /** The same of a body that may come slowly, if something comes at least every `idleMs`. */
  slowBody(maxBytes: number, idleMs: number): AsyncGenerator<Uint8Array, void, void>;
  /** Lets the connection go without reading. */
  discard(): void;
  /** Drops the connection, also in the middle of reading the body. */
  abandon(): void;
};

/** Connections to one peer. */
const MAX_SOCKETS = 8;

/** A keep-alive client. One per mirror run; {@link HttpClient.close} ends its connections. */
export class HttpClient {
  readonly #limits: HttpLimits;
  readonly #signal: AbortSignal | undefined;
  readonly #lookup: LookupFunction;
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: MAX_SOCKETS });
  readonly #https = new HttpsAgent({ keepAlive: true, maxSockets: MAX_SOCKETS });

  constructor({
    limits = LIMITS,
    signal,
    isAllowed,
  }: {
    limits?: HttpLimits | undefined;
    signal?: AbortSignal | undefined;
    /** Which addresses a name may lead to; by default any. */
    isAllowed?: ((address: string) => boolean) | undefined;
  } = {}) {
    this.#limits = limits;
    this.#signal = signal;
    this.#lookup = isAllowed === undefined ? lookupLocalhost : lookupAllowed(isAllowed);
  }

  /**
   * Asks for `url` and returns when the answer's head is there, whatever its status.
   *
   * @throws {DrayerError} UNREACHABLE when nobody answers in time, with what to look at
   * @throws {DrayerError} PEER_MISBEHAVED for a redirect or a compressed body
   * @throws {DrayerError} ABORTED when the client's signal fires
   */
  async get(url: string, request: HttpRequest = {}): Promise<HttpResponse> {
    return this.#open(url, await this.#send(url, request));
  }

  /**
   * Sends a body to `url` and returns when the answer's head is there, whatever its status. Never
   * sends it twice: whoever asks knows whether it may be.
   *
   * @throws {DrayerError} as {@link HttpClient.get}
   */
  async upload(url: string, upload: HttpUpload): Promise<HttpResponse> {
    try {
      return this.#open(url, await this.#sendOnce(url, upload, upload));
    } catch (error) {
      throw error instanceof StaleConnection ? unreachable(url, error) : error;
    }
  }

  #open(url: string, answer: IncomingMessage): HttpResponse {
    try {
      refuseTricks(url, answer);
    } catch (error) {
      answer.destroy();
      throw error;
    }
    return {
      url,
      status: answer.statusCode ?? 0,
      header: (name) => {
        const value = answer.headers[name];
        return Array.isArray(value) ? value.join(', ') : value;
      },
      body: (maxBytes) =>
        readBody(answer, { url, maxBytes, idleMs: this.#limits.idleMs, signal: this.#signal }),
      slowBody: (maxBytes, idleMs) =>
        readBody(answer, { url, maxBytes, idleMs, leastBytesPerSecond: 0, signal: this.#signal }),
      discard: () => discard(answer),
      abandon: () => {
        answer.on('error', () => {});
        answer.destroy();
      },
    };
  }

  /** Ends every connection. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  async #send(url: string, request: HttpRequest): Promise<IncomingMessage> {
    // Kept connections may all have been closed by the peer in the moment we take them up again.
    for (let tries = 0; tries <= MAX_SOCKETS; tries += 1) {
      try {
        return await this.#sendOnce(url, request);
      } catch (error) {
        if (!(error instanceof StaleConnection)) throw error;
      }
    }
    throw unreachable(url, new StaleConnection('connection closed again and again'));
  }

  #sendOnce(
    url: string,
    { headers = {} }: HttpRequest,
    upload?: HttpUpload,
  ): Promise<IncomingMessage> {
    const signal = this.#signal;
    const { method = 'GET', body, answerMs = this.#limits.firstByteMs } = upload ?? {};
    const length = body === undefined ? {} : { 'content-length': body.length };
    if (signal?.aborted) return Promise.reject(abortedError(signal));
    const secure = url.startsWith('https:');
    const sent = (secure ? httpsRequest : httpRequest)(url, {
      agent: secure ? this.#https : this.#http,
      method,
      headers: { accept: '*/*', 'accept-encoding': 'identity', ...length, ...headers },
      lookup: this.#lookup,
    });

    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const onAbort = (): void => fail(abortedError(signal));
      let isSettled = false;
      const settle = (): void => {
        isSettled = true;
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: unknown): void => {
        settle();
        sent.destroy();
        reject(error);
      };
      const wait = (ms: number, what: string): void => {
        clearTimeout(timer);
        // A server may answer before it has read all of a body.
        if (isSettled) return;
        timer = setTimeout(() => fail(unreachable(url, new Error(what))), ms);
      };
      signal?.addEventListener('abort', onAbort);
      wait(this.#limits.connectMs, `no connection within ${this.#limits.connectMs} ms`);
      sent.on('socket', (socket) => {
        const connected = (): void => wait(answerMs, `no answer within ${answerMs} ms`);
        if (!socket.connecting) connected();
        else socket.once(secure ? 'secureConnect' : 'connect', connected);
      });
      // `on`, not `once`: an error after the head reaches the body's reader, and must not be thrown here.
      sent.on('error', (error: NodeJS.ErrnoException) => {
        const stale = sent.reusedSocket && error.code === 'ECONNRESET';
        fail(stale ? new StaleConnection() : unreachable(url, error));
      });
      sent.once('response', (answer) => {
        settle();
        resolve(answer);
      });
      if (body === undefined) sent.end();
      else writeBody(sent, body, () => wait(answerMs, `no answer within ${answerMs} ms`));
    });
  }
}

class StaleConnection extends Error {}

const PIECE_BYTES = 256 * 1024;

/** Writes a body piece by piece; each piece that has left is a sign of life. */
function writeBody(sent: ClientRequest, body: Uint8Array, onProgress: () => void): void {
  let at = 0;
  const next = (error?: Error | null): void => {
    // Reported by the request itself.
    if (error || sent.destroyed) return;
    if (at > 0) onProgress();
    if (at >= body.length) {
      sent.end();
      return;
    }
    const piece = body.subarray(at, at + PIECE_BYTES);
    at += piece.length;
    sent.write(piece, next);
  };
  next();
}

function refuseTricks(url: string, answer: IncomingMessage): void {
  const status = answer.statusCode ?? 0;
  const encoding = answer.headers['content-encoding'] ?? 'identity';
  if (status >= 300 && status < 400) {
    const target = answer.headers.location ?? 'nowhere';
    throw new DrayerError('PEER_MISBEHAVED', `${url}: redirects to ${target}`, {
      hint: 'a mirror follows no redirects; give that address yourself if you trust it',
    });
  }
  if (encoding.toLowerCase() !== 'identity') {
    throw new DrayerError('PEER_MISBEHAVED', `${url}: answers compressed (${encoding})`, {
      hint: 'a mirror asks for plain bodies only; a proxy in between may have compressed it',
    });
  }
}

/** Reads away a short rest so that the connection can be used again, or drops it. */
function discard(answer: IncomingMessage): void {
  answer.on('error', () => {});
  const length = Number(answer.headers['content-length'] ?? Number.NaN);
  if (length <= 65_536) answer.resume();
  else answer.destroy();
}

/** `*.localhost` is this machine, as in every browser; few resolvers know (RFC 6761 §6.3). */
const lookupLocalhost: LookupFunction = (name, options, done) => {
  if (!/(^|\.)localhost\.?$/i.test(name)) {
    lookup(name, options, done);
    return;
  }
  const loopback: LookupAddress[] = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
  if (options.all === true) done(null, loopback);
  else done(null, '127.0.0.1', 4);
};

/** The same, with only those addresses that pass; what is dialled is what was looked at. */
function lookupAllowed(isAllowed: (address: string) => boolean): LookupFunction {
  return (name, options, done) => {
    lookupLocalhost(name, { ...options, all: true }, (error, addresses) => {
      const all = Array.isArray(addresses) ? addresses : [];
      const allowed = all.filter(({ address }) => isAllowed(address));
      const [first] = allowed;
      const fault = error ?? (first === undefined ? notAllowed(name) : null);
      if (fault !== null || first === undefined) done(fault, '', 0);
      else if (options.all === true) done(null, allowed);
      else done(null, first.address, first.family);
    });
  };
}

function notAllowed(name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${name} leads to no address of the public network`), {
    code: 'ENOTALLOWED',
  });
}
