/** Finding a stream at an address: in which form the peer there serves it, if at all. */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import type { SignedRecord } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import type { HttpClient } from './http-client.ts';
import type { PeerUrl } from './peer-url.ts';
import { Source } from './source.ts';

/**
 * Finds out in which form a peer serves the stream, and what its tip is: below `/<key>`, or on an
 * origin of the site's own below `/.well-known/drayer`.
 *
 * @throws {DrayerError} NOT_FOUND when it has no such stream
 */
export async function connectSource(
  http: HttpClient,
  peer: PeerUrl,
  publicKey: Uint8Array,
): Promise<{ source: Source; tip: SignedRecord | undefined }> {
  const forms = peer.site ? [true, false] : [false, true];
  const sources = forms.map((isSite) => new Source(http, peer, { publicKey, isSite }));
  const possible: Source[] = [];
  for (const source of sources) {
    try {
      const tip = await source.tipRecord();
      if (tip !== undefined) return { source, tip };
      possible.push(source);
    } catch (error) {
      // A server that shows another site at this name does nothing wrong.
      if (!isDrayerError(error, 'PEER_MISBEHAVED') || !(await source.isOfAnother())) throw error;
    }
  }
  // A stream without records has no tip to show, but an empty list.
  for (const source of possible) {
    if (await source.hasEmptyList()) return { source, tip: undefined };
  }
  throw new DrayerError('NOT_FOUND', `${peer.text}: has no stream ${formatStreamId(publicKey)}`, {
    hint: 'check the stream id; `drayer mirror URL` without one lists what a server has',
  });
}
