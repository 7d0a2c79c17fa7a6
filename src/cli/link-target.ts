/** A `drayer://` link in the place of an address: which stream it means, and who is asked for it. */
import { DrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { parseStreamLink } from '../files/stream-link.ts';

/** What a link says, as `drayer mirror` is told it by hand. */
export type LinkTarget = {
  /** Base64. */
  readonly id: string;
  /** Servers to ask, the first in front; none where the link names none. */
  readonly from: readonly string[];
  /** What the link calls it. */
  readonly name: string | undefined;
};

/**
 * Reads a link for a command that may be told the stream as well.
 *
 * @throws {DrayerError} USAGE, STREAM_ID_INVALID for what is no link, and for another stream beside it
 */
export function linkTarget(text: string, id: string | undefined): LinkTarget {
  const { publicKey, name, from } = parseStreamLink(text);
  if (id !== undefined && !bytesEqual(parseStreamId(id), publicKey)) {
    throw new DrayerError('USAGE', `the link is of ${formatStreamId(publicKey)}, not of ${id}`);
  }
  return { id: formatStreamId(publicKey), from, name };
}
