/**
 * Which streams this machine has, and which one a person means: those of the config, the mirrors in
 * the data folder, and whatever path is typed.
 */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Config } from '../config/load-config.ts';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { parseStreamId } from '../core/stream-id.ts';
import { streamPathOf } from '../publish/site-directory.ts';
import { openReader } from '../store/open-reader.ts';

/** A stream that can be served, listed or checked. */
export type KnownStream = {
  /** Stream file, absolute. It need not exist yet. */
  readonly path: string;
  /** What people call it: the configured name, or the file's. A mirror of the data folder has none. */
  readonly name: string | undefined;
  /** The folder it is published from, absolute, where that is known. */
  readonly directory: string | undefined;
  /** File of its secret key, absolute, where that is configured. */
  readonly keyFile: string | undefined;
};

/**
 * Lists the streams of a config, or of the folder where there is none, then the mirrors of a data
 * folder that does not have to exist.
 */
export async function listKnownStreams(config: Config, dataDir: string): Promise<KnownStream[]> {
  const own = config.streams.map(({ directory, path, keyFile, name }) => ({
    // A loaded config has a folder or a path in every entry.
    path: path ?? streamPathOf(directory ?? config.root),
    name,
    directory,
    keyFile,
  }));
  const here = config.file === undefined ? await streamFilesIn(config.root) : [];
  const found = here.map((path) => ({ ...UNNAMED, path, name: nameOfFile(path) }));
  const mirrors = (await streamFilesIn(dataDir)).filter((path) => !here.includes(path));
  return [...own, ...found, ...mirrors.map((path) => ({ ...UNNAMED, path }))];
}

/**
 * Finds the stream a person means.
 *
 * @param text - a stream file, a published folder, a configured name, or a stream id in any
 *   spelling; undefined means the only one there is, or the only own one beside mirrors
 * @param isThere - what makes a stream one that can be meant: by default, that its file exists
 * @throws {DrayerError} STREAM_NOT_FOUND when there is none of that name, or it is not published yet
 * @throws {DrayerError} INPUT_NEEDED when `text` is undefined and there are several
 */
export async function findStream(
  text: string | undefined,
  known: readonly KnownStream[],
  isThere: (stream: KnownStream) => boolean = hasFile,
): Promise<KnownStream> {
  const found = text === undefined ? onlyOne(known, isThere) : await findNamed(text, known);
  if (isThere(found)) return found;
  const subject = found.directory ?? found.path;
  throw new DrayerError(
    'STREAM_NOT_FOUND',
    `${subject}: not published yet, ${found.path} is missing`,
    {
      hint: found.directory === undefined ? 'check the path' : `drayer publish ${found.directory}`,
    },
  );
}

/** Lists the stream files of a folder, sorted; none where there is no such folder. */
export async function streamFilesIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names
      .filter((name) => name.endsWith('.stream'))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

const UNNAMED = { name: undefined, directory: undefined, keyFile: undefined } as const;

function hasFile({ path }: KnownStream): boolean {
  return existsSync(path);
}

function onlyOne(
  known: readonly KnownStream[],
  isThere: (stream: KnownStream) => boolean,
): KnownStream {
  const present = known.filter(isThere);
  const [first] = present.length > 0 ? present : known;
  if (first === undefined) {
    throw new DrayerError('STREAM_NOT_FOUND', 'there is no stream here yet', {
      hint: 'drayer publish DIR makes one, drayer mirror URL copies one, or name a stream file',
    });
  }
  const own = present.filter(({ name }) => name !== undefined);
  if (own.length === 1 && own[0] !== undefined) return own[0];
  if (present.length <= 1) return first;
  throw new DrayerError('INPUT_NEEDED', `which one of ${present.length} streams?`, {
    hint: `name one: ${present.map(label).join(', ')}`,
  });
}

async function findNamed(text: string, known: readonly KnownStream[]): Promise<KnownStream> {
  const path = resolve(text);
  const kind = await kindOf(path);
  const same = known.find((stream) => stream.path === path || stream.directory === path);
  if (same !== undefined) return same;
  const named = known.find((stream) => stream.name === text);
  if (kind === 'directory') {
    // A folder `docs` must not hide a stream that the config calls `docs`.
    return named ?? { ...UNNAMED, path: streamPathOf(path), directory: path, name: basename(path) };
  }
  if (kind === 'file') {
    return { ...UNNAMED, path, name: nameOfFile(path) };
  }
  const found = named ?? findById(text, known);
  if (found !== undefined) return found;
  throw new DrayerError('STREAM_NOT_FOUND', `${text}: no such stream, file or folder`, {
    hint: known.length === 0 ? 'check the path' : `there are ${known.map(label).join(', ')}`,
  });
}

async function kindOf(path: string): Promise<'file' | 'directory' | undefined> {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'file';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    // An id that is typed as a path may be longer than any name can be.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return undefined;
    throw error;
  }
}

function findById(text: string, known: readonly KnownStream[]): KnownStream | undefined {
  const publicKey = unlessError(() => parseStreamId(text));
  if (publicKey === undefined) return undefined;
  return known.find((stream) => {
    const found = unlessError(() => readPublicKey(stream.path));
    return found !== undefined && bytesEqual(found, publicKey);
  });
}

function readPublicKey(path: string): Uint8Array {
  const reader = openReader(path);
  try {
    return reader.publicKey;
  } finally {
    reader.close();
  }
}

/** Text that is no id, and a file that cannot be read, are not the stream that is looked for. */
function unlessError<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (isDrayerError(error)) return undefined;
    throw error;
  }
}

function label(stream: KnownStream): string {
  return stream.name ?? nameOfFile(stream.path);
}

function nameOfFile(path: string): string {
  return basename(path).replace(/\.stream$/, '');
}
