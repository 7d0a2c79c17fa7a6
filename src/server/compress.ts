/**
 * Compression of the JSON and HTML this server makes itself. Stored bytes never pass here: sites have
 * their own gzip, sync bodies go uncompressed because originals cannot read them otherwise.
 */
import type { Context, Next } from 'koa';
import compress from 'koa-compress';
import { chooseEncoding } from './choose-encoding.ts';

const gzip = compress({ br: false, deflate: false, threshold: 1024 });

/**
 * Runs `next` and compresses what it answers, for clients that take gzip.
 *
 * koa-compress throws for `Accept-Encoding: *;q=0` and some other refusals, so it only ever sees
 * clients that accept gzip, and is told nothing else of what they said.
 */
export async function compressed(ctx: Context, next: Next): Promise<void> {
  if (chooseEncoding(ctx.req.headers['accept-encoding']) === 'identity') {
    ctx.vary('Accept-Encoding');
    await next();
    return;
  }
  ctx.req.headers['accept-encoding'] = 'gzip';
  await gzip(ctx, next);
}
