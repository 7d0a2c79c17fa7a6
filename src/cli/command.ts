/** What the commands of the command line have in common: how they are added, and the flags they share. */
import type { Command } from 'commander';
import { DrayerError } from '../core/errors.ts';
import type { OpenSession } from './session.ts';

/** Gives the exit status of a command. */
export type CommandResult = Promise<number>;

/** Adds commands to the program; `done` takes what a command comes to. */
export type Add = (
  program: Command,
  open: OpenSession,
  done: (result: CommandResult) => Promise<void>,
) => void;

/** What may stand for a stream. */
export const STREAM_HELP = 'published folder, stream file, name or id';

/** Adds a command with the flags that every command takes. */
export function command(parent: Command, name: string, summary: string): Command {
  return parent
    .command(name)
    .description(summary)
    .option('--json', 'print the result as one JSON object')
    .option('-q, --quiet', 'print results and warnings only')
    .option('-c, --config <file>', 'config file (default: drayer.config.ts of this folder)')
    .hook('preAction', (added) => checkWords(added));
}

async function checkWords(added: Command): Promise<void> {
  refuseEmpty(added);
  const words = [...added.args, ...Object.values(added.opts<Record<string, unknown>>())].flat();
  const long = words.filter((word): word is string => {
    return typeof word === 'string' && word.length >= KEY_CHARS;
  });
  if (long.length > 0) (await import('./refuse-keys.ts')).refuseKeys(long);
}

/** Of a secret key in base64url, its shortest form. */
const KEY_CHARS = 86;

// A variable of a script that is not set: `drayer publish "$SITE"` must not mean this very folder.
function refuseEmpty(added: Command): void {
  const argument =
    added.registeredArguments[added.args.indexOf('')] ?? added.registeredArguments.at(-1);
  const empty = added.options.find((option) => {
    const value: unknown = added.getOptionValue(option.attributeName());
    return value === '' || (Array.isArray(value) && value.includes(''));
  });
  const name = added.args.includes('') ? argument?.name().toUpperCase() : empty?.long;
  if (name === undefined || name === '--mount') return;
  throw new DrayerError('USAGE', `${name}: expected something, got an empty word`, {
    hint: 'is a variable of the shell not set? Leave it out for the default',
  });
}

/** Adds the flags that say where the secret key is, for a command that signs. */
export function keyOptions(added: Command): Command {
  return added
    .option('--key-file <file>', "the secret key's file (default: beside the stream)")
    .option('--key-stdin', 'read the secret key from stdin')
    .option('--allow-readable-key', 'also a --key-file that other users of this machine can read');
}
