/** `drayer mirror KEY`: with nothing but the key, the stream is looked for on the local networks. */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { readKept } from '../daemon/kept-mirrors.ts';
import { findOnLan } from '../discovery/find-on-lan.ts';
import { abortedError } from '../mirror/peer-errors.ts';
import type { Session } from './session.ts';

/** The key, where somebody has typed a key in the place of an address. */
export function keyIn(text: string): Uint8Array | undefined {
  try {
    return parseStreamId(text);
  } catch (error) {
    if (isDrayerError(error, 'STREAM_ID_INVALID')) return undefined;
    throw error;
  }
}

/**
 * Returns an address of the stream on the local networks; where nobody there has it, from where the
 * mirror that is here came.
 *
 * @throws {DrayerError} NOT_FOUND where there is neither
 */
export async function findNearby(
  session: Session,
  publicKey: Uint8Array,
  mirrorPath: string,
): Promise<string> {
  const { terminal, signal } = session;
  const id = formatStreamId(publicKey);
  terminal.say(`asking everybody on this network for ${id}`);
  const url = await findOnLan(publicKey, { signal });
  if (signal.aborted) throw abortedError(signal);
  if (url !== undefined) {
    terminal.say(`${url} has it`);
    return url;
  }
  const [known] = readKept(mirrorPath)?.urls ?? [];
  if (known !== undefined) return known;
  throw new DrayerError('NOT_FOUND', `${id}: nobody on this network has it`, {
    hint: 'start drayer serve --lan where it is, or give the address of a server: drayer mirror URL ID',
  });
}
