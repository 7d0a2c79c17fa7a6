/** What a command is to take in: a file, or what is piped to it. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { DrayerError } from '../core/errors.ts';
import { readStdin } from './read-stdin.ts';

/** A content and when it was last changed. */
export type Input = {
  readonly content: Uint8Array;
  /** The file's own modification time in micros; undefined for what was piped. */
  readonly timeMicros: number | undefined;
};

/** Options of {@link readInput}. */
export type ReadInputOptions = {
  /** Most bytes to take, inclusive. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Reads a file whole, or stdin where the path is `-`.
 *
 * @throws {DrayerError} FILE_UNREADABLE when it is no file; TOO_LARGE when it is longer than allowed
 * @throws {DrayerError} INPUT_NEEDED when stdin is a terminal
 */
export async function readInput(path: string, options: ReadInputOptions): Promise<Input> {
  if (path !== '-') return readFile(path, options.maxBytes);
  if (process.stdin.isTTY === true) {
    throw new DrayerError('INPUT_NEEDED', 'expected a content on stdin, which is a terminal', {
      hint: 'name a file, or pipe the content into the command',
    });
  }
  const content = await readStdin(process.stdin, { ...options, what: 'the content' });
  return { content, timeMicros: undefined };
}

function readFile(path: string, maxBytes: number): Input {
  // Without O_NONBLOCK a FIFO would hang the program.
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) {
      const kind = stats.isDirectory() ? 'a folder' : 'something else';
      throw new DrayerError('FILE_UNREADABLE', `${path}: expected a file, found ${kind}`, {
        hint: 'name one file; drayer publish takes a whole folder',
      });
    }
    if (stats.size > maxBytes) {
      const message = `${path}: expected at most ${maxBytes} bytes, got ${stats.size}`;
      throw new DrayerError('TOO_LARGE', message);
    }
    return { content: readFileSync(file), timeMicros: Math.floor(stats.mtimeMs * 1000) };
  } finally {
    closeSync(file);
  }
}
