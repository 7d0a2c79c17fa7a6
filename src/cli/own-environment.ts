/**
 * The environment of this process, with the secret key in it for us alone: children do not inherit it,
 * reports of the engine do not list it, and on Linux `/proc/PID/environ` no longer shows it.
 */
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';

const SECRET = 'DRAYER_KEY';

let own: NodeJS.ProcessEnv | undefined;

/** Returns the environment; the first call takes the secret key out of `process.env`. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  if (own !== undefined) return own;
  if (process.env[SECRET] === undefined) return process.env;
  own = { ...process.env };
  delete process.env[SECRET];
  if (process.platform === 'linux') eraseFromMemory();
  return own;
}

// Deleting a variable only forgets where it is: its text stays where the kernel put it when the process
// began, and that is what /proc shows. Nothing points there any more, so it can be overwritten.
function eraseFromMemory(): void {
  try {
    const [start, end] = environmentRange();
    const memory = openSync('/proc/self/mem', constants.O_RDWR);
    try {
      const block = Buffer.alloc(end - start);
      if (readSync(memory, block, 0, block.length, start) !== block.length) return;
      for (const { from, to } of secretsIn(block)) {
        writeSync(memory, Buffer.alloc(to - from), 0, to - from, start + from);
      }
    } finally {
      closeSync(memory);
    }
  } catch (error) {
    // Not every system allows it. Who can read that file is this user, who gave us the key.
    if (!(error instanceof Error && 'syscall' in error)) throw error;
  }
}

/** Where the environment lies, [start, end): fields 50 and 51 of /proc/self/stat. */
function environmentRange(): [start: number, end: number] {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // The second field, a name in parentheses, may hold spaces; the third follows the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [start, end] = [Number(fields[47]), Number(fields[48])];
  const isSound = Number.isSafeInteger(start) && start > 0 && end > start && end - start < 1 << 24;
  return isSound ? [start, end] : [0, 0];
}

/** The values of the secret's entries in a block of `NAME=value` and a zero byte. */
function* secretsIn(block: Buffer): Generator<{ from: number; to: number }> {
  let from = 0;
  while (from < block.length) {
    const end = block.indexOf(0, from);
    const to = end === -1 ? block.length : end;
    const name = `${SECRET}=`;
    if (block.toString('latin1', from, from + name.length) === name) {
      yield { from: from + name.length, to };
    }
    from = to + 1;
  }
}
