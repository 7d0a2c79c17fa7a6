/**
 * A command line run as npm runs a script: by the shell, with node_modules/.bin on the path, without
 * stdin. It gets a process group of its own, so that whatever it starts ends with it. The variables of
 * the signing key never reach it: a build runs other people's code.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { endGroup, hasGroups, signalGroup } from './process-group.ts';

/** Options of {@link startShellCommand}. */
export type ShellCommandOptions = {
  /** Folder to run in, absolute. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `live`: stdout and stderr go to our stderr as they come; `kept`: only the last lines are kept. */
  readonly output: 'live' | 'kept';
};

/** How a command ended. */
export type CommandEnd = {
  /** Exit status of the shell, or null where a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** At most 20; none where the output was live. */
  readonly lastLines: readonly string[];
};

/** A command that runs. */
export type ShellCommand = {
  /** Resolves when the shell has ended; rejects when it cannot be started. */
  readonly ended: Promise<CommandEnd>;
  /** Sends a signal to the whole group, two seconds later SIGKILL; resolves when the group is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
};

const KEPT_CHARACTERS = 64 * 1024;
const MOST_LINES = 20;
/** What a background process holds open longer is not waited for. */
const PIPE_PATIENCE_MS = 500;

/** Starts a command line. Its group is killed when this process exits before it. */
export function startShellCommand(command: string, options: ShellCommandOptions): ShellCommand {
  const { folder, environment, output } = options;
  const child = spawn(command, {
    shell: true,
    cwd: folder,
    env: commandEnvironment(environment, folder),
    stdio: ['ignore', ...(output === 'live' ? ([2, 2] as const) : (['pipe', 'pipe'] as const))],
    detached: hasGroups,
  });
  const kill = (): void => signalGroup(child, 'SIGKILL');
  process.once('exit', kill);
  const ended = endOf(child, keepLast(child)).finally(() => process.off('exit', kill));
  return {
    ended,
    async stop(signal = 'SIGTERM') {
      process.once('exit', kill);
      await endGroup(child, signal);
      process.off('exit', kill);
      await ended;
    },
  };
}

/**
 * Returns the environment of a command: node_modules/.bin of the folder and of all above it before
 * the rest of the path, and nothing that is called DRAYER_KEY…
 */
export function commandEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  folder: string,
): Record<string, string | undefined> {
  const kept = Object.entries(environment).filter(([name]) => !/^DRAYER_KEY/i.test(name));
  // Windows may call it Path.
  const pathName = kept.find(([name]) => /^path$/i.test(name))?.[0] ?? 'PATH';
  const path = [...binFolders(folder), environment[pathName] ?? ''].join(delimiter);
  return { ...Object.fromEntries(kept), [pathName]: path };
}

function binFolders(folder: string): string[] {
  const own = join(folder, 'node_modules', '.bin');
  const above = dirname(folder);
  return above === folder ? [own] : [own, ...binFolders(above)];
}

async function endOf(child: ChildProcess, lastLines: () => string[]): Promise<CommandEnd> {
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
    (resolve, reject) => {
      child.once('error', reject);
      child.once('close', (...how) => resolve(how));
      child.once('exit', (...how) => setTimeout(() => resolve(how), PIPE_PATIENCE_MS).unref());
    },
  );
  child.stdout?.destroy();
  child.stderr?.destroy();
  return { status, signal, lastLines: lastLines() };
}

function keepLast(child: ChildProcess): () => string[] {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-KEPT_CHARACTERS);
    });
  }
  return () =>
    stripVTControlCharacters(text)
      .split(/[\r\n]+/)
      .filter((line) => line.trim() !== '')
      .slice(-MOST_LINES);
}
