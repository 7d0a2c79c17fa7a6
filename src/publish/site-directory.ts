/** The directory a site is published from. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, parse, relative, resolve, sep } from 'node:path';
import { DrayerError, isDrayerError } from '../core/errors.ts';

/**
 * Returns the real path of a site's directory.
 *
 * @throws {DrayerError} DIRECTORY_NOT_FOUND when it is missing, or no directory
 */
export function resolveSiteDirectory(directory: string): string {
  try {
    if (statSync(directory).isDirectory()) return realpathSync.native(directory);
  } catch (cause) {
    throw notFound(directory, 'expected a directory, found nothing that can be read', cause);
  }
  throw notFound(directory, 'expected a directory, found a file');
}

/** Resolves the directory part of a path that may not exist yet, as {@link resolveSiteDirectory} does. */
export function resolveBeside(path: string): string {
  const absolute = resolve(path);
  const folder = dirname(absolute);
  try {
    return join(resolveSiteDirectory(folder), basename(absolute));
  } catch (cause) {
    if (!isDrayerError(cause, 'DIRECTORY_NOT_FOUND')) throw cause;
    throw new DrayerError('DIRECTORY_NOT_FOUND', `${absolute}: its folder is missing`, {
      cause,
      hint: `make the folder first: mkdir -p ${JSON.stringify(folder)}`,
    });
  }
}

/** Path of the stream that a folder is published into: `NAME.stream` beside it. */
export function streamPathOf(directory: string): string {
  // Beside the folder itself, not beside a link to it; as publishing finds it.
  const isThere = existsSync(directory);
  return `${isThere ? realpathSync.native(directory) : resolve(directory)}.stream`;
}

/**
 * Refuses folders that cannot be a site, and streams inside of theirs.
 *
 * @param root - see {@link resolveSiteDirectory}
 * @throws {DrayerError} USAGE
 */
export function checkSiteFolder(root: string, streamPath: string): void {
  checkOwnFolder(root);
  checkOutside(streamPath, root);
}

// Publishing these by mistake would publish everything somebody has.
function checkOwnFolder(root: string): void {
  const hint = 'name the folder that holds the finished site, for example ./public or ./dist';
  if (root === parse(root).root) {
    throw new DrayerError('USAGE', `${root}: the whole file system cannot be a site`, { hint });
  }
  const home = homeDirectory();
  if (home !== undefined && isInside(home, root)) {
    throw new DrayerError('USAGE', `${root}: a home directory cannot be a site`, { hint });
  }
}

function homeDirectory(): string | undefined {
  const home = homedir();
  return existsSync(home) ? resolveSiteDirectory(home) : undefined;
}

function checkOutside(streamPath: string, root: string): void {
  if (!isInside(streamPath, root)) return;
  const message = `${streamPath}: expected the stream beside the site, not inside ${root}`;
  throw new DrayerError('USAGE', message, {
    hint: 'the private key lies beside the stream, and everything in the folder is published',
  });
}

/** Tells whether `path` is `directory` or below it. */
function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path);
  // Absolute: on another drive.
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function notFound(directory: string, message: string, cause?: unknown): DrayerError {
  return new DrayerError('DIRECTORY_NOT_FOUND', `${directory}: ${message}`, {
    cause,
    hint: 'name the folder that holds the finished site, for example ./public or ./dist',
  });
}
