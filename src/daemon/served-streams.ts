/**
 * Which stream files a server opens: those that were named, or all there are. Of all, one that cannot
 * be read does not keep the others from being served, and one that is still to come is waited for.
 */
import { existsSync } from 'node:fs';
import { DrayerError, isDrayerError } from '../core/errors.ts';
import { bytesEqual } from '../core/record.ts';
import { formatStreamId } from '../core/stream-id.ts';
import type { StreamSource } from '../server/stream-set.ts';
import { findStream, type KnownStream } from './known-streams.ts';
import { readStreamId } from './stream-facts.ts';

/** What {@link chooseServed} chose. */
export type ServedChoice = {
  readonly sources: readonly StreamSource[];
  /** Not published yet; served from the moment they are. */
  readonly waiting: readonly KnownStream[];
  /** Left out, and why. */
  readonly unreadable: readonly { readonly stream: KnownStream; readonly error: DrayerError }[];
};

/**
 * Chooses the streams to serve.
 *
 * @param names - as {@link findStream} takes them; none means all that are known
 * @param mayBeNone - nothing to serve yet is no error: streams may still be pushed here
 * @throws {DrayerError} STREAM_NOT_FOUND when a named one is not there, or there is none at all
 */
export async function chooseServed(
  names: readonly string[],
  known: readonly KnownStream[],
  { mayBeNone = false }: { readonly mayBeNone?: boolean | undefined } = {},
): Promise<ServedChoice> {
  if (names.length > 0) {
    const sources: StreamSource[] = [];
    for (const name of names) sources.push(sourceOf(await findStream(name, known)));
    return { sources, waiting: [], unreadable: [] };
  }
  const waiting = known.filter(({ path }) => !existsSync(path));
  const present = known.filter((stream) => !waiting.includes(stream));
  const unreadable = present.flatMap((stream) => {
    const error = readingError(stream);
    return error === undefined ? [] : [{ stream, error }];
  });
  const readable = present.filter((one) => !unreadable.some(({ stream }) => stream === one));
  if (readable.length === 0 && !mayBeNone) throw nothingToServe(waiting, unreadable);
  const later = waiting.map((stream) => ({ ...sourceOf(stream), optional: true }));
  return { sources: [...readable.map(sourceOf), ...later], waiting, unreadable };
}

/** Finds the public key of the stream among `sources` that `text` means: its name, or its id. */
export async function findSite(
  text: string,
  sources: readonly StreamSource[],
): Promise<Uint8Array> {
  const served = sources.map(({ path, name }) => ({
    path,
    name,
    directory: undefined,
    keyFile: undefined,
  }));
  const { publicKey } = readStreamId((await findStream(text, served)).path);
  const isServed = served.some(({ path }) => {
    return existsSync(path) && bytesEqual(readStreamId(path).publicKey, publicKey);
  });
  if (isServed) return publicKey;
  throw new DrayerError('USAGE', `${text} (${formatStreamId(publicKey)}) is not being served`, {
    hint: 'name it among the streams to serve as well',
  });
}

function sourceOf({ path, name }: KnownStream): StreamSource {
  return { path, name };
}

function readingError(stream: KnownStream): DrayerError | undefined {
  try {
    readStreamId(stream.path);
    return undefined;
  } catch (error) {
    if (isDrayerError(error)) return error;
    throw error;
  }
}

function nothingToServe(
  waiting: readonly KnownStream[],
  [damaged]: ServedChoice['unreadable'],
): DrayerError {
  if (damaged !== undefined) return damaged.error;
  const folder = waiting.find(({ directory }) => directory !== undefined);
  const message =
    folder === undefined ? 'there is nothing to serve yet' : `${folder.name}: not published yet`;
  const hint =
    folder === undefined
      ? 'drayer publish DIR makes a stream of a folder, drayer mirror URL copies one'
      : 'drayer publish';
  return new DrayerError('STREAM_NOT_FOUND', message, { hint });
}
