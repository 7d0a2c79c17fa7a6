/** A project of another tool with drayer in its node_modules, and the tool's own command run in it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeSite } from './disk-site.ts';
import { type Shell, shell } from './drayer.ts';
import type { Scope } from './scope.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** How a tool ended. */
export type ToolRun = { readonly status: number | null; readonly output: string };

/** A project on disk. */
export type ToolProject = {
  /** `drayer`, run in the project. */
  readonly sh: Shell;
  /** Writes files of the project. */
  write(files: Readonly<Record<string, string | Uint8Array>>): void;
  /** Runs the tool to its end. */
  run(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<ToolRun>;
  /** Starts the tool; it is ended with the test. */
  start(args: readonly string[]): RunningTool;
};

/** A tool that goes on. */
export type RunningTool = {
  /**
   * Resolves when what it has printed so far holds `text` for the `times`-th time.
   *
   * @param nudge - done again and again until then: a tool says that it watches before it really does
   */
  printed(
    text: string | RegExp,
    options?: { readonly times?: number; readonly nudge?: (round: number) => void },
  ): Promise<void>;
  /** All it has printed, without colours. */
  output(): string;
  /** Ends it at once. */
  stop(): Promise<void>;
};

/** A wait that takes longer has failed; nothing is waited for by time. */
const DEADLINE_MS = 60_000;
const NUDGE_MS = 250;

/**
 * Makes a project.
 *
 * @param tool - `packages` to link into its node_modules, and the tool's script, absolute or from our node_modules
 */
export function toolProject(
  t: Scope,
  tool: { readonly packages: readonly string[]; readonly script: string },
  files: Readonly<Record<string, string>>,
): ToolProject {
  const directory = t.path('project');
  const sh = shell(t, { directory });
  link(directory, 'drayer', root);
  for (const name of tool.packages) link(directory, name, join(root, 'node_modules', name));
  writeSite(directory, files);
  const launch = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
    const child = spawn(process.execPath, [resolve(root, 'node_modules', tool.script), ...args], {
      cwd: directory,
      env: { ...inherited(t), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return watch(t, child);
  };
  return {
    sh,
    write: (more) => void writeSite(directory, more),
    async run(args, environment) {
      const running = launch(args, environment);
      return { status: await running.ended, output: running.output() };
    },
    start: (args) => launch(args),
  };
}

function inherited(t: Scope): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: t.path('home'),
    XDG_CACHE_HOME: t.path('home', 'cache'),
    XDG_CONFIG_HOME: t.path('home', 'config'),
    NO_COLOR: '1',
    ASTRO_TELEMETRY_DISABLED: '1',
  };
}

function link(directory: string, name: string, target: string): void {
  const path = join(directory, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path, 'junction');
}

function watch(
  t: Scope,
  child: ChildProcess,
): RunningTool & { readonly ended: Promise<number | null> } {
  let text = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  t.defer(child, stop);
  const printed: RunningTool['printed'] = (wanted, { times = 1, nudge } = {}) =>
    new Promise((resolve, reject) => {
      const late = (): void => finish(() => reject(new Error(`no ${wanted} in time: ${text}`)));
      const timer = setTimeout(late, DEADLINE_MS);
      let round = 0;
      const nudging = setInterval(() => {
        round += 1;
        nudge?.(round);
      }, NUDGE_MS);
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        clearInterval(nudging);
        listeners.delete(look);
        settle();
      };
      const look = (): void => {
        if (text.split(wanted).length > times) finish(resolve);
      };
      listeners.add(look);
      look();
    });
  return { ended, printed, output: () => text, stop };
}
