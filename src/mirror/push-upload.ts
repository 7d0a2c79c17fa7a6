/** Before a push is signed: its values go to the server, and on this machine's disk. */
import type { DrayerError } from '../core/errors.ts';
import { nameOfHash } from '../store/hash-name.ts';
import { ValuesToKeep } from './pending-values.ts';
import type { PushState } from './push-state.ts';
import type { PushChange, PushSession } from './push-stream.ts';
import { uploadValues } from './upload-values.ts';

/**
 * Hands over the values the server does not have, and keeps all that no generation there has yet.
 *
 * @returns how many were sent; and what a person should know
 * @throws {DrayerError} VALUE_NOT_HELD; nothing was signed
 */
export async function uploadAndKeep(
  { connection, place }: PushSession,
  { view }: PushState,
  { puts, readValue }: PushChange,
): Promise<{ readonly uploaded: number; readonly warnings: readonly string[] }> {
  const keep = new ValuesToKeep(place.valuesPath);
  const hashes = puts.map((put) => put.hash);
  const read = async (digest: Uint8Array): Promise<Uint8Array | undefined> => {
    const value = await readValue(digest);
    if (value !== undefined) keep.add(digest, value);
    return value;
  };
  try {
    const uploaded = await uploadValues(connection, { hashes, readValue: read });
    // Where all of it was missing there, as it mostly is, nothing is left to look for.
    const rest = hashes.filter((one) => !keep.has(one));
    const held = rest.length === 0 ? [] : view.changed().puts;
    const names = new Set(held.map((record) => nameOfHash(record.hash)));
    for (const one of rest) {
      if (keep.fault === undefined && !names.has(nameOfHash(one))) await read(one);
    }
    keep.finish();
    return { uploaded, warnings: keep.fault === undefined ? [] : [notKept(keep.fault)] };
  } catch (error) {
    keep.close();
    throw error;
  }
}

function notKept({ message }: DrayerError): string {
  return `${message}; should this run be cut off and the server lose it, it cannot be sent again`;
}
