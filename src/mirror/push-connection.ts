/**
 * The requests of a push (PROTOCOL.md §8): each signed by the stream key anew, each safe to be sent
 * again. What a server answers is checked; what it refuses becomes an error with a remedy.
 */
import { randomBytes } from 'node:crypto';
import { hash, sign } from '#crypto';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual, type Micros } from '../core/record.ts';
import { encodeUtf8 } from '../core/utf8.ts';
import { operationPath, valuePath } from '../wire/paths.ts';
import { authText, formatAuth, NONCE_BYTES, PUSH_HEADERS } from '../wire/push-auth.ts';
import {
  decodeHashes,
  decodeLease,
  decodeReceipt,
  encodeHashes,
  encodeLeaseRequest,
  encodeValues,
  type LeaseRequest,
  MAX_HASHES,
} from '../wire/push-codec.ts';
import { collectBody } from './http-body.ts';
import type { HttpClient, HttpResponse, HttpUpload } from './http-client.ts';
import { abortedError, blame } from './peer-errors.ts';
import { refusalOf } from './push-refusal.ts';

/** What a {@link PushConnection} works with. */
export type PushConnectionOptions = {
  readonly http: HttpClient;
  /** Of the server, without the path of the stream. */
  readonly url: string;
  /** Where the stream's operations begin, without a slash at the end. */
  readonly base: string;
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  readonly secretKey: Uint8Array;
  /** What the server's operator gave out, for the quota. */
  readonly token?: string | undefined;
  /** This machine's clock, ms. */
  readonly nowMs?: (() => number) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long to wait before a request that nobody answered is sent again, ms; each once. */
  readonly retryMs?: readonly number[] | undefined;
};

/** A lease that is held, and what the stream was when it was given. */
export type HeldLease = {
  readonly lease: string;
  /** Of this process's own clock (`performance.now`), ms: until when it is surely held. */
  readonly untilMs: number;
  readonly tip: Micros;
};

const RETRY_MS = [300, 1500];
/** A large generation takes a server its time: checking, and one transaction. */
const RECORDS_ANSWER_MS = 120_000;
const ANSWER_BYTES = 1024 * 1024;

/** One stream at one server, to be written to. */
export class PushConnection {
  readonly #options: PushConnectionOptions;
  /** Bytes of all bodies that were sent. */
  sentBytes = 0;

  constructor(options: PushConnectionOptions) {
    this.#options = options;
  }

  /** Asks which of these values the server does not have. */
  async missing(hashes: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const missing: Uint8Array[] = [];
    for (let at = 0; at < hashes.length; at += MAX_HASHES) {
      const asked = hashes.slice(at, at + MAX_HASHES);
      const answer = await this.#post('values', encodeHashes(asked));
      const names = new Set(asked.map(nameOf));
      for (const one of await this.#read(answer, decodeHashes)) {
        // What was not asked for is nothing we would hand out.
        if (names.has(nameOf(one))) missing.push(one);
      }
    }
    return missing;
  }

  /** Hands over a value. */
  async putValue(digest: Uint8Array, value: Uint8Array): Promise<void> {
    const { publicKey, base } = this.#options;
    const path = valuePath(publicKey, digest, { base });
    const answer = await this.#patiently(() => this.#send('PUT', path, { body: value }));
    answer.discard();
  }

  /** Hands over several small ones at once. */
  async putValues(values: readonly Uint8Array[]): Promise<void> {
    const body = encodeValues(values);
    const path = this.#pathOf('values');
    const answer = await this.#patiently(() => this.#send('PUT', path, { body }));
    answer.discard();
  }

  /** Takes the lease, or renews the one that is named. */
  async lease(request: LeaseRequest = {}): Promise<HeldLease> {
    const askedMs = performance.now();
    const answer = await this.#post('lease', encodeLeaseRequest(request));
    const { lease, expires, tip } = await this.#read(answer, decodeLease);
    return { lease, tip, untilMs: askedMs + expires * 1000 };
  }

  /** Gives a lease back; tells whether the server knows. Not so, it runs out by itself. */
  async release(lease: string): Promise<boolean> {
    try {
      const body = encodeLeaseRequest({ lease, release: true });
      (await this.#send('POST', this.#pathOf('lease'), { body })).discard();
      return true;
    } catch (error) {
      if (!isDrayerError(error)) throw error;
      return false;
    }
  }

  /**
   * Hands over a signed batch. The same bytes may come any number of times.
   *
   * @throws {DrayerError} LEASE_LOST, TIP_MOVED, UNREACHABLE and what else a server may say
   */
  async records(
    body: Uint8Array,
    { lease, expect, tip }: { lease: string; expect: Micros; tip: Micros },
  ): Promise<void> {
    const headers = { [PUSH_HEADERS.lease]: lease, [PUSH_HEADERS.expect]: String(expect) };
    const send = { body, headers, answerMs: RECORDS_ANSWER_MS };
    const answer = await this.#patiently(() => this.#send('POST', this.#pathOf('records'), send));
    const receipt = await this.#read(answer, decodeReceipt);
    if (receipt.tip === tip && bytesEqual(receipt.batch, hash(body))) return;
    throw new DrayerError('PEER_MISBEHAVED', `${answer.url}: says that it took something else`, {
      hint: 'the signed batch is kept and sent again by the next publish; look at the server',
    });
  }

  #pathOf(operation: 'values' | 'lease' | 'records'): string {
    const { publicKey, base } = this.#options;
    return operationPath(publicKey, operation, { base });
  }

  #post(operation: 'values' | 'lease', body: Uint8Array): Promise<HttpResponse> {
    return this.#patiently(() => this.#send('POST', this.#pathOf(operation), { body }));
  }

  /** Again where nobody answers: every request here may come twice. */
  async #patiently(send: () => Promise<HttpResponse>): Promise<HttpResponse> {
    const { retryMs = RETRY_MS, signal } = this.#options;
    for (const waitMs of retryMs) {
      try {
        return await send();
      } catch (error) {
        if (!isDrayerError(error, 'UNREACHABLE')) throw error;
        await pause(waitMs, signal);
      }
    }
    return send();
  }

  /** One request, with a signature and a nonce of its own. */
  async #send(
    method: 'POST' | 'PUT',
    path: string,
    upload: Omit<HttpUpload, 'method'>,
  ): Promise<HttpResponse> {
    const { http, url, publicKey, secretKey, token, nowMs = Date.now } = this.#options;
    const target = new URL(url + path);
    const time = Math.floor(nowMs() / 1000);
    const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
    const bodyHash = hash(upload.body);
    const where = { method, host: target.host, path: target.pathname + target.search };
    const text = authText({ ...where, time, nonce, bodyHash });
    const signature = sign(encodeUtf8(text), secretKey);
    this.sentBytes += upload.body.length;
    const answer = await http.upload(target.href, {
      ...upload,
      method,
      headers: {
        'content-type': 'application/octet-stream',
        authorization: formatAuth({ publicKey, time, nonce, signature }),
        [PUSH_HEADERS.body]: Buffer.from(bodyHash).toString('hex'),
        ...(token === undefined ? {} : { [PUSH_HEADERS.token]: token }),
        ...upload.headers,
      },
    });
    if (answer.status === 200 || answer.status === 204) return answer;
    throw await refusalOf(answer, nowMs());
  }

  async #read<T>(answer: HttpResponse, decode: (body: Uint8Array) => T): Promise<T> {
    const body = await collectBody(answer.body(ANSWER_BYTES));
    try {
      return decode(body);
    } catch (error) {
      throw blame(answer.url, error);
    }
  }
}

function nameOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString('latin1');
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(abortedError(signal));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
