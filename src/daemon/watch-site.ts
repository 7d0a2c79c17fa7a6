/** One site that is kept equal to its folder: the stream is opened with the right key and stays open. */
import { type Watch, type WatchOptions, watchDirectory } from '../publish/watch-directory.ts';
import { openStream } from '../store/open-stream.ts';
import { noteKeyUse } from './key-use.ts';
import type { PublishedSite, Site } from './publish-site.ts';

/**
 * Watches a folder that was just published.
 *
 * @param published - what `publishSite` did
 * @throws {DrayerError} what {@link watchDirectory} throws
 */
export async function watchSite(
  { directory, secretKey, keyPath, lifetimeMicros }: Site,
  { streamPath }: PublishedSite,
  options: Omit<WatchOptions, 'secretKey'>,
): Promise<Watch> {
  const stream = openStream(streamPath, { secretKey, lifetimeMicros });
  const note = (): void => {
    if (keyPath !== undefined) noteKeyUse(streamPath, keyPath, stream.reader.generation());
  };
  try {
    const watch = await watchDirectory(directory, stream, {
      ...options,
      secretKey,
      onGeneration: (report) => {
        note();
        options.onGeneration?.(report);
      },
    });
    // What changed between the publish and the watch.
    note();
    const closed = watch.closed.finally(() => stream.close());
    closed.catch(() => {});
    return { ...watch, closed, close: () => watch.close().then(() => closed) };
  } catch (error) {
    stream.close();
    throw error;
  }
}
