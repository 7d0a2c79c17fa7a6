/**
 * Runs one command line: signals, errors and the exit status are handled here and nowhere else.
 * A signal aborts the command and gives it three seconds; the second one ends it at once.
 */
import { constants } from 'node:os';
import { DrayerError, EXIT } from '../core/errors.ts';
import { readPlainPublish } from './plain-publish.ts';
import { reportError } from './report-error.ts';
import { type CommonFlags, createSession, type OpenSession, type Session } from './session.ts';
import { createTerminal } from './terminal.ts';

const GRACE_MS = 3000;

/** Runs the command line `argv` (as `process.argv`) and sets the exit status. */
export async function main(argv: readonly string[]): Promise<void> {
  const stop = new AbortController();
  const interruption = watchSignals(stop);
  watchOutput();
  let session = createSession(earlyFlags(argv), stop.signal);
  const open = (flags: CommonFlags): Session => {
    session = createSession(flags, stop.signal);
    return session;
  };
  let status: number;
  try {
    status = await run(argv, open);
  } catch (error) {
    const interrupted = interruption.status();
    if (interrupted === undefined) {
      status = reportError(error, session.terminal, Boolean(process.env['DRAYER_DEBUG']));
    } else {
      status = interrupted;
      session.terminal.say('stopped; nothing is left half done');
    }
  }
  process.exitCode = interruption.status() ?? status;
}

async function run(argv: readonly string[], open: OpenSession): Promise<number> {
  const plain = readPlainPublish(argv);
  if (plain === undefined) return (await import('./program.ts')).createProgram(open)(argv);
  const { beginPublish } = await import('./begin-publish.ts');
  return beginPublish(open(plain.flags), plain.directory, plain.flags);
}

/** What an error that comes before the flags are parsed needs to know. */
function earlyFlags(argv: readonly string[]): CommonFlags {
  return { json: argv.includes('--json') };
}

function watchSignals(stop: AbortController): { status(): number | undefined } {
  let status: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const code = 128 + constants.signals[name];
    process.on(name, () => {
      if (status !== undefined) process.exit(code);
      status = code;
      stop.abort();
      setTimeout(() => process.exit(code), GRACE_MS).unref();
    });
  }
  return { status: () => status };
}

/** `drayer ls | head` closes our stdout early, which is no error; a full disk behind it is one. */
function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit();
      if (stream === process.stdout) {
        const terminal = createTerminal({ json: false, quiet: false, environment: process.env });
        reportError(outputError(error), terminal, Boolean(process.env['DRAYER_DEBUG']));
      }
      process.exit(EXIT.failed);
    });
  }
}

function outputError(cause: NodeJS.ErrnoException): DrayerError {
  const reason = cause.code === 'ENOSPC' ? 'no space left on the device' : cause.message;
  const hint =
    'what was printed so far is cut off; make room where the output goes, or choose another place';
  return new DrayerError('STORAGE_FAILED', `cannot write the result to stdout: ${reason}`, {
    cause,
    hint,
  });
}
