/**
 * Keeps a stream equal to a directory while it is edited: hints say where to look, and when nothing has
 * moved for a moment what is there becomes one generation. What is wrong with the folder is told and
 * waited out; the last good generation stays meanwhile.
 */
import type { DrayerError } from '../core/errors.ts';
import type { Stream } from '../store/stream.ts';
import type { PublishOptions } from './publish-once.ts';
import type { PublishReport } from './publish-report.ts';
import { resolveSiteDirectory } from './site-directory.ts';
import { type OpenHints, openHints } from './watch-hints.ts';
import { WatchLoop } from './watch-loop.ts';

/** Options of {@link watchDirectory}. */
export type WatchOptions = Omit<PublishOptions, 'dryRun' | 'onProgress'> & {
  /** How long nothing may have changed before a generation is made, ms. Default 100. */
  readonly settleMs?: number | undefined;
  /** Time between two looks at everything, for changes nobody hinted at, ms. Default 60,000. */
  readonly rescanMs?: number | undefined;
  /** Told of each new generation. */
  readonly onGeneration?: ((report: PublishReport) => void) | undefined;
  /** Told once what keeps the folder from being published; it goes on when that is mended. */
  readonly onProblem?: ((problem: DrayerError) => void) | undefined;
  /** Told when the problem is over. */
  readonly onMended?: (() => void) | undefined;
  /** Told what makes changes be noticed later than they could be. */
  readonly onWarning?: ((warning: DrayerError) => void) | undefined;
};

/** A directory that is being watched. */
export type Watch = {
  /** What the publish at the start did; undefined where a problem kept it from doing it. */
  readonly first: PublishReport | undefined;
  /** Resolves when the watch has been closed; rejects when it cannot go on. */
  readonly closed: Promise<void>;
  /** Ends it, after what is being committed. Idempotent. */
  close(): Promise<void>;
};

/**
 * Publishes a directory, and again whenever it has changed.
 *
 * No file is published that has changed within `settleMs`, so none that is half written, unless its
 * writer paused for longer. A folder that was emptied, as generators do, is waited for.
 *
 * @throws {DrayerError} DIRECTORY_NOT_FOUND when there is no such directory
 * @throws {DrayerError} what keeps the stream from being written at all
 * @throws {DrayerError} ABORTED when the signal fires before the first publish is done; later it
 *   closes the watch
 * @example
 * const watch = await watchDirectory('./public', stream, {
 *   onGeneration: ({ changed }) => console.log('published', changed),
 *   onProblem: ({ message }) => console.error(message),
 * });
 * await watch.close();
 */
export function watchDirectory(
  directory: string,
  stream: Stream,
  options: WatchOptions = {},
): Promise<Watch> {
  return watchWith(openHints, directory, stream, options);
}

/** The same with hints from elsewhere. */
export async function watchWith(
  open: OpenHints,
  directory: string,
  stream: Stream,
  options: WatchOptions,
): Promise<Watch> {
  const root = resolveSiteDirectory(directory);
  // Says at once why a stream cannot be written.
  if (!stream.writable) stream.commit({ puts: [], deletes: [] });
  const loop = new WatchLoop(root, stream, options);
  const { closed } = loop;
  try {
    const first = await loop.start(open);
    return { first, closed, close: () => loop.close() };
  } catch (error) {
    await loop.close();
    throw error;
  }
}
