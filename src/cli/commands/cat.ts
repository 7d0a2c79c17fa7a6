/** `drayer cat [stream] <path>`: the content of one file, from here or, by proof, from a peer. */
import { once } from 'node:events';
import { DrayerError, EXIT, isDrayerError } from '../../core/errors.ts';
import { formatStreamId, parseStreamId } from '../../core/stream-id.ts';
import type { KnownStream } from '../../daemon/known-streams.ts';
import { withReader } from '../../daemon/stream-facts.ts';
import { inflateFile } from '../../files/file-record.ts';
import { MAX_FILE_BYTES } from '../../files/site-path.ts';
import { isStreamLink, parseStreamLink } from '../../files/stream-link.ts';
import type { Session } from '../session.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** Flags of `drayer cat`. */
export type CatFlags = StreamFlags & { readonly from?: string | undefined };

/** Writes a file's content to stdout, byte for byte. */
export async function cat(
  session: Session,
  first: string,
  second: string | undefined,
  flags: CatFlags,
): Promise<number> {
  const target = parseTarget(first, second, flags.from);
  const content =
    target.from.length === 0
      ? await readHere(session, target, flags)
      : await fetchAnywhere(session, target);
  if (!process.stdout.write(content)) await once(process.stdout, 'drain');
  return EXIT.done;
}

type Target = {
  /** As {@link chooseStream} takes it; undefined for the only one there is. */
  readonly stream: string | undefined;
  readonly path: string;
  /** Servers to ask, one after the other; none means here. */
  readonly from: readonly string[];
};

function parseTarget(first: string, second: string | undefined, from: string | undefined): Target {
  const given = from === undefined ? [] : [from];
  if (!isStreamLink(first)) {
    return second === undefined
      ? { stream: undefined, path: first, from: given }
      : { stream: first, path: second, from: given };
  }
  const { publicKey, path, from: named } = parseStreamLink(first);
  return {
    stream: formatStreamId(publicKey),
    path: second ?? (path === '' || path.endsWith('/') ? `${path}index.html` : path),
    from: given.length > 0 ? given : named,
  };
}

async function readHere(session: Session, target: Target, flags: CatFlags): Promise<Uint8Array> {
  const stream = await chooseHeld(session, target, flags);
  return withReader(stream.path, (reader) => {
    const record = reader.findRecord('file', target.path);
    if (record === undefined) {
      throw new DrayerError('RECORD_NOT_FOUND', `${stream.path} has no file ${target.path}`, {
        hint: `drayer ls ${stream.path} shows what it has`,
      });
    }
    const value = reader.readValue(record);
    if (value !== undefined) return inflateFile(value, MAX_FILE_BYTES);
    throw new DrayerError(
      'VALUE_NOT_HELD',
      `${target.path}: this mirror does not hold its content`,
      {
        hint: 'add --from URL with a server that does',
      },
    );
  });
}

/** {@link chooseStream}, where an id that is not held can still be had from a server. */
async function chooseHeld(session: Session, target: Target, flags: CatFlags): Promise<KnownStream> {
  try {
    return await chooseStream(session, target.stream, flags);
  } catch (error) {
    const id = target.stream === undefined ? undefined : idOf(target.stream);
    if (id === undefined || !isDrayerError(error, 'STREAM_NOT_FOUND')) throw error;
    throw new DrayerError('STREAM_NOT_FOUND', `there is no copy of ${id} here`, {
      cause: error,
      hint: `fetch the file from a server that has it: add --from URL; drayer mirror URL ${id} copies all of it`,
    });
  }
}

function idOf(text: string): string | undefined {
  try {
    return formatStreamId(parseStreamId(text));
  } catch (error) {
    if (isDrayerError(error, 'STREAM_ID_INVALID')) return undefined;
    throw error;
  }
}

/** The first that has it; what is wrong with the last is told where none does. */
async function fetchAnywhere(session: Session, target: Target): Promise<Uint8Array> {
  const [from = '', ...others] = target.from;
  try {
    return await fetchThere(session, target, from);
  } catch (error) {
    if (others.length === 0 || !isDrayerError(error) || error.code === 'ABORTED') throw error;
    session.terminal.complain('warning', error.message);
    return await fetchAnywhere(session, { ...target, from: others });
  }
}

async function fetchThere(session: Session, target: Target, from: string): Promise<Uint8Array> {
  if (target.stream === undefined) {
    throw new DrayerError('INPUT_NEEDED', 'which stream? Without its id nothing can be checked', {
      hint: `drayer cat STREAM_ID ${target.path} --from ${from}`,
    });
  }
  const publicKey = parseStreamId(target.stream);
  // Reading from here should not pay for an HTTP client.
  const { fetchFile } = await import('../../mirror/fetch-file.ts');
  const file = await fetchFile(from, publicKey, target.path, { signal: session.signal });
  if (file.snapshot === undefined) {
    session.terminal.say(
      'signed, but without a snapshot nothing proves that it is the newest version',
    );
  }
  return file.content;
}
