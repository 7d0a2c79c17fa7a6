/** Reading the well-known kinds of records by what they mean: objects, files, posts, servers. */
import { DrayerError } from '../core/errors.ts';
import { type Micros, PRIMARY_SERVERS_KEY, PROTOCOL_TYPE } from '../core/record.ts';
import {
  decodeObject,
  decodePost,
  decodePrimaryServers,
  type PrimaryServer,
} from '../files/values.ts';
import type { StreamReader } from './reader.ts';

/** Type of the records a stream is used like a map with. */
export const OBJECT_TYPE = 'obj';
/** Type of the records that are files of a site. */
export const FILE_TYPE = 'file';
/** Type of the records that are posts. */
export const POST_TYPE = 'publicSocialPost';

/** A post, as `stream.posts()` gives it. */
export type Post = { readonly title: string; readonly text: string; readonly timestamp: Micros };

/**
 * Returns the value of a record, undefined where there is none.
 *
 * @throws {DrayerError} VALUE_NOT_HELD when the record is there and its value is not
 */
export function readBytes(reader: StreamReader, type: string, key: string): Uint8Array | undefined {
  const record = reader.findRecord(type, key);
  if (record === undefined) return undefined;
  const value = reader.readValue(record);
  if (value !== undefined) return value;
  const message = `the value of ${type} ${JSON.stringify(key)} is not held here`;
  throw new DrayerError('VALUE_NOT_HELD', message);
}

/**
 * Key and value of each record of a type, ordered by key (as UTF-8): objects for type `obj`, bytes
 * for others. A record that was deleted meanwhile, or whose value is not held, is passed over.
 */
export function* readEntries(
  reader: StreamReader,
  type: string,
): Generator<[key: string, value: unknown]> {
  for (const record of reader.entries({ type })) {
    const value = reader.readValue(record);
    if (value === undefined) continue;
    yield [record.key, type === OBJECT_TYPE ? decodeObject(value) : value];
  }
}

/** The posts, the newest first; editing one does not move it. */
export function* readPosts(reader: StreamReader): Generator<Post> {
  let before: number | undefined;
  while (true) {
    const page = reader.listByType(POST_TYPE, { order: 'id', before, limit: POSTS_AT_ONCE });
    for (const { key: title, id } of page) {
      before = id;
      const record = reader.findRecord(POST_TYPE, title);
      const value = record?.id === id ? reader.readValue(record) : undefined;
      if (record === undefined || value === undefined) continue;
      yield { title, text: decodePost(value), timestamp: record.timestamp };
    }
    if (page.length < POSTS_AT_ONCE) return;
  }
}

/** The servers that the stream itself names; empty where it names none. */
export function readPrimaryServers(reader: StreamReader): PrimaryServer[] {
  const value = readBytes(reader, PROTOCOL_TYPE, PRIMARY_SERVERS_KEY);
  return value === undefined ? [] : decodePrimaryServers(value);
}

const POSTS_AT_ONCE = 100;
