/** Hands a server the values it does not have, a few at a time. */
import { hash } from '#crypto';
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import type { PushConnection } from './push-connection.ts';

/** Requests under way at once. */
const AT_ONCE = 4;
/** Larger values go alone; smaller ones together, in requests of about this many bytes. */
const GROUP_BYTES = 512 * 1024;
const GROUP_VALUES = 256;

/** The values of a batch. */
export type Values = {
  readonly hashes: readonly Uint8Array[];
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
  { hashes, readValue }: Values,
): Promise<number> {
  const different = new Map(hashes.map((one) => [Buffer.from(one).toString('hex'), one]));
  if (different.size === 0) return 0;
  const missing = await connection.missing([...different.values()]);
  const queue = missing.values();
  const work = async (): Promise<void> => {
    let group: Uint8Array[] = [];
    let bytes = 0;
    for (const digest of queue) {
      const value = await held(digest, readValue);
      if (value.length > GROUP_BYTES) {
        await connection.putValue(digest, value);
        continue;
      }
      group.push(value);
      bytes += value.length;
      if (bytes < GROUP_BYTES && group.length < GROUP_VALUES) continue;
      await connection.putValues(group);
      group = [];
      bytes = 0;
    }
    if (group.length > 0) await connection.putValues(group);
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
