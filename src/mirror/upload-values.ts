/** Hands a server the values it does not have, a few at a time. */
import { hash } from '#crypto';
import type { Put } from '../core/batch.ts';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import type { PushConnection } from './push-connection.ts';

/** Requests under way at once. */
const AT_ONCE = 8;

/** The values of a batch. */
export type Values = {
  readonly puts: readonly Put[];
  readValue(hash: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>;
};

/**
 * Uploads what is missing.
 *
 * @returns how many values were sent
 * @throws {DrayerError} VALUE_NOT_HELD when the server lacks one that nobody here has either
 */
export async function uploadValues(
  connection: PushConnection,
  { puts, readValue }: Values,
): Promise<number> {
  const hashes = new Map(puts.map((put) => [Buffer.from(put.hash).toString('hex'), put.hash]));
  if (hashes.size === 0) return 0;
  const missing = await connection.missing([...hashes.values()]);
  const queue = missing.values();
  const work = async (): Promise<void> => {
    for (const digest of queue) await connection.putValue(digest, await held(digest, readValue));
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, missing.length) }, work));
  return missing.length;
}

async function held(digest: Uint8Array, readValue: Values['readValue']): Promise<Uint8Array> {
  const value = await readValue(digest);
  const name = Buffer.from(digest).toString('hex');
  if (value === undefined) {
    throw new DrayerError('VALUE_NOT_HELD', `value ${name} is neither here nor on the server`);
  }
  if (bytesEqual(hash(value), digest)) return value;
  throw new DrayerError('INTERNAL', `expected the value ${name}, got another one`);
}
