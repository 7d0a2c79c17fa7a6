/** Is this stream being served on this machine right now? Asked after a publish, for the address to open. */
import { isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import { listRemoteStreams } from '../mirror/remote-streams.ts';

/** Where to look. */
export type FindServerOptions = {
  readonly port: number;
  /** IPv4 address of this machine that is asked. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  readonly mount?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** A server of this machine answers at once; anything slower is something else. */
const PATIENCE_MS = 500;

/** Returns the address of a site on this machine's own server, or undefined where none serves it. */
export async function findServer(
  publicKey: Uint8Array,
  { port, host = '127.0.0.1', mount = '', signal }: FindServerOptions,
): Promise<string | undefined> {
  if (port === 0) return undefined;
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const both = signal === undefined ? patience : AbortSignal.any([signal, patience]);
  try {
    const served = await listRemoteStreams(`http://${host}:${port}${mount}`, { signal: both });
    const isServed = served.some(({ id }) => bytesEqual(parseStreamId(id), publicKey));
    return isServed
      ? `http://${formatStreamId(publicKey, 'base32')}.localhost:${port}/`
      : undefined;
  } catch (error) {
    // Nobody there, or no drayer: what is to be known is known.
    if (isDrayerError(error)) return undefined;
    throw error;
  }
}
