/**
 * `drayer publish` as it is called again and again, by people, timers and other programs: a folder, a
 * stream file, how to print. Read here, since a parser for everything takes as long to load as the look
 * at a small site. What is any different is left to the program.
 */
import type { PublishFlags } from './commands/publish.ts';

/** A command line that is plain, read. */
export type PlainPublish = {
  readonly directory: string | undefined;
  /** As the program would give them. */
  readonly flags: PublishFlags;
};

/** Longer words may hold a secret key, which is refused: see command.ts. */
const LONGEST_WORD = 85;

/** Reads a command line; undefined where it says anything that is not plain. */
export function readPlainPublish(argv: readonly string[]): PlainPublish | undefined {
  const [name, ...words] = argv.slice(2);
  if (name !== 'publish') return undefined;
  const flags: { -readonly [flag in keyof PublishFlags]: PublishFlags[flag] } = { build: true };
  let directory: string | undefined;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word.length > LONGEST_WORD) return undefined;
    if (word === '--json') flags.json = true;
    else if (word === '--quiet' || word === '-q') flags.quiet = true;
    else if (word === '--check-links=off') flags.checkLinks = 'off';
    else if (word === '--stream' || word === '-s') {
      flags.stream = words.shift();
      if (!isPlainWord(flags.stream)) return undefined;
    } else if (directory === undefined && isPlainWord(word)) directory = word;
    else return undefined;
  }
  return { directory, flags };
}

/** No flag, and no variable of the shell that is not set. */
function isPlainWord(word: string | undefined): boolean {
  return word !== undefined && word !== '' && !word.startsWith('-') && word.length <= LONGEST_WORD;
}
