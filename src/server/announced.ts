/**
 * `POST newRecordAvailable`: somebody has a newer record of a stream that is hosted here. The record is
 * checked, and what mirrors the stream is told to look at the sources it follows anyway: no address is
 * taken from the request, so it cannot send this server anywhere.
 */
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { verifyRecord } from '../core/signing.ts';
import type { StreamReader } from '../store/reader.ts';
import { LIMITS } from '../wire/limits.ts';
import { decodeRecord } from '../wire/record-codec.ts';
import { announcedBytes, bodyChunks } from './push-body.ts';
import { OCTETS } from './value.ts';

/** Told that a stream has a newer record elsewhere, signed by its key. */
export type OnAnnounced = (publicKey: Uint8Array) => void;

/** Between two looks at the sources of one stream, ms. */
const PULL_EVERY_MS = 10_000;
/** Between two signatures that are checked for one stream, ms. */
const CHECK_EVERY_MS = 200;

/** Takes announcements for one server, each stream no faster than its sources may be asked. */
export class AnnouncedDesk {
  readonly #onAnnounced: OnAnnounced;
  readonly #clockMs: () => number;
  readonly #checkedAt = new Map<string, number>();
  readonly #pulledAt = new Map<string, number>();

  constructor(onAnnounced: OnAnnounced, clockMs: () => number = () => performance.now()) {
    this.#onAnnounced = onAnnounced;
    this.#clockMs = clockMs;
  }

  /**
   * Answers a request: 202 where the sources are looked at, 204 where the record is no news.
   *
   * @param reader - of a stream that is hosted, so that not more streams are remembered than there are
   * @throws {DrayerError} USAGE, TOO_LARGE, MALFORMED, RECORD_INVALID, SIGNATURE_INVALID for the body
   * @throws {DrayerError} STREAM_BUSY when it is told too often
   */
  async take(ctx: Context, reader: StreamReader): Promise<void> {
    // A type that no form can send: a page of another site has to ask first, and is refused.
    if (ctx.get('Content-Type') !== OCTETS) {
      throw new DrayerError('USAGE', `expected a body of type ${OCTETS}`);
    }
    const size = announcedBytes(ctx.req, LIMITS.announceBytes);
    this.#limit(this.#checkedAt, reader.id, CHECK_EVERY_MS);
    const chunks: Uint8Array[] = [];
    for await (const chunk of bodyChunks(ctx.req, size)) chunks.push(chunk);
    const record = decodeRecord(new Uint8Array(Buffer.concat(chunks)));
    if (record.chain.length > 0 && !bytesEqual(record.chain, reader.publicKey)) {
      throw new DrayerError('MALFORMED', 'expected a record of this stream, got one of another');
    }
    verifyRecord(record, reader.publicKey);
    ctx.status = 204;
    if (record.modified <= reader.view.modifiedTip()) return;
    this.#limit(this.#pulledAt, reader.id, PULL_EVERY_MS);
    this.#onAnnounced(reader.publicKey);
    ctx.status = 202;
    ctx.body = '';
  }

  #limit(last: Map<string, number>, id: string, everyMs: number): void {
    const now = this.#clockMs();
    if (now - (last.get(id) ?? Number.NEGATIVE_INFINITY) < everyMs) {
      throw new DrayerError('STREAM_BUSY', 'this stream was told of a moment ago');
    }
    last.set(id, now);
  }
}
