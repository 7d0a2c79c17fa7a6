/** The watchers of build tools, beside our own: they rebuild the folders that we watch. */
import type { ConfiguredBuild } from '../config/load-config.ts';
import { type BuildOptions, buildFailed, startBuildCommand } from './build-command.ts';
import type { BuiltSite } from './run-build.ts';

/** The watchers of build tools that run. */
export type BuildWatchers = {
  /** Resolves when they have been closed; rejects when one of them ends by itself. */
  readonly closed: Promise<void>;
  /** Ends them all, with everything they started. Idempotent. */
  close(): Promise<void>;
};

/**
 * Starts `build.watch` of every site that has one; what several share, once.
 *
 * @param options - an abort of `signal` closes them
 * @returns watchers whose `closed` rejects with BUILD_FAILED when a tool stops watching
 * @throws {DrayerError} USAGE when this process is itself part of that build
 */
export function watchBuilds(sites: readonly BuiltSite[], options: BuildOptions): BuildWatchers {
  const builds = new Map<string, ConfiguredBuild>();
  for (const { build } of sites) {
    if (build?.watch !== undefined) builds.set(JSON.stringify([build.folder, build.watch]), build);
  }
  const { signal } = options;
  const running = [...builds.values()].map((build) => {
    const { ended, stop } = startBuildCommand(build, 'watch', options);
    const failed = ended.then((end) => {
      if (closing === undefined) throw buildFailed(build, 'watch', end);
    });
    return { failed, stop };
  });
  let closing: Promise<unknown> | undefined;
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', onAbort);
    closing ??= Promise.all(running.map(({ stop }) => stop()));
    await closing;
  };
  const onAbort = (): void => void close();
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted) onAbort();
  const closed = Promise.all(running.map(({ failed }) => failed)).then(() => {});
  // Whoever waits for it hears of it; nobody has to.
  closed.catch(() => {});
  return { closed, close };
}
