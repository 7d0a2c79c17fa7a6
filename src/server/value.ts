/** Raw values: `value/<hash>`, with ranges, and `rawwebacess/<type>/<key>` as the original has it. */
import type { Context } from 'koa';
import { DrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import type { StreamReader } from '../store/reader.ts';
import { valueEtag } from './etag.ts';
import type { HeldValue } from './held-bytes.ts';
import { notFound } from './problem.ts';
import { sendRepresentation } from './reply.ts';
import type { DistantValue, ValueCache } from './value-cache.ts';

/** Media type of everything that is msgpack or raw bytes, as the original says it. */
export const OCTETS = 'application/octet-stream';

/** Answers `value/<hash>`. A deleted value must not live on in caches for long. */
export async function sendValueByHash(
  ctx: Context,
  reader: StreamReader,
  values: ValueCache,
  hash: Uint8Array,
): Promise<void> {
  const record = reader.findByHash(hash);
  if (record === undefined) throw notFound('no record here has a value of this hash');
  sendValue(ctx, record, await held(readShared(reader, values, record)));
  if (ctx.status < 400) ctx.set('Cache-Control', 'public, max-age=60');
}

/** Answers `rawwebacess/<type>/<key>`. */
export async function sendRawValue(
  ctx: Context,
  reader: StreamReader,
  values: ValueCache,
  { type, key }: { readonly type: string; readonly key: string },
): Promise<void> {
  const record = reader.getRecord(type, key);
  sendValue(ctx, record, await held(readShared(reader, values, record)));
}

/**
 * Reads a value, or takes it from a response that is just sending it; a large one is to be fetched.
 *
 * @throws {DrayerError} VALUE_NOT_HELD in a mirror that has only the hash (R18)
 */
export function readShared(
  reader: StreamReader,
  values: ValueCache,
  record: SignedRecord,
): HeldValue | DistantValue {
  const value = values.hold(reader, record);
  if (value !== undefined) return value;
  throw new DrayerError('VALUE_NOT_HELD', 'this mirror does not hold this value');
}

async function held(found: HeldValue | DistantValue): Promise<HeldValue> {
  const value = typeof found === 'function' ? await found() : found;
  if (value !== undefined) return value;
  throw notFound('this value was deleted a moment ago');
}

function sendValue(ctx: Context, record: SignedRecord, value: HeldValue): void {
  sendRepresentation(ctx, {
    type: OCTETS,
    etag: valueEtag(record.hash),
    size: value.size,
    open: (range) => value.open(range),
  });
}
