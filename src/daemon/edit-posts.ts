/** Posts, written by hand: a text and its title. */
import { DrayerError } from '../core/errors.ts';
import { decodePost } from '../files/values.ts';
import type { StreamReader } from '../store/reader.ts';
import type { Transaction } from '../store/transaction.ts';
import { POST_TYPE, readBytes } from '../store/typed-reads.ts';

/** A post to put. */
export type NewPost = {
  readonly text: string;
  /** Default: the first line of the text. */
  readonly title?: string | undefined;
  /** Replace a post of this title. */
  readonly replace?: boolean | undefined;
};

/** Most characters of a title that is taken from the text. */
const TITLE_LENGTH = 80;

/**
 * Puts a post.
 *
 * @returns its title
 * @throws {DrayerError} USAGE when there is no text
 * @throws {DrayerError} STREAM_EXISTS when there is another post of this title, unless it is to be replaced
 */
export function putPost(tx: Transaction, reader: StreamReader, post: NewPost): string {
  const { text, replace = false } = post;
  const title = post.title ?? titleOf(text);
  if (text.trim() === '' || title === '') {
    throw new DrayerError('USAGE', 'expected a post with a text, got nothing', {
      hint: 'drayer post STREAM "what there is to say", or drayer post STREAM - < FILE',
    });
  }
  const held = readBytes(reader, POST_TYPE, title);
  if (held !== undefined && !replace && decodePost(held) !== text) {
    throw new DrayerError(
      'STREAM_EXISTS',
      `there is a post with the title ${JSON.stringify(title)}`,
      {
        hint: 'give this one a title of its own with --title, or replace the other with --replace',
      },
    );
  }
  tx.putPost(title, text);
  return title;
}

function titleOf(text: string): string {
  const line = text.trim().split('\n', 1)[0]?.trim() ?? '';
  const letters = [...line];
  return letters.length <= TITLE_LENGTH ? line : `${letters.slice(0, TITLE_LENGTH - 1).join('')}…`;
}
