/** What makes `publish ./site` work without any preparation: a stream and its key beside the folder. */
import { existsSync } from 'node:fs';
import { isDrayerError } from '../core/errors.ts';
import { keyPathOf } from '../store/key-file.ts';
import { createStream } from '../store/open-stream.ts';
import { hasFile } from '../store/stream-file.ts';
import { addToGitignore } from './gitignore.ts';
import { checkSiteFolder, resolveBeside, resolveSiteDirectory } from './site-directory.ts';

/** What {@link prepareSite} did. */
export type PreparedSite = {
  /** Absolute. */
  readonly streamPath: string;
  /** Whether the stream and its key were made just now: the key wants a backup. */
  readonly created: boolean;
  /** Whether the key was made too; one that was there already or was given was not. */
  readonly keyCreated: boolean;
  /** Where the private key is, absolute. */
  readonly keyPath: string;
  /** The .gitignore that was changed or made, if any. */
  readonly gitignoreUpdated: string | undefined;
};

/** Options of {@link prepareSite}. */
export type PrepareSiteOptions = {
  /** Where the stream is; `NAME.stream` beside the directory by default, never inside. */
  readonly streamPath?: string | undefined;
  /** The key of a stream that has to be made; a new one, kept beside the stream, by default. */
  readonly secretKey?: Uint8Array | undefined;
  /** The key that is there has signed nothing, though no mark says so. */
  readonly unusedKey?: boolean | undefined;
};

/**
 * Finds the stream a directory is published to, and makes it with a new key when there is none.
 *
 * @throws {DrayerError} DIRECTORY_NOT_FOUND when there is no such directory
 * @throws {DrayerError} USAGE when the directory is the file system's root or holds the home directory,
 *   or when the stream would lie inside it
 */
export function prepareSite(directory: string, options: PrepareSiteOptions = {}): PreparedSite {
  const root = resolveSiteDirectory(directory);
  const streamPath =
    options.streamPath === undefined ? `${root}.stream` : resolveBeside(options.streamPath);
  checkSiteFolder(root, streamPath);

  const keyPath = keyPathOf(streamPath);
  const hasKey = existsSync(keyPath) || options.secretKey !== undefined;
  const created = mayBeNew(streamPath, hasKey) && tryCreate(streamPath, options);
  const gitignoreUpdated = existsSync(keyPath) ? addToGitignore(streamPath) : undefined;
  return { streamPath, created, keyCreated: created && !hasKey, keyPath, gitignoreUpdated };
}

// A crash in the very first transaction leaves an empty file, or one that SQLite rolls back to nothing
// when it is opened for writing; the key, which is made first, is there by then.
function mayBeNew(streamPath: string, hasKey: boolean): boolean {
  return !hasFile(streamPath) || (hasKey && hasFile(`${streamPath}-journal`));
}

function tryCreate(streamPath: string, { secretKey, unusedKey }: PrepareSiteOptions): boolean {
  const create = (): boolean => {
    createStream(streamPath, { secretKey, unusedKey }).close();
    return true;
  };
  try {
    return create();
  } catch (error) {
    if (!isDrayerError(error, 'STREAM_EXISTS')) throw error;
    if (hasFile(streamPath)) return false;
  }
  // Another publish has made the key in this moment; whoever comes first makes the stream with it.
  try {
    return create();
  } catch (error) {
    if (isDrayerError(error, 'STREAM_EXISTS') && hasFile(streamPath)) return false;
    throw error;
  }
}
