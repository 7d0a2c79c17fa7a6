/**
 * The values of a push (PROTOCOL.md §8): which are missing, one of them, or many small ones at once.
 * They wait beside the stream until a batch names them.
 */
import type { Context } from 'koa';
import { hash } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import type { PushedValues } from '../store/pushed-values.ts';
import type { StreamReader } from '../store/reader.ts';
import { LIMITS } from '../wire/limits.ts';
import { decodeHashes, decodeValues, encodeHashes } from '../wire/push-codec.ts';
import { announcedBytes, bodyChunks, readBody } from './push-body.ts';
import { OCTETS } from './value.ts';

/** A request that was let in. */
export type Upload = {
  readonly ctx: Context;
  /** Of the body, as it was signed. */
  readonly bodyHash: Uint8Array;
  readonly values: PushedValues;
  /** The stream, where it is here already. */
  readonly reader: StreamReader | undefined;
  /** Throws OVER_QUOTA where there is no room for so many bytes more. */
  reserve(bytes: number): void;
};

/**
 * Answers `values`, and `value` where a hash was named.
 *
 * @throws {DrayerError} AUTH_INVALID, MALFORMED, TOO_LARGE, OVER_QUOTA
 */
export async function answerValues(upload: Upload, digest: Uint8Array | undefined): Promise<void> {
  if (digest !== undefined) await takeValue(upload, digest);
  else if (upload.ctx.method === 'PUT') await takeValues(upload);
  else await tellMissing(upload);
}

async function tellMissing({ ctx, bodyHash, values, reader }: Upload): Promise<void> {
  const body = await readBody(ctx.req, { most: LIMITS.pushHashesBytes, bodyHash });
  const missing = decodeHashes(body).filter(
    (digest) => !values.has(digest) && reader?.findByHash(digest) === undefined,
  );
  ctx.status = 200;
  ctx.set('Content-Type', OCTETS);
  const answer = encodeHashes(missing);
  ctx.body = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
}

async function takeValue(upload: Upload, digest: Uint8Array): Promise<void> {
  const { ctx, bodyHash, values, reserve } = upload;
  if (!bytesEqual(digest, bodyHash)) {
    throw new DrayerError('AUTH_INVALID', 'the body that was signed is not the value of the path');
  }
  const size = announcedBytes(ctx.req, LIMITS.recordBytes);
  if (values.has(digest)) ctx.req.resume();
  else {
    reserve(size);
    await values.receive(digest, size, bodyChunks(ctx.req, size));
  }
  ctx.status = 204;
}

async function takeValues({ ctx, bodyHash, values, reserve }: Upload): Promise<void> {
  const most = LIMITS.pushValuesBytes;
  reserve(announcedBytes(ctx.req, most));
  for (const value of decodeValues(await readBody(ctx.req, { most, bodyHash }))) {
    await values.keep(hash(value), value);
  }
  ctx.status = 204;
}
