/** Reads what is piped into a command, up to a limit. */
import { addAbortSignal, type Readable } from 'node:stream';
import { DrayerError } from '../core/errors.ts';

/** Options of {@link readStdin}. */
export type ReadStdinOptions = {
  /** Most bytes to take, inclusive. */
  readonly maxBytes: number;
  /** What is read, for the message. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Reads a stream to its end.
 *
 * @throws {DrayerError} TOO_LARGE when there is more; ABORTED when the signal says so
 */
export async function readStdin(stdin: Readable, options: ReadStdinOptions): Promise<Uint8Array> {
  const { maxBytes, what, signal } = options;
  if (signal !== undefined) addAbortSignal(signal, stdin);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stdin as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        throw new DrayerError('TOO_LARGE', `${what}: expected at most ${maxBytes} bytes on stdin`, {
          hint: 'check what is piped into the command',
        });
      }
      chunks.push(chunk);
    }
  } catch (cause) {
    if (signal?.aborted) throw new DrayerError('ABORTED', `stopped reading ${what}`, { cause });
    throw cause;
  }
  return Buffer.concat(chunks);
}
