/**
 * The built command line as a real process. Builds once where dist is older than src. Every output
 * is searched for the secret keys that lie in the test's folder: none may ever be printed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeWords } from '../../src/core/pgp-words.ts';
import type { Scope } from './scope.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = join(root, 'dist', 'cli', 'bin.cjs');

/** A wait that takes longer has failed; nothing is waited for by time. */
const DEADLINE_MS = 60_000;

/** How one run ended. */
export type Run = {
  /** The exit status; 128 + n where a signal n killed it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
};

/** A process that runs. */
export type Running = {
  readonly child: ChildProcess;
  /** Resolves with the first match in stdout; rejects when the process ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** The same in stderr. */
  waitForStderr(pattern: RegExp): Promise<RegExpExecArray>;
  /** How it ended. */
  readonly ended: Promise<Run>;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Run>;
};

/** A place to run commands in: a working folder and a home of its own. */
export type Shell = {
  readonly directory: string;
  /** Runs a command to its end. */
  run(...args: string[]): Promise<Run>;
  /** Starts a command; it is killed at the end of the test. */
  start(...args: string[]): Running;
  /** Runs a command to its end with this on its stdin. */
  pipe(input: string | Uint8Array, ...args: string[]): Promise<Run>;
  /** Starts a command on a terminal (Linux): all it prints is stdout, its stdin is what is typed. */
  startOnTerminal(...args: string[]): Running;
  /** The same shell with more in its environment. */
  with(environment: Record<string, string>): Shell;
  /** The same shell for another user of this machine; only root may ask for it. */
  as(user: number): Shell;
};

/**
 * Makes a shell in `directory`, by default the test's own; mirrors lie in `home`. The streams of the
 * test's folder are not at hand in a folder of its own.
 */
export function shell(t: Scope, { directory = t.directory, home = 'home' } = {}): Shell {
  mkdirSync(directory, { recursive: true });
  buildOnce();
  return shellOf(t, directory, {
    PATH: process.env['PATH'] ?? '',
    HOME: t.path(home),
    XDG_DATA_HOME: t.path(home, 'share'),
    NO_COLOR: '1',
  });
}

function shellOf(t: Scope, directory: string, env: Record<string, string>, user?: number): Shell {
  const who = user === undefined ? {} : { uid: user, gid: user };
  const awaited = new WeakSet<Running>();
  const start = (args: string[]): Running =>
    watched(spawn(process.execPath, [bin, ...args], { cwd: directory, env, ...who }));
  const watched = (child: ChildProcess): Running => {
    const running = watch(child, () => secretsBelow(t.directory));
    return t.defer(running, async () => {
      child.kill('SIGKILL');
      // A key that was printed fails the test here, where the test itself did not wait for the end.
      if (!awaited.has(running)) await running.ended;
    });
  };
  return {
    directory,
    run: (...args) => {
      const running = start(args);
      running.child.stdin?.end();
      awaited.add(running);
      return running.ended;
    },
    start: (...args) => start(args),
    pipe: (input, ...args) => {
      const running = start(args);
      // Who does not read it closes the pipe.
      running.child.stdin?.on('error', () => undefined).end(input);
      awaited.add(running);
      return running.ended;
    },
    startOnTerminal: (...args) => {
      const words = [process.execPath, bin, ...args].map(
        (word) => `'${word.replaceAll("'", "'\\''")}'`,
      );
      const command = `stty cols 100 rows 40; exec ${words.join(' ')}`;
      const terminal = { ...env, TERM: 'xterm', SHELL: '/bin/sh' };
      return watched(
        spawn('script', ['-qefc', command, '/dev/null'], { cwd: directory, env: terminal }),
      );
    },
    with: (environment) => shellOf(t, directory, { ...env, ...environment }, user),
    as: (other) => shellOf(t, directory, env, other),
  };
}

/** The address of a site on its own origin, out of what `serve` has printed. */
export const SITE_URL = /http:\/\/([a-z2-7]{52})\.localhost:(\d+)\//;

function watch(child: ChildProcess, secrets: () => string[]): Running {
  const text = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
      for (const listener of listeners) listener();
    });
  }
  let run: Run | undefined;
  const ended = new Promise<Run>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      run = { status: code ?? 128 + numberOf(signal), ...text };
      const leaked = secrets().find(
        (secret) => text.stdout.includes(secret) || text.stderr.includes(secret),
      );
      if (leaked === undefined) resolve(run);
      else reject(new Error('a secret key was printed'));
      for (const listener of listeners) listener();
    });
  });
  const waitIn = (name: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const late = (): void =>
        finish(() => reject(new Error(`no ${pattern} in time: ${tell(text)}`)));
      const timer = setTimeout(late, DEADLINE_MS);
      const look = (): void => {
        const match = pattern.exec(text[name]);
        if (match !== null) finish(() => resolve(match));
        else if (run !== undefined)
          finish(() => reject(new Error(`ended without ${pattern}: ${tell(text)}`)));
      };
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        listeners.delete(look);
        settle();
      };
      listeners.add(look);
      look();
    });
  return {
    child,
    ended,
    waitFor: (pattern) => waitIn('stdout', pattern),
    waitForStderr: (pattern) => waitIn('stderr', pattern),
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return ended;
    },
  };
}

function tell({ stdout, stderr }: { stdout: string; stderr: string }): string {
  return `\n${stdout}\n${stderr}`;
}

function numberOf(signal: NodeJS.Signals | null): number {
  return { SIGKILL: 9, SIGTERM: 15, SIGINT: 2, SIGHUP: 1 }[signal as string] ?? 0;
}

/** Files below a folder, other than key files, that hold one of its secret keys in any form. */
export function filesWithSecrets(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && !/\.privatekey(\.html)?$/.test(file.name))
    .map((file) => join(file.parentPath, file.name));
  const texts = secretsBelow(folder);
  const raw = texts.filter((text) => text.length === 64).map((hex) => Buffer.from(hex, 'hex'));
  return files.filter((path) => {
    const content = readFileSync(path);
    return [...texts, ...raw].some((secret) => content.includes(secret));
  });
}

/** Every secret key below a folder, in each form in which it could be printed. */
function secretsBelow(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile() && file.name.endsWith('.privatekey'))
    .flatMap((file) => {
      const text = readFileSync(join(file.parentPath, file.name), 'latin1').trim();
      const bytes = Buffer.from(text, 'base64');
      if (bytes.length !== 64) return [];
      const seed = bytes.subarray(0, 32);
      // The public half is no secret: only forms that hold the seed count.
      return [
        text,
        bytes.toString('base64url'),
        ...(['hex', 'base64url'] as const).map((as) => seed.toString(as)),
        encodeWords(seed),
      ];
    });
}

let isBuilt = false;

function buildOnce(): void {
  if (isBuilt) return;
  isBuilt = true;
  const newest = Math.max(...sourceTimes());
  const built = statSync(bin, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built >= newest) return;
  const { status, stdout } = spawnSync('npm', ['run', '-s', 'build'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the build failed:\n${stdout}`);
}

function sourceTimes(): number[] {
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && file.name.endsWith('.ts'))
    .map((file) => statSync(join(file.parentPath, file.name)).mtimeMs);
}
