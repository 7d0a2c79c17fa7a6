/** Which stream a command is about: from the argument, the config and the mirrors. */
import { findStream, type KnownStream, listKnownStreams } from '../../daemon/known-streams.ts';
import type { Session } from '../session.ts';

/** The flags that decide where streams are looked for. */
export type StreamFlags = { readonly dataDir?: string | undefined };

/** Finds the stream that `name` means; see {@link findStream}. */
export async function chooseStream(
  session: Session,
  name: string | undefined,
  flags: StreamFlags,
  isThere?: (stream: KnownStream) => boolean,
): Promise<KnownStream> {
  const { dataDir } = await session.settings({ dataDir: flags.dataDir });
  return findStream(name, await listKnownStreams(await session.config(), dataDir), isThere);
}
