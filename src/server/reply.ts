/** Sends a representation by the rules of RFC 9110: preconditions, HEAD, one range, exact lengths. */
import { Readable } from 'node:stream';
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';
import type { ByteRange } from '../files/stored-gzip.ts';
import { checkPreconditions } from './conditional.ts';
import { formatHttpDate } from './http-date.ts';
import { PieceStream } from './piece-stream.ts';
import { parseRange, rangeApplies } from './range.ts';

/** One form of a resource, ready to be sent in whole or in part. */
export type Representation = {
  /** `Content-Type`. */
  readonly type: string;
  readonly etag: string;
  /** In ms since 1970, whole seconds. */
  readonly lastModifiedMs?: number | undefined;
  /** When it took the place of what was there before, in ms since 1970. */
  readonly publishedMs?: number | undefined;
  /** Bytes in all. */
  readonly size: number;
  /** `Content-Encoding`; the size and all ranges are of the encoded bytes. */
  readonly encoding?: 'gzip' | undefined;
  /** Gives the bytes of a range inside the representation. */
  open(range: ByteRange): Uint8Array | Readable;
};

/** Sends a representation with status 200, 206, 304, 412 or 416, as the request's headers ask. */
export function sendRepresentation(ctx: Context, what: Representation): void {
  setMetadata(ctx, what);
  const condition = checkPreconditions(ctx.req.headers, what);
  if (condition === 'not-modified') {
    ctx.status = 304;
    ctx.remove('Content-Encoding');
    return;
  }
  if (condition === 'failed') {
    throw preconditionFailed();
  }
  ctx.set('Accept-Ranges', 'bytes');
  const range = requestedRange(ctx, what);
  if (range.kind === 'unsatisfiable') {
    sendUnsatisfiable(ctx, what.size);
    return;
  }
  const { start, end } = range.kind === 'part' ? range : { start: 0, end: what.size };
  if (range.kind === 'part') ctx.set('Content-Range', `bytes ${start}-${end - 1}/${what.size}`);
  sendBody(ctx, range.kind === 'part' ? 206 : 200, what, { start, end });
}

/** Sends the whole of a representation with a status of its own, such as a site's 404.html. */
export function sendWithStatus(ctx: Context, status: number, what: Representation): void {
  ctx.set('Content-Type', what.type);
  if (what.encoding !== undefined) ctx.set('Content-Encoding', what.encoding);
  sendBody(ctx, status, what, { start: 0, end: what.size });
}

/** A body made for the request, which exists only as a whole. */
export type MadeBody = {
  readonly type: string;
  readonly etag: string;
  readonly status?: number | undefined;
  /** Makes the body; not called when the client has it. */
  make(): Uint8Array;
};

/** Sends a body made for the request with status 200, 304, 412 or the one it says. */
export function sendMade(ctx: Context, { type, etag, status = 200, make }: MadeBody): void {
  ctx.set('Content-Type', type);
  ctx.set('ETag', etag);
  const condition = checkPreconditions(ctx.req.headers, { etag });
  if (condition === 'failed') throw preconditionFailed();
  if (condition === 'not-modified') {
    ctx.status = 304;
    return;
  }
  ctx.status = status;
  ctx.body = asBuffer(make());
}

/**
 * Makes `body` the response. Where it fails half-way the connection is cut: ended properly, the
 * client would take the part it has for the whole.
 */
export function sendStream(ctx: Context, body: Readable): void {
  ctx.body = body;
  body.once('error', () => ctx.res.destroy());
}

/** Past Koa, which would have it piped, in memory that is new for each piece. */
function sendPieces(ctx: Context, body: PieceStream): void {
  ctx.respond = false;
  body.once('error', (error) => {
    ctx.app.emit('error', error, ctx);
    ctx.res.destroy();
  });
  body.sendTo(ctx.res);
}

function preconditionFailed(): DrayerError {
  return new DrayerError('PRECONDITION_FAILED', 'it has changed, or is not what was asked for');
}

function setMetadata(ctx: Context, what: Representation): void {
  ctx.set('Content-Type', what.type);
  ctx.set('ETag', what.etag);
  if (what.lastModifiedMs !== undefined) {
    ctx.set('Last-Modified', formatHttpDate(what.lastModifiedMs));
  }
  if (what.encoding !== undefined) ctx.set('Content-Encoding', what.encoding);
}

function requestedRange(ctx: Context, what: Representation): ReturnType<typeof parseRange> {
  // RFC 9110 §14.2: a range is for GET alone.
  const ifRange = ctx.get('If-Range');
  const counts = ctx.method === 'GET' && (ifRange === '' || rangeApplies(ifRange, what.etag));
  return parseRange(counts ? ctx.get('Range') : undefined, what.size);
}

function sendUnsatisfiable(ctx: Context, size: number): void {
  ctx.status = 416;
  // RFC 9111 §3: with a lifetime of the file it could be kept, and given to who asks for less.
  ctx.set('Cache-Control', 'no-cache');
  ctx.remove('Content-Encoding');
  ctx.set('Content-Range', `bytes */${size}`);
  ctx.set('Content-Type', 'text/plain; charset=utf-8');
  ctx.body = `there are ${size} bytes\n`;
}

function sendBody(ctx: Context, status: number, what: Representation, range: ByteRange): void {
  ctx.status = status;
  if (ctx.method !== 'HEAD') {
    const body = what.open(range);
    if (body instanceof PieceStream) sendPieces(ctx, body);
    else if (body instanceof Readable) sendStream(ctx, body);
    else ctx.body = asBuffer(body);
  }
  ctx.length = range.end - range.start;
}

// Koa knows Buffers; this is a view, nothing is copied.
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
