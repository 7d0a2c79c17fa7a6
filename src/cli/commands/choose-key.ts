/** Which secret key a command is about: a key file, or the key of a stream. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { KnownStream } from '../../daemon/known-streams.ts';
import { keyPathOf } from '../../store/key-file.ts';
import type { Session } from '../session.ts';
import { chooseStream, type StreamFlags } from './choose-stream.ts';

/** A key file, there or not. */
export type ChosenKey = {
  /** Absolute. */
  readonly keyPath: string;
  /** The stream whose key it is; undefined where the key file itself was named. */
  readonly stream: KnownStream | undefined;
};

/** Finds the key file that `name` means: that file, or the key of the stream. */
export async function chooseKey(
  session: Session,
  name: string | undefined,
  flags: StreamFlags,
): Promise<ChosenKey> {
  const path = name === undefined ? undefined : resolve(name);
  if (path !== undefined && isKeyFile(path)) return { keyPath: path, stream: undefined };
  const stream = await chooseStream(session, name, flags);
  return { keyPath: stream.keyFile ?? keyPathOf(stream.path), stream };
}

const DATABASE_START = Buffer.from('SQLite format 3\0');

/** Whether a file is one that can only be a key: by what it holds, since a key may be called anything. */
function isKeyFile(path: string): boolean {
  // An id in words is longer than any name can be; that is found out where streams are looked for.
  if (!existsSync(path) || !statSync(path).isFile()) return false;
  // What is called a stream is read as one, so that a damaged one is told as such.
  return !path.endsWith('.stream') && !isDatabase(path);
}

function isDatabase(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const start = Buffer.alloc(DATABASE_START.length);
    return readSync(file, start) === start.length && start.equals(DATABASE_START);
  } finally {
    closeSync(file);
  }
}
