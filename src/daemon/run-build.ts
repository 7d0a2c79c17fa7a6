/**
 * The build step of a stream: runs the command that makes its folder, and looks whether it did. What
 * failed, or left nothing, is an error, so that nothing is published.
 */
import { readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { ConfiguredBuild } from '../config/load-config.ts';
import { DrayerError } from '../core/errors.ts';
import { type CommandEnd, type ShellCommandOptions, startShellCommand } from './shell-command.ts';

/** A folder, and what makes it; without `build` it is left alone. */
export type BuiltSite = {
  /** Absolute. */
  readonly directory: string;
  readonly build?: ConfiguredBuild | undefined;
};

/** Options of {@link buildSites}. */
export type BuildOptions = Pick<ShellCommandOptions, 'environment' | 'output'> & {
  /** Ends the build when it aborts: with the signal this process got, or SIGTERM. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each command line before it is run. */
  readonly onCommand?: ((command: string) => void) | undefined;
};

/** Says in the environment of a build in which folders one is under way, so that none starts itself. */
export const BUILD_VARIABLE = 'DRAYER_BUILD';

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
  const { command, folder } = build;
  const { environment, output, signal, onCommand } = options;
  const underWay = environment[BUILD_VARIABLE]?.split(delimiter) ?? [];
  if (underWay.includes(folder)) throw startsItself(build);
  if (signal?.aborted) throw stopped(signal);
  onCommand?.(command);
  const running = startShellCommand(command, {
    folder,
    output,
    environment: { ...environment, [BUILD_VARIABLE]: [...underWay, folder].join(delimiter) },
  });
  const received = noteSignals();
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    stopping = running.stop(received.signal());
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const end = await running.ended.catch((cause) => {
      throw new DrayerError('BUILD_FAILED', `build: cannot run ${quoted(build)}`, { cause });
    });
    await stopping;
    if (signal?.aborted) throw stopped(signal);
    if (end.status !== 0) throw failed(build, end);
  } finally {
    signal?.removeEventListener('abort', stop);
    received.close();
  }
}

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** An AbortSignal does not say which signal it was; so our own listeners look, before all others. */
function noteSignals(): { signal(): NodeJS.Signals; close(): void } {
  let noted: NodeJS.Signals = 'SIGTERM';
  const note = (name: NodeJS.Signals): void => {
    noted = name;
  };
  for (const name of FORWARDED) process.prependListener(name, note);
  return {
    signal: () => noted,
    close() {
      for (const name of FORWARDED) process.off(name, note);
    },
  };
}

async function checkOutput(directory: string, build: ConfiguredBuild): Promise<void> {
  const found = await lookForFile(directory);
  if (found === 'file') return;
  const left = found === 'missing' ? `there is no ${directory}` : `${directory} is empty`;
  const message = `build: ${quoted(build)} succeeded, but ${left}; nothing was published`;
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

function failed(build: ConfiguredBuild, end: CommandEnd): DrayerError {
  const how =
    end.status === null ? `was ended by ${end.signal}` : `ended with exit status ${end.status}`;
  const said = end.lastLines.map((line) => `\n${line}`).join('');
  return new DrayerError(
    'BUILD_FAILED',
    `build: ${quoted(build)} ${how}; nothing was published${said === '' ? '' : '. Its last lines:'}${said}`,
    { hint: hintFor(end, build) },
  );
}

function hintFor({ status }: CommandEnd, { folder }: ConfiguredBuild): string {
  if (status === 127) {
    return `the shell found no such command: install what it needs in ${folder}, or correct build.command`;
  }
  return `run it in ${folder} until it succeeds; drayer publish --no-build publishes the folder as it is`;
}

function startsItself(build: ConfiguredBuild): DrayerError {
  const message = `build: ${quoted(build)} runs drayer publish, which would run it again`;
  return new DrayerError('USAGE', message, {
    hint: 'take drayer publish out of that command: drayer publishes when it has ended',
  });
}

function stopped(signal: AbortSignal): DrayerError {
  return new DrayerError('ABORTED', 'stopped while building', { cause: signal.reason });
}

function quoted({ command }: ConfiguredBuild): string {
  return JSON.stringify(command);
}
