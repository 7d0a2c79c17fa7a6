/** The watchers of build tools, beside our own: they rebuild the folders that we watch. */
import type { ConfiguredBuild } from '../config/load-config.ts';
import { type BuildOptions, buildFailed, startBuildCommand } from './build-command.ts';
import type { BuiltSite } from './run-build.ts';

/** The watchers of build tools that run. */
export type BuildWatchers = {
  /** Rejects when one of them ends by itself; never resolves. */
  readonly failed: Promise<never>;
  /** Ends them all, with everything they started. Idempotent. */
  close(): Promise<void>;
};

/**
 * Starts `build.watch` of every site that has one; what several share, once.
 *
 * @returns watchers whose `failed` rejects with BUILD_FAILED when a tool stops watching
 * @throws {DrayerError} USAGE when this process is itself part of that build
 */
export function watchBuilds(sites: readonly BuiltSite[], options: BuildOptions): BuildWatchers {
  const builds = new Map<string, ConfiguredBuild>();
  for (const { build } of sites) {
    if (build?.watch !== undefined) builds.set(JSON.stringify([build.folder, build.watch]), build);
  }
  const never = new Promise<never>(() => {});
  let closing: Promise<unknown> | undefined;
  const running = [...builds.values()].map((build) => {
    const { ended, stop } = startBuildCommand(build, 'watch', options);
    const failed = ended.then((end) => {
      if (closing !== undefined) return never;
      throw buildFailed(build, 'watch', end);
    });
    return { failed, stop };
  });
  const failed = Promise.race([never, ...running.map((one) => one.failed)]);
  // Whoever waits for it hears of it; nobody has to.
  failed.catch(() => {});
  return {
    failed,
    async close() {
      closing ??= Promise.all(running.map(({ stop }) => stop()));
      await closing;
    },
  };
}
