/** The built command on a terminal of its own, as a person has it before them; `script` makes the terminal. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { buildOnce } from './drayer.ts';
import type { Scope } from './scope.ts';

const bin = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url));

/** Whether a terminal can be made here. */
export const hasTerminal: boolean =
  existsSync('/usr/bin/script') && process.platform === 'linux' && existsSync('/dev/ptmx');

/** A command on a terminal. */
export type TerminalSession = {
  /** Resolves when `text` has been shown after what was waited for before. */
  shows(text: string): Promise<void>;
  /** Types, as keys come from a keyboard: `\r` is Enter. */
  type(keys: string): void;
  /** Resolves when the command has ended. */
  readonly ended: Promise<{ readonly status: number; readonly screen: string }>;
};

const DEADLINE_MS = 60_000;

/** Starts `drayer args…` in `directory`, on a terminal of 80 columns. */
export function onTerminal(
  t: Scope,
  directory: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): TerminalSession {
  buildOnce();
  const words = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(' ');
  const env = { PATH: process.env['PATH'] ?? '', HOME: t.path('home'), TERM: 'xterm' };
  const child = spawn(
    '/usr/bin/script',
    ['-qfec', `stty cols 80 rows 24; exec ${words}`, '/dev/null'],
    {
      cwd: directory,
      env: { ...env, XDG_DATA_HOME: t.path('home', 'share'), ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  t.defer(child, (one) => one.kill('SIGKILL'));
  let screen = '';
  let read = 0;
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    screen += stripVTControlCharacters(chunk);
    for (const listener of listeners) listener();
  });
  const ended = new Promise<{ status: number; screen: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      for (const listener of listeners) listener();
      resolve({ status: code ?? -1, screen });
    });
  });
  const shows = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`no ${text} in:\n${screen.slice(read)}`)),
        DEADLINE_MS,
      );
      const look = (): void => {
        const at = screen.indexOf(text, read);
        const isOver = child.exitCode !== null;
        if (at < 0 && !isOver) return;
        clearTimeout(late);
        listeners.delete(look);
        if (at < 0) {
          reject(new Error(`ended without ${text}:\n${screen}`));
          return;
        }
        read = at + text.length;
        resolve();
      };
      listeners.add(look);
      look();
    });
  return { shows, type: (keys) => void child.stdin.write(keys), ended };
}
