/**
 * Where a daemon takes orders: a socket in the data folder that only its owner can open. Who finds
 * somebody else's socket there does not talk to it.
 */
import { createHash } from 'node:crypto';
import { lstatSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { isErrno } from '../store/durable-file.ts';

/** Longest path of a socket on every system: macOS has 104 bytes with the zero at the end, Linux 108. */
const MOST_PATH_BYTES = 103;

/** Path of the socket of the daemon of a data folder; elsewhere only where the folder's path is too long. */
export function controlPathOf(dataDir: string): string {
  const folder = resolve(dataDir);
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 24);
  if (process.platform === 'win32') return `\\\\.\\pipe\\drayer-${name}`;
  const path = join(folder, 'daemon.sock');
  if (Buffer.byteLength(path) <= MOST_PATH_BYTES) return path;
  return join(tmpdir(), `drayer-${process.getuid?.() ?? 0}-${name}.sock`);
}

/** Path of the lock that the daemon of a data folder holds as long as it lives. */
export function daemonLockPathOf(dataDir: string): string {
  return join(resolve(dataDir), 'daemon.lock');
}

/**
 * Looks whether there is a socket; whether anybody listens is another question.
 *
 * @throws {DrayerError} SOCKET_UNSAFE when it is another user's, others may open it, or it is no socket
 */
export function hasControlSocket(path: string): boolean {
  // A named pipe of Windows is no file that could be looked at.
  if (process.platform === 'win32') return true;
  const stats = statOf(path);
  if (stats === undefined) return false;
  const fault = faultOf(stats);
  if (fault === undefined) return true;
  throw new DrayerError('SOCKET_UNSAFE', `${path}: ${fault}`, {
    hint: 'it is not talked to; remove it if you know what it is, or give another --data-dir',
  });
}

function faultOf(stats: Stats): string | undefined {
  const own = process.getuid?.();
  if (!stats.isSocket()) return 'expected the socket of a daemon, found something else';
  if (own !== undefined && stats.uid !== own) {
    return `this socket belongs to user ${stats.uid}, not to you (${own})`;
  }
  const mode = stats.mode & 0o777;
  if ((mode & 0o077) === 0) return undefined;
  return `expected mode 600, got ${mode.toString(8)}: others can give orders here`;
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    if (!isErrno(error, 'EACCES')) throw error;
    throw new DrayerError('SOCKET_UNSAFE', `${path}: this folder belongs to somebody else`, {
      cause: error,
      hint: 'give another --data-dir, or run the command as the user whose folder it is',
    });
  }
}
