/** The built command line on a terminal, as a person sees it: a pseudo-terminal by script(1). */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Scope } from './scope.ts';

const bin = fileURLToPath(new URL('../../dist/cli/bin.cjs', import.meta.url));

/** Whether this machine can lend a terminal: the script(1) of util-linux. */
export const hasTerminal: boolean = /util-linux/.test(
  spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout ?? '',
);

/** What is typed once a text has appeared. */
export type Typing = { readonly after: RegExp; readonly keys: string };

/** Where a command runs on a terminal: by default in the test's folder, with nothing special said. */
export type TerminalPlace = {
  readonly directory?: string | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
};

/**
 * Runs a command on a terminal of 100 columns.
 *
 * @returns everything that appeared, and the exit status
 */
export function runOnTerminal(
  t: Scope,
  args: readonly string[],
  typing: readonly Typing[] = [],
  { directory = t.directory, environment = {} }: TerminalPlace = {},
): Promise<{ readonly status: number | null; readonly output: string }> {
  const command = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', `stty cols 100; ${command}`, '/dev/null'], {
    cwd: directory,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: t.path('home'),
      TERM: 'xterm',
      NO_COLOR: '1',
      ...environment,
    },
  });
  t.defer(child, () => child.kill('SIGKILL'));
  const pending = [...typing];
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    const next = pending[0];
    if (next === undefined || !next.after.test(output)) return;
    pending.shift();
    child.stdin.write(next.keys);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}
