/** Where mirrors live: one private directory of this user, a file for each stream. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { formatStreamId } from '../core/stream-id.ts';
import { makePrivateFolder } from '../store/durable-file.ts';

/** Returns `$XDG_DATA_HOME/drayer`, by default `~/.local/share/drayer`. */
export function defaultDataDir(environment: NodeJS.ProcessEnv = process.env): string {
  const home = environment['XDG_DATA_HOME'];
  // The XDG specification: a relative path there is to be ignored.
  const isSet = home?.startsWith('/') === true || (process.platform === 'win32' && Boolean(home));
  return join(isSet && home ? home : join(homedir(), '.local', 'share'), 'drayer');
}

/** Path of the mirror of a stream. The name is base32: it is safe in every file system. */
export function mirrorPathOf(publicKey: Uint8Array, dataDir: string = defaultDataDir()): string {
  return join(dataDir, `${formatStreamId(publicKey, 'base32')}.stream`);
}

/**
 * Makes the directory if it is not there, for this user alone.
 *
 * @throws {DrayerError} STORAGE_FAILED when it cannot be made
 */
export function makeDataDir(dataDir: string): void {
  try {
    makePrivateFolder(resolve(dataDir));
  } catch (cause) {
    throw new DrayerError('STORAGE_FAILED', `${dataDir}: cannot make the directory`, {
      cause,
      hint: 'give another place with --data-dir, or set XDG_DATA_HOME',
    });
  }
}
