/**
 * The secret key in words, for paper: the 32 bytes of the seed as PGP words, then four check words, the
 * first four bytes of H("drayer key backup" ‖ seed). Words alternate between two lists, so a missing or
 * a swapped one shows at once; what that does not show, the check words do.
 */
import { hash } from '#crypto';
import { DrayerError } from './errors.ts';
import { nearestTo } from './nearest.ts';
import { encodeWords, valuesAt, wordsAt } from './pgp-words.ts';
import { bytesEqual } from './record.ts';
import { encodeUtf8 } from './utf8.ts';

/** Bytes of a seed. */
const SEED_BYTES = 32;
const CHECK_BYTES = 4;
/** How many words a backup has, the check words included. */
export const BACKUP_WORDS: number = SEED_BYTES + CHECK_BYTES;

/** Something that is not right with one word. */
export type WordFault = {
  /** Which word, counted from 1. */
  readonly place: number;
  readonly word: string;
  /** What is wrong, and which word may be meant. */
  readonly message: string;
};

/** Returns the words of a seed: {@link BACKUP_WORDS} of them, in lower case, separated by spaces. */
export function encodeSecretWords(seed: Uint8Array): string {
  return encodeWords(withCheck(seed));
}

/**
 * Takes a text apart into words: capitals, line ends, dashes, commas and the numbers in front of words
 * do not matter.
 */
export function splitWords(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[\s,;–—-]+/)
    .map((word) => word.replace(/^\d+[.):]*/, ''))
    .filter((word) => word !== '');
}

/** Finds the words that cannot stand where they stand, the first of them first. */
export function findWordFaults(words: readonly string[]): WordFault[] {
  const faults: WordFault[] = [];
  for (const [i, word] of words.slice(0, BACKUP_WORDS).entries()) {
    if (valuesAt(i).has(word)) continue;
    const isMoved = valuesAt(i + 1).has(word);
    faults.push({ place: i + 1, word: shorten(word), message: isMoved ? MOVED : unknown(word, i) });
    // From there on everything is one place off.
    if (isMoved) break;
  }
  return faults;
}

/**
 * Reads the words of a backup.
 *
 * @returns the seed, 32 bytes
 * @throws {DrayerError} KEY_INVALID naming the words that are wrong by their place
 */
export function decodeSecretWords(text: string): Uint8Array {
  const words = splitWords(text);
  const faults = findWordFaults(words);
  if (faults.length > 0) {
    const lines = faults.map(({ place, word, message }) => `word ${place}, ${word}, ${message}`);
    throw invalid(lines.join('\n'));
  }
  if (words.length !== BACKUP_WORDS) {
    throw invalid(`expected ${BACKUP_WORDS} words, got ${words.length}`);
  }
  const bytes = Uint8Array.from(words, (word, i) => Number(valuesAt(i).get(word)));
  const seed = bytes.subarray(0, SEED_BYTES);
  if (bytesEqual(withCheck(seed), bytes)) return seed.slice();
  throw invalid(describeMismatch(bytes));
}

const MOVED =
  'cannot stand there: a word before it is missing or is there twice, or two are swapped';

function withCheck(seed: Uint8Array): Uint8Array {
  const label = encodeUtf8('drayer key backup');
  const message = new Uint8Array(label.length + SEED_BYTES);
  message.set(label);
  message.set(seed, label.length);
  const bytes = new Uint8Array(BACKUP_WORDS);
  bytes.set(seed);
  bytes.set(hash(message).subarray(0, CHECK_BYTES), SEED_BYTES);
  return bytes;
}

// Every word is of the list, and yet they do not belong together: one was misread for another of the
// list, or two changed places. There are some 9,000 ways for that, and 32 bits tell which it was.
function describeMismatch(bytes: Uint8Array): string {
  const fits = (one: Uint8Array): boolean =>
    bytesEqual(withCheck(one.subarray(0, SEED_BYTES)), one);
  for (let i = 0; i < BACKUP_WORDS; i += 1) {
    for (let value = 0; value < 256; value += 1) {
      if (!fits(bytes.with(i, value))) continue;
      const [read, meant] = [Number(bytes[i]), value].map((byte) => wordsAt(i)[byte]);
      return `word ${i + 1}, ${read}, does not fit the check words; ${meant} would`;
    }
  }
  for (let i = 0; i < BACKUP_WORDS; i += 1) {
    for (let j = i + 2; j < BACKUP_WORDS; j += 2) {
      const swapped = bytes.with(i, Number(bytes[j])).with(j, Number(bytes[i]));
      if (fits(swapped))
        return `words ${i + 1} and ${j + 1} do not fit the check words; swapped, they would`;
    }
  }
  return 'these words do not fit their check words: at least two are wrong';
}

function unknown(word: string, place: number): string {
  const nearest = nearestTo(word, wordsAt(place), { results: 3 });
  return `is not in the list; the nearest is ${nearest.join(' or ')}`;
}

/** No word of the lists is as long as this. */
const LONGEST = 20;

function shorten(word: string): string {
  return word.length > LONGEST ? `${word.slice(0, LONGEST)}…` : word;
}

function invalid(message: string): DrayerError {
  return new DrayerError('KEY_INVALID', message, {
    hint: `compare with the paper: there are ${BACKUP_WORDS} words, the last four check the others`,
  });
}
