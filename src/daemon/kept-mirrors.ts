/**
 * Which mirrors a daemon keeps up to date, and how: a small file beside each stream file, so that a
 * mirror and what is known of it come and go together.
 */

import { existsSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DrayerError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { formatStreamId, parseStreamId } from '../core/stream-id.ts';
import type { Quota } from '../mirror/session.ts';
import {
  fileError,
  isErrno,
  readTextIfThere,
  removeLeftParts,
  replaceSynced,
  syncDirectory,
} from '../store/durable-file.ts';

/** A mirror that is to be kept up to date. */
export type KeptMirror = {
  /** Stream file, absolute. It need not be there yet. */
  readonly path: string;
  /** Base64. */
  readonly id: string;
  /** Where it is copied from, the one asked first in front; at most {@link MOST_SOURCES}. */
  readonly urls: readonly string[];
  /** Held, but shown to nobody. */
  readonly isHidden: boolean;
  /** The most to take of it; undefined means no limit. */
  readonly quota: Quota | undefined;
  /** Taken because it was heard of on the network: nobody here has chosen it. Default: somebody has. */
  readonly isAuto?: true | undefined;
};

/** How a kept mirror is doing. */
export type KeptState = KeptMirror & {
  /** It waits for its sources; false while it is stopped, as over its quota. */
  readonly isFollowing: boolean;
  /** What keeps it from being up to date; undefined where nothing does. */
  readonly problem: MirrorProblem | undefined;
  /** The last time a source was found to have nothing newer, or something that was taken; ms since 1970. */
  readonly seenMs: number | undefined;
};

/** What keeps a mirror from being up to date. */
export type MirrorProblem = {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Since when, ms since 1970. */
  readonly sinceMs: number;
};

/** Most addresses kept for one mirror. */
export const MOST_SOURCES = 8;

const END = '.kept';

/** Path of what is known of the mirror at `streamPath`. */
export function keptPathOf(streamPath: string): string {
  return `${streamPath}${END}`;
}

/**
 * Reads how a mirror is kept.
 *
 * @returns undefined where it is not
 * @throws {DrayerError} CONFIG_INVALID for a file that cannot be understood
 */
export function readKept(streamPath: string): KeptMirror | undefined {
  const path = keptPathOf(streamPath);
  const text = readTextIfThere(path, 'how the mirror is kept');
  if (text === undefined) return undefined;
  const kept = parseKept(streamPath, text);
  if (kept !== undefined) return kept;
  throw new DrayerError('CONFIG_INVALID', `${path}: expected where a mirror comes from`, {
    hint: 'delete this file; drayer mirror URL ID makes it again',
  });
}

/** Writes how a mirror is kept; it is on disk when this returns. */
export function writeKept({ path, id, urls, isHidden, quota, isAuto }: KeptMirror): void {
  const file = keptPathOf(path);
  try {
    replaceSynced(file, `${JSON.stringify({ id, urls, isHidden, quota, isAuto })}\n`, 0o600);
  } catch (cause) {
    throw fileError(file, 'cannot note where the mirror comes from', cause);
  }
}

/** Keeps a mirror no longer, also after a power cut; its file stays. */
export function forgetKept(streamPath: string): void {
  const file = keptPathOf(streamPath);
  if (!existsSync(file)) return;
  rmSync(file);
  syncDirectory(file);
}

/**
 * Lists the mirrors of a data folder that are kept, sorted by path; none where there is no such folder.
 * Removes what killed processes have left half written there.
 *
 * @param onError - told of each that cannot be read; it is left out
 */
export async function listKept(
  dataDir: string,
  onError: (error: unknown, path: string) => void,
): Promise<KeptMirror[]> {
  const kept: KeptMirror[] = [];
  tidy(dataDir, onError);
  for (const name of await namesIn(dataDir)) {
    if (!name.endsWith(`.stream${END}`)) continue;
    const path = join(dataDir, name.slice(0, -END.length));
    try {
      const mirror = readKept(path);
      if (mirror !== undefined) kept.push(mirror);
    } catch (error) {
      onError(error, path);
    }
  }
  return kept;
}

/** Tells whether any mirror of a data folder is kept, also one of which nothing has come yet. */
export async function hasKept(dataDir: string): Promise<boolean> {
  return (await namesIn(dataDir)).some((name) => name.endsWith(`.stream${END}`));
}

/** What killed processes have left; the daemon does its work also where that has to stay. */
function tidy(dataDir: string, onError: (error: unknown, path: string) => void): void {
  try {
    removeLeftParts(dataDir, (name) => name.includes('.stream.'));
  } catch (error) {
    onError(error, dataDir);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw fileError(folder, 'cannot look for mirrors', error);
  }
}

function parseKept(path: string, text: string): KeptMirror | undefined {
  const { id, urls, isHidden, quota, isAuto } = parseJsonObject(text) ?? {};
  if (typeof id !== 'string' || !isId(id) || typeof isHidden !== 'boolean') return undefined;
  if (!Array.isArray(urls) || urls.length === 0 || urls.length > MOST_SOURCES) return undefined;
  if (!urls.every((url): url is string => typeof url === 'string')) return undefined;
  if (!isQuota(quota)) return undefined;
  return { path, id, urls, isHidden, quota, ...(isAuto === true ? { isAuto } : {}) };
}

/** Tells whether `text` is a stream id in base64. */
function isId(text: string): boolean {
  try {
    return formatStreamId(parseStreamId(text)) === text;
  } catch (error) {
    if (error instanceof DrayerError) return false;
    throw error;
  }
}

/** Tells whether a value is a quota, or none. */
export function isQuota(value: unknown): value is Quota | undefined {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(([name, limit]) => {
    return (name === 'bytes' || name === 'records') && Number.isSafeInteger(limit) && limit > 0;
  });
}
