/**
 * A lock between the processes of one machine that dies with its process: an SQLite transaction that
 * is never committed (R11). No file that is left behind can hold anybody up.
 */
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { type Connection, connect } from './database.ts';

/** A lock that is held. */
export type ProcessLock = {
  /** Lets it go; may be called twice. */
  close(): void;
};

/**
 * Takes the lock of this name at once, or not at all.
 *
 * @param path - a file of its own, made if it is not there and left there
 * @param what - what the other process is doing, for the message: `is publishing this stream`
 * @throws {DrayerError} STREAM_BUSY while another process has it
 */
export function takeProcessLock(path: string, what: string): ProcessLock {
  let connection: Connection | undefined;
  try {
    connection = connect(path, { create: true });
    connection.run('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    connection?.close();
    if (!isDrayerError(error, 'STREAM_BUSY')) throw error;
    throw new DrayerError('STREAM_BUSY', `${path}: another process on this machine ${what}`, {
      cause: error,
      hint: 'wait until it has finished, then run the command again',
    });
  }
  const held = connection;
  return { close: () => held.close() };
}
