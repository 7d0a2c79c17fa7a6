/**
 * What a person sees when something goes wrong: one sentence, then a hint; no stack trace unless
 * DRAYER_DEBUG asks for it. The only place that turns an error into an exit status.
 */
import type { CommanderError } from 'commander';
import { EXIT, exitOf, isDrayerError } from '../core/errors.ts';
import { withoutSecrets } from '../core/without-secrets.ts';
import { DEFAULT_HINTS } from './default-hints.ts';
import type { Terminal } from './terminal.ts';

/** What Node's own errors mean, for those a person can do something about. */
const SYSTEM_ERRORS: Readonly<Record<string, readonly [sentence: string, hint: string]>> = {
  EACCES: ['permission denied', 'check who owns it and with which mode'],
  EPERM: ['operation not permitted', 'check who owns it and with which mode'],
  ENOENT: ['no such file or folder', 'check the path'],
  ENOTDIR: ['a part of the path is not a folder', 'check the path'],
  EISDIR: ['expected a file, got a folder', 'check the path'],
  EROFS: ['the file system is read-only', 'choose a path elsewhere'],
  ENOSPC: [
    'no space left on the device',
    'make room and run the command again; nothing was half done',
  ],
  EMFILE: ['too many open files', 'raise the limit with ulimit -n'],
};

/**
 * Reports an error to stderr (and as an object to stdout with --json).
 *
 * @param debug - also print the stack, with every cause
 * @returns the exit status that stands for it
 */
export function reportError(error: unknown, terminal: Terminal, debug: boolean): number {
  // Help and version come as errors too; they have been printed by now.
  if (isParserError(error) && error.exitCode === 0) return EXIT.done;
  if (isParserError(error) && error.code.startsWith('commander.help')) {
    // Help in the place of a command that was left out or is none: people have read it, programs have not.
    if (terminal.isJson) terminal.printJson({ error: NO_COMMAND });
    return EXIT.usage;
  }
  const { code, message, hint, status } = describeError(error);
  if (terminal.isJson) {
    const details = isDrayerError(error) ? error.details : undefined;
    const json = withoutSecrets(JSON.stringify({ code, message, hint, ...details }));
    terminal.printJson({ error: JSON.parse(json) });
  }
  terminal.complain('error', message);
  if (hint !== undefined) terminal.complain('hint', hint);
  if (debug) terminal.draw(`${withoutSecrets(stackOf(error))}\n`);
  return status;
}

const NO_COMMAND = {
  code: 'USAGE',
  message: 'expected the name of a command',
  hint: 'drayer help shows the commands, drayer help COMMAND its options',
};

/** Tells an error of the parser, which a plain command line does without. */
function isParserError(error: unknown): error is CommanderError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.');
}

type Description = {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly status: number;
};

function describeError(error: unknown): Description {
  if (isDrayerError(error)) {
    const { code, message, hint = DEFAULT_HINTS[code] } = error;
    return { code, message, hint, status: exitOf(code) };
  }
  if (isParserError(error)) {
    const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n', 2);
    const hint = suggestion?.replace(/^\((.*)\)$/, '$1') ?? NO_COMMAND.hint;
    return { code: 'USAGE', message, hint, status: EXIT.usage };
  }
  const system = error instanceof Error && 'code' in error ? String(error.code) : '';
  const known = SYSTEM_ERRORS[system];
  if (known !== undefined) {
    const path = error instanceof Error && 'path' in error ? `${String(error.path)}: ` : '';
    return { code: system, message: `${path}${known[0]}`, hint: known[1], status: EXIT.failed };
  }
  return {
    code: 'INTERNAL',
    message: error instanceof Error ? error.message : String(error),
    hint: 'this is a fault of drayer; DRAYER_DEBUG=1 shows where it happened',
    status: EXIT.failed,
  };
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by: ${stackOf(error.cause)}`;
}
