/** The types of records as people call them. */
import { FILE_TYPE, OBJECT_TYPE, POST_TYPE } from '../store/typed-reads.ts';

/** Returns the type that is meant: `post` for the long name posts have, any other as it is. */
export function recordType(text: string): string {
  const known: Readonly<Record<string, string>> = {
    file: FILE_TYPE,
    files: FILE_TYPE,
    object: OBJECT_TYPE,
    post: POST_TYPE,
    posts: POST_TYPE,
  };
  return Object.hasOwn(known, text) ? (known[text] ?? text) : text;
}
