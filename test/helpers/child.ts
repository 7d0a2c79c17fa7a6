/** Processes of our own in tests: a TypeScript file run as the tests are, its lines, its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A running process. */
export type Child = {
  readonly process: ChildProcess;
  /** The lines it has printed so far. */
  readonly lines: readonly string[];
  /** Resolves once it has printed a line that begins so; rejects when it ends before. */
  line(prefix: string): Promise<string>;
  /** Resolves when it has ended and all it printed is in `lines`: its exit code, or the signal. */
  readonly ended: Promise<number | string>;
};

/** How a child is run. */
export type ChildOptions = {
  /** User and group to run as. */
  readonly user?: number | undefined;
  /** It is JavaScript, and runs without what reads TypeScript. */
  readonly isBuilt?: boolean | undefined;
  /** A command that runs another: `ip netns exec NAME`. */
  readonly through?: readonly string[] | undefined;
  readonly onLine?: ((line: string) => void) | undefined;
};

/** Runs a file of test/helpers. */
export function runHelper(file: string, args: string[], options: ChildOptions = {}): Child {
  const { user, through = [], isBuilt = false, onLine } = options;
  const path = fileURLToPath(new URL(file, import.meta.url));
  const loader = isBuilt ? [] : ['--conditions=source', '--import', import.meta.resolve('tsx')];
  const [command = '', ...rest] = [...through, process.execPath, ...loader, path, ...args];
  const child = spawn(command, rest, {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  const waiting = new Set<() => void>();
  reader.on('line', (line) => {
    lines.push(line);
    onLine?.(line);
    for (const check of waiting) check();
  });
  const closed = new Promise<void>((resolve) => reader.once('close', resolve));
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? code ?? 'gone'));
  }).then(async (end) => {
    await closed;
    return end;
  });
  const line = (prefix: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = lines.find((one) => one.startsWith(prefix));
        if (found === undefined) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
      void ended.then((end) => reject(new Error(`the child ended (${end}) before '${prefix}'`)));
    });
  return { process: child, lines, line, ended };
}
