/**
 * One peer's copy of one stream, asked over HTTP (PROTOCOL.md §6). Knows how far the peer speaks the
 * protocol: our server in pages and by hash, the original only `newRecords/<t>` and `crdr/<t>`.
 * Decodes, and blames the peer for what cannot be decoded; checks no signature.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual, MAX_INTEGER, type Micros, type SignedRecord } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { LIMITS } from '../wire/limits.ts';
import {
  type Base,
  crdrPath,
  newRecordsPath,
  originalStreamPath,
  recordPath,
  streamPath,
  valuePath,
  WELL_KNOWN_PATH,
} from '../wire/paths.ts';
import { decodeProof, type ProofBody } from '../wire/proof-codec.ts';
import { decodeRecord, type WireRecord } from '../wire/record-codec.ts';
import { collectBody } from './http-body.ts';
import type { HttpClient, HttpResponse } from './http-client.ts';
import { blame, blameTooLarge, refuseStatus } from './peer-errors.ts';
import type { PeerUrl } from './peer-url.ts';
import { refuseNotHeld } from './read-part.ts';
import { type Batch, readPage } from './record-pages.ts';

export type { Batch };

/** What {@link Source.batches} asks for. */
export type PageOptions = {
  readonly since: Micros;
  /** Values up to so many bytes come with their records; 0 for metadata alone. */
  readonly inlineBytes: number;
  /** How many first bytes come of a value that is left out; none by default. */
  readonly headBytes?: number | undefined;
};

/** Records of one page: enough to fill 8 MiB with small files, few enough to hold their metadata. */
const PAGE_RECORDS = 4096;
/** Asked with a single record: a snapshot's value comes along, a film's does not. */
const SINGLE_INLINE_BYTES = 1024;
const SINGLE_BYTES: number = LIMITS.metadataBytes + SINGLE_INLINE_BYTES;
const PLAIN_SINGLE_BYTES: number = LIMITS.recordBytes + LIMITS.metadataBytes;

/** A peer that has the stream. */
export class Source {
  /** Where it is, for messages. */
  readonly url: string;
  /** The stream's key. */
  readonly publicKey: Uint8Array;
  readonly #http: HttpClient;
  readonly #isSite: boolean;
  readonly #base: string;
  /** Where the same stream is at an original; undefined on a site's own origin, which no original has. */
  readonly #originalBase: string | undefined;
  /** Undefined until an answer shows which of the two the peer is. */
  #isPlain: boolean | undefined;

  constructor(http: HttpClient, peer: PeerUrl, at: { publicKey: Uint8Array; isSite: boolean }) {
    const { publicKey, isSite } = at;
    this.#http = http;
    this.publicKey = publicKey;
    this.url = isSite ? peer.origin : peer.base;
    this.#isSite = isSite;
    this.#base = isSite ? WELL_KNOWN_PATH : streamPath(publicKey);
    this.#originalBase = isSite ? undefined : originalStreamPath(publicKey);
  }

  /** Whether the peer is known to know only what the original knows. */
  get isPlain(): boolean {
    return this.#isPlain === true;
  }

  /** Where the stream's operations begin at this peer, without a slash at the end. */
  get base(): string {
    return this.#base;
  }

  /** The record at the peer's modified tip (R13), or undefined where it has none. */
  tipRecord(): Promise<SignedRecord | undefined> {
    return this.repairRecord(MAX_INTEGER);
  }

  /** Whether a site's own origin is another stream's: its tip says so. */
  async isOfAnother(): Promise<boolean> {
    if (!this.#isSite) return false;
    const answer = await this.#askSingle(MAX_INTEGER);
    if (answer === undefined) return false;
    const { chain } = this.#blaming(answer.url, () => decodeRecord(answer.body));
    return chain.length !== 0 && !bytesEqual(chain, this.publicKey);
  }

  /** The record with the greatest prevChange not above `old` (R14), or undefined. */
  async repairRecord(old: Micros): Promise<SignedRecord | undefined> {
    const answer = await this.#askSingle(old);
    return answer && this.#blaming(answer.url, () => this.#own(decodeRecord(answer.body)));
  }

  /**
   * A record, or its absence, with what is to prove it (R23); nothing of it is checked.
   *
   * @returns undefined where the peer knows no proofs, or the stream has no snapshot
   */
  async proof(type: string, key: string): Promise<ProofBody | undefined> {
    const url = this.url + recordPath(this.publicKey, type, key, { proof: true, base: this.#base });
    const answer = await this.#http.get(url);
    // A 404 may have a proof of absence as its body.
    const hasProof = answer.header('content-type') === 'application/octet-stream';
    const isAnswer = answer.status === 200 || answer.status === 404;
    if (!isAnswer || !hasProof) return this.#none(answer);
    const body = await collectBody(answer.body(LIMITS.proofBytes));
    return this.#blaming(url, () => {
      const { snapshot, record, proof } = decodeProof(body);
      return { snapshot: this.#own(snapshot), record: record && this.#own(record), proof };
    });
  }

  /** The record that counts for a type and key, as the peer says; undefined where it has none. */
  async record(type: string, key: string): Promise<SignedRecord | undefined> {
    const url = this.url + recordPath(this.publicKey, type, key, { inline: 0, base: this.#base });
    const answer = await this.#http.get(url);
    if (answer.status !== 200) return this.#none(answer);
    const body = await this.#collectSingle(answer);
    return this.#blaming(url, () => this.#own(decodeRecord(body)));
  }

  /**
   * Asks for a value by its hash, from the byte `from` on, up to `end`, exclusive.
   *
   * @returns undefined where the peer does not have it, else the head: 200, 206, 416 (no such bytes)
   * @throws {DrayerError} VALUE_NOT_HELD when the peer says that it holds only some values (R18)
   */
  async value(hash: Uint8Array, from = 0, end?: number): Promise<HttpResponse | undefined> {
    const url = this.url + valuePath(this.publicKey, hash, { base: this.#base });
    const isPart = from > 0 || end !== undefined;
    const range = `bytes=${from}-${end === undefined ? '' : end - 1}`;
    const answer = await this.#http.get(url, { headers: isPart ? { range } : {} });
    if ([200, 206, isPart ? 416 : 0].includes(answer.status)) return answer;
    if (answer.status === 503) await refuseNotHeld(answer);
    return this.#none(answer);
  }

  /**
   * Yields everything with a higher `modified`, in batches, ascending. What came before a fault is
   * yielded before the fault is thrown. A page is asked for while the one before it arrives, where the
   * peer says where that ends.
   *
   * @throws {DrayerError} PEER_MISBEHAVED when a page is not a list of records of this stream in
   *   ascending order
   */
  async *batches(options: PageOptions): AsyncGenerator<Batch, void, void> {
    let ahead: Ahead | undefined;
    try {
      for (let after = options.since; ; ) {
        const answer = await (ahead?.answer ?? this.#askPage(after, options));
        ahead = undefined;
        // An original without new records, or without the stream: it says 500 to both.
        if (answer === undefined) return;
        const [peerTip, end] = [integerIn(answer, 'drayer-tip'), integerIn(answer, 'drayer-last')];
        const isMore = end !== undefined && peerTip !== undefined && after < end && end < peerTip;
        if (isMore) ahead = { after: end, answer: silenced(this.#askPage(end, options)) };
        const page = { answer, peerTip, isWhole: this.isPlain };
        const last = yield* readPage(page, after, (record) => this.#own(record));
        // The whole list came at once, or the page was empty.
        if (this.isPlain || last === after || last === peerTip) return;
        // It says where the page ends; what came says where it did.
        if (ahead?.after !== last) ahead = letGoOf(ahead);
        after = last;
      }
    } finally {
      letGoOf(ahead);
    }
  }

  #askPage(
    after: Micros,
    { inlineBytes, headBytes }: PageOptions,
  ): Promise<HttpResponse | undefined> {
    const wanted = { limit: PAGE_RECORDS, inline: inlineBytes, head: headBytes };
    return this.#ask(wanted, (query) => newRecordsPath(this.publicKey, after, query));
  }

  /** Tells whether the peer has the stream, though no record of it. */
  async hasEmptyList(): Promise<boolean> {
    const answer = await this.#ask({ limit: 1, inline: 0 }, (options) =>
      newRecordsPath(this.publicKey, 0, options),
    );
    answer?.discard();
    return answer !== undefined;
  }

  async #askSingle(old: Micros): Promise<{ url: string; body: Uint8Array } | undefined> {
    const answer = await this.#ask({ inline: SINGLE_INLINE_BYTES }, (options) =>
      crdrPath(this.publicKey, old, options),
    );
    if (answer === undefined) return undefined;
    return { url: answer.url, body: await this.#collectSingle(answer) };
  }

  /** One record, with a value no longer than was asked for: all an endless answer can bring. */
  async #collectSingle(answer: HttpResponse): Promise<Uint8Array> {
    // An original sends the value whatever was asked.
    const maxBytes = this.isPlain ? PLAIN_SINGLE_BYTES : SINGLE_BYTES;
    try {
      return await collectBody(answer.body(maxBytes));
    } catch (error) {
      if (!isDrayerError(error, 'TOO_LARGE') || this.isPlain) throw error;
      throw blameTooLarge(error);
    }
  }

  /** Asks with a query; where that finds nothing, as an original has to be asked (§6). */
  async #ask<Query extends object>(
    query: Query,
    pathOf: (options: Query | Base) => string,
  ): Promise<HttpResponse | undefined> {
    if (!this.isPlain) {
      const answer = await this.#http.get(this.url + pathOf({ ...query, base: this.#base }));
      if (answer.status === 200) this.#isPlain = false;
      if (answer.status === 200) return answer;
      this.#none(answer);
      // Only once a plain request succeeds is it known that the query was the matter.
      if (this.#isPlain === false || this.#originalBase === undefined) return undefined;
    }
    const answer = await this.#http.get(this.url + pathOf({ base: this.#originalBase }));
    if (answer.status !== 200) return this.#none(answer);
    this.#isPlain = true;
    return answer;
  }

  #none(answer: HttpResponse): undefined {
    answer.discard();
    refuseStatus(answer);
    return undefined;
  }

  #own(record: WireRecord): SignedRecord {
    if (record.chain.length !== 0 && !bytesEqual(record.chain, this.publicKey)) {
      const got = formatStreamId(record.chain);
      throw new DrayerError('MALFORMED', `record ${record.id} is of another stream, ${got}`);
    }
    const { id, type, key, timestamp, modified, prev, prevChange, value } = record;
    // Copies: views would keep the whole chunk they came in alive as long as the record is held.
    const hash = new Uint8Array(record.hash);
    const signature = new Uint8Array(record.signature);
    return { id, type, key, hash, timestamp, modified, prev, prevChange, signature, value };
  }

  #blaming<T>(url: string, body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw blame(url, error);
    }
  }
}

/** The page after the one that arrives, asked for already. */
type Ahead = { readonly after: Micros; readonly answer: Promise<HttpResponse | undefined> };

function letGoOf(ahead: Ahead | undefined): undefined {
  void ahead?.answer.then((answer) => answer?.abandon()).catch(() => {});
}

/** A promise that is awaited later, or never; until then a failure is nobody's. */
function silenced<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function integerIn(answer: HttpResponse, name: string): number | undefined {
  const number = Number(answer.header(name) ?? Number.NaN);
  return Number.isSafeInteger(number) ? number : undefined;
}
