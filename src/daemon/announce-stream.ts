/**
 * Telling the primary servers of a stream file of its newest generation, beside whatever goes on: one
 * telling at a time, and what comes meanwhile is told together at the end of it.
 */
import { type AnnounceOptions, announceGeneration, type Untold } from '../mirror/announce.ts';
import { readPrimaryServers } from '../store/typed-reads.ts';
import { uncheckedOf } from '../store/unchecked.ts';
import { withReader } from './stream-facts.ts';

/**
 * Tells the servers that a stream names of its newest record.
 *
 * @param httpPort - where the stream is served on this machine, if it is
 * @returns those that could not be reached
 * @throws {DrayerError} STREAM_NOT_FOUND, STREAM_INVALID when the file cannot be read
 * @throws {DrayerError} MALFORMED when it does not name servers where it should
 */
export function announceStream(
  path: string,
  httpPort: number,
  options: AnnounceOptions = {},
): Promise<readonly Untold[]> {
  const { servers, record, publicKey } = withReader(path, (reader) =>
    reader.reading(() => ({
      servers: readPrimaryServers(reader),
      record: uncheckedOf(reader) ? undefined : reader.view.byModified(reader.view.modifiedTip()),
      publicKey: reader.publicKey,
    })),
  );
  if (servers.length === 0 || record === undefined) return Promise.resolve([]);
  return announceGeneration(servers, { publicKey, record, httpPort }, options);
}

/** Tells again and again; see {@link startAnnouncer}. */
export type Announcer = {
  /** There is a new generation. */
  tell(): void;
  /** Stops what is under way. */
  close(): Promise<void>;
};

/** Makes an announcer of a stream; `onUntold` gets those that could not be reached, `onError` the rest. */
export function startAnnouncer(
  path: string,
  httpPort: number,
  on: {
    readonly onUntold: (untold: readonly Untold[]) => void;
    readonly onError: (error: unknown) => void;
  },
): Announcer {
  const stop = new AbortController();
  let isDue = false;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    while (isDue && !stop.signal.aborted) {
      isDue = false;
      try {
        const untold = await announceStream(path, httpPort, { signal: stop.signal });
        if (!stop.signal.aborted) on.onUntold(untold);
      } catch (error) {
        on.onError(error);
      }
    }
  };
  const tell = (): void => {
    isDue = true;
    running ??= run().finally(() => {
      running = undefined;
      // Told in the moment between the last look and this.
      if (isDue && !stop.signal.aborted) tell();
    });
  };
  return {
    tell,
    close: async () => {
      stop.abort();
      await running;
    },
  };
}
