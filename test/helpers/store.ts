/** Streams for tests of what stands on the store: made in the test's directory, closed with it. */
import { copyFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import type { SignedRecord } from '../../src/core/record.ts';
import { openReader } from '../../src/store/open-reader.ts';
import {
  type CreateStreamOptions,
  createStream,
  type OpenStreamOptions,
  openStream,
} from '../../src/store/open-stream.ts';
import type { StreamReader } from '../../src/store/reader.ts';
import type { Stream } from '../../src/store/stream.ts';
import type { Scope } from './scope.ts';

/** A clock that gives out one microsecond after another. */
export function countingClock(from = 1_700_000_000_000_000): () => number {
  let now = from;
  return () => {
    now += 1;
    return now;
  };
}

/** Makes a stream in the test's directory. */
export function newStream(t: Scope, name = 'a.stream', options: CreateStreamOptions = {}): Stream {
  return t.defer(createStream(t.path(name), options), (stream) => stream.close());
}

/** Opens a stream of the test's directory. */
export function openedStream(t: Scope, name = 'a.stream', options: OpenStreamOptions = {}): Stream {
  return t.defer(openStream(t.path(name), options), (stream) => stream.close());
}

/** Opens a reader on a stream of the test's directory. */
export function openedReader(t: Scope, name = 'a.stream'): StreamReader {
  return t.defer(openReader(t.path(name)), (reader) => reader.close());
}

/** Copies a stream that the original wrote into the test's directory; returns its path. */
export function originalStream(t: Scope, name: string): string {
  const from = fileURLToPath(new URL(`../vectors/streams/${name}.stream`, import.meta.url));
  copyFileSync(from, t.path(`${name}.stream`));
  return t.path(`${name}.stream`);
}

/** Opens a file with SQLite itself, as another program would. */
export function rawDatabase(t: Scope, path: string): Database.Database {
  return t.defer(new Database(path, { fileMustExist: true }), (database) => database.close());
}

/** All records of a stream, ascending in `modified`, with their values. */
export function recordsIn(reader: StreamReader): SignedRecord[] {
  return reader
    .recordsSince(0, Number.MAX_SAFE_INTEGER)
    .map((record) => ({ ...record, value: reader.readValue(record) }));
}

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
