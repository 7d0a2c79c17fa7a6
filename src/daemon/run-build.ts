/**
 * The build step of a stream: runs the command that makes its folder, and looks whether it did. What
 * failed, or left nothing, is an error, so that nothing is published.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfiguredBuild } from '../config/load-config.ts';
import { DrayerError } from '../core/errors.ts';
import { type BuildOptions, buildFailed, quoted, startBuildCommand } from './build-command.ts';

/** A folder, and what makes it; without `build` it is left alone. */
export type BuiltSite = {
  /** Absolute. */
  readonly directory: string;
  readonly build?: ConfiguredBuild | undefined;
};

/**
 * Runs the build of every site that has one, one after the other; a command that several share once.
 *
 * @throws {DrayerError} BUILD_FAILED when a command does not succeed, or leaves no file in its folder
 * @throws {DrayerError} USAGE when this process is itself part of that build
 * @throws {DrayerError} ABORTED when the signal says so, after the command and all it started have ended
 */
export async function buildSites(
  sites: readonly BuiltSite[],
  options: BuildOptions,
): Promise<void> {
  const done = new Set<string>();
  for (const { directory, build } of sites) {
    if (build === undefined) continue;
    const key = JSON.stringify([build.folder, build.command]);
    if (!done.has(key)) await runBuild(build, options);
    done.add(key);
    await checkOutput(directory, build);
  }
}

async function runBuild(build: ConfiguredBuild, options: BuildOptions): Promise<void> {
  const { signal } = options;
  if (signal?.aborted) throw stopped(signal);
  const running = startBuildCommand(build, 'command', options);
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping = running.stop();
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const end = await running.ended;
    await stopping;
    if (signal?.aborted) throw stopped(signal);
    if (end.status !== 0) throw buildFailed(build, 'command', end);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function stopped(signal: AbortSignal): DrayerError {
  return new DrayerError('ABORTED', 'stopped while building', { cause: signal.reason });
}

async function checkOutput(directory: string, build: ConfiguredBuild): Promise<void> {
  const found = await lookForFile(directory);
  if (found === 'file') return;
  const left = found === 'missing' ? `there is no ${directory}` : `${directory} is empty`;
  const message = `build: ${quoted(build.command)} succeeded, but ${left}; nothing was published`;
  throw new DrayerError('BUILD_FAILED', message, {
    hint: 'correct build.output in drayer.config.ts: it is the folder that the command writes',
  });
}

async function lookForFile(directory: string): Promise<'file' | 'nothing' | 'missing'> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    if (entries.some((entry) => !entry.isDirectory())) return 'file';
    for (const { name } of entries) {
      if ((await lookForFile(join(directory, name))) === 'file') return 'file';
    }
    return 'nothing';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return 'missing';
    // A file in its place: publishing says so.
    if (code === 'ENOTDIR') return 'file';
    throw error;
  }
}
