/**
 * The command lines of a configured build as running processes: with what signals they end, and what
 * is said when they end badly.
 */
import { delimiter } from 'node:path';
import type { ConfiguredBuild } from '../config/load-config.ts';
import { DrayerError } from '../core/errors.ts';
import { type CommandEnd, type ShellCommandOptions, startShellCommand } from './shell-command.ts';

/** Options of what runs builds. */
export type BuildOptions = Pick<ShellCommandOptions, 'environment' | 'output'> & {
  /** Ends the command when it aborts: with the signal this process got, or SIGTERM. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each command line before it is run. */
  readonly onCommand?: ((command: string) => void) | undefined;
};

/** Which command line of a build: the one that builds, or the tool's own watcher. */
export type BuildField = 'command' | 'watch';

/** A command line of a build that runs. */
export type BuildCommand = {
  /** Resolves when it has ended. Rejects with BUILD_FAILED where it cannot be started. */
  readonly ended: Promise<CommandEnd>;
  /** Ends it and all it started, with the signal this process got, or SIGTERM. */
  stop(): Promise<void>;
};

/** Says in the environment of a build in which folders one is under way, so that none starts itself. */
export const BUILD_VARIABLE = 'DRAYER_BUILD';

/**
 * Starts a command line of a build.
 *
 * @throws {DrayerError} USAGE when this process is itself part of that build
 */
export function startBuildCommand(
  build: ConfiguredBuild,
  field: BuildField,
  { environment, output, onCommand }: BuildOptions,
): BuildCommand {
  const { folder } = build;
  const command = build[field] ?? build.command;
  const underWay = environment[BUILD_VARIABLE]?.split(delimiter) ?? [];
  if (underWay.includes(folder)) throw startsItself(command);
  onCommand?.(command);
  const received = noteSignals();
  const shell = startShellCommand(command, {
    folder,
    output,
    environment: { ...environment, [BUILD_VARIABLE]: [...underWay, folder].join(delimiter) },
  });
  const ended = shell.ended
    .catch((cause: unknown) => {
      throw new DrayerError('BUILD_FAILED', `${nameOf(field)}: cannot run ${quoted(command)}`, {
        cause,
      });
    })
    .finally(received.close);
  return { ended, stop: () => shell.stop(received.signal()) };
}

/** Describes a command that has ended badly. */
export function buildFailed(
  build: ConfiguredBuild,
  field: BuildField,
  { status, signal, lastLines }: CommandEnd,
): DrayerError {
  const how = status === null ? `was ended by ${signal}` : `ended with exit status ${status}`;
  const what = field === 'command' ? 'nothing was published' : 'nothing builds any more';
  const said = lastLines.map((line) => `\n${line}`).join('');
  const message = `${nameOf(field)}: ${quoted(build[field] ?? '')} ${how}; ${what}`;
  return new DrayerError(
    'BUILD_FAILED',
    said === '' ? message : `${message}. Its last lines:${said}`,
    { hint: hintFor(status, build.folder, field) },
  );
}

/** A command line as messages show it. */
export function quoted(command: string): string {
  return JSON.stringify(command);
}

function nameOf(field: BuildField): string {
  return field === 'command' ? 'build' : 'build.watch';
}

function hintFor(status: number | null, folder: string, field: BuildField): string {
  if (status === 127) {
    return `the shell found no such command: install what it needs in ${folder}, or correct build.${field}`;
  }
  if (field === 'watch') return 'build.watch has to go on until drayer ends it';
  return `run it in ${folder} until it succeeds; drayer publish --no-build publishes the folder as it is`;
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

function startsItself(command: string): DrayerError {
  const message = `build: ${quoted(command)} runs drayer publish, which would run it again`;
  return new DrayerError('USAGE', message, {
    hint: 'take drayer publish out of that command: drayer publishes when it has ended',
  });
}
